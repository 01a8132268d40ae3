#include "runner/lockfile.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct lock *lock_new(struct error *err)
{
    return memory_new(1, sizeof(struct lock), err);
}

static void free_section(struct lock_section *section)
{
    if (section == NULL)
        return;
    for (size_t i = 0; i < section->count; i++)
        lock_stage_free(section->stages[i]);
    free(section->stages);
    table_release(&section->by_name);
    json_decref(section->sets);
    free(section->profile);
    free(section);
}

void lock_free(struct lock *lock)
{
    if (lock == NULL)
        return;
    for (size_t i = 0; i < lock->count; i++)
        free_section(lock->sections[i]);
    free(lock->sections);
    free(lock);
}

struct lock_section *lock_find_section(const struct lock *lock, const char *profile)
{
    for (size_t i = 0; lock != NULL && i < lock->count; i++)
        if (strcmp(lock->sections[i]->profile, profile) == 0)
            return lock->sections[i];
    return NULL;
}

struct lock_section *lock_section(struct lock *lock, const char *profile, struct error *err)
{
    struct lock_section *section = lock_find_section(lock, profile);
    if (section != NULL)
        return section;
    if ((section = memory_new(1, sizeof(*section), err)) == NULL)
        return NULL;
    if ((section->profile = memory_copy_text(profile, err)) == NULL ||
        memory_grow(&lock->sections, &lock->capacity, lock->count + 1, sizeof(*lock->sections),
                    err) < 0)
        goto failed;
    if ((section->sets = json_object()) == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for a lock");
        goto failed;
    }
    return lock->sections[lock->count++] = section;
failed:
    free_section(section);
    return NULL;
}

int lock_set_sets(struct lock_section *section, json_t *sets, struct error *err)
{
    json_t *copy = json_deep_copy(sets);
    if (copy == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for a lock");
    json_decref(section->sets);
    section->sets = copy;
    return 0;
}

struct lock_stage *lock_stage_new(const char *name, json_t *cmd, json_t *params,
                                  const struct digest *key, struct error *err)
{
    struct lock_stage *stage = memory_new(1, sizeof(*stage), err);
    if (stage == NULL)
        return NULL;
    stage->key = *key;
    stage->cmd = json_incref(cmd);
    stage->params = json_incref(params);
    if ((stage->name = memory_copy_text(name, err)) != NULL)
        return stage;
    lock_stage_free(stage);
    return NULL;
}

static void release_items(struct lock_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->list[i].name);
        free(items->list[i].path);
    }
    free(items->list);
}

void lock_names_release(struct lock_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].name);
    free(names->list);
    *names = (struct lock_names){0};
}

void lock_stage_free(struct lock_stage *stage)
{
    if (stage == NULL)
        return;
    free(stage->name);
    json_decref(stage->cmd);
    json_decref(stage->params);
    lock_names_release(&stage->files);
    lock_names_release(&stage->env);
    lock_names_release(&stage->published);
    release_items(&stage->deps);
    release_items(&stage->outs);
    free(stage->fingerprint);
    free(stage->adopted);
    free(stage);
}

int lock_put(struct lock_section *section, struct lock_stage *stage, struct error *err)
{
    size_t length = strlen(stage->name);
    struct lock_stage *old = table_find(&section->by_name, stage->name, length);
    if (old != NULL) {
        /* The table's key becomes the new entry's name: it must be set before the old one goes. */
        if (table_set(&section->by_name, stage->name, length, stage, err) < 0) {
            lock_stage_free(stage);
            return -1;
        }
        stage->at = old->at;
        section->stages[stage->at] = stage;
        lock_stage_free(old);
        return 0;
    }
    if (memory_grow(&section->stages, &section->capacity, section->count + 1,
                    sizeof(*section->stages), err) < 0 ||
        table_set(&section->by_name, stage->name, length, stage, err) < 0) {
        lock_stage_free(stage);
        return -1;
    }
    stage->at = section->count;
    section->stages[section->count++] = stage;
    return 0;
}

int lock_drop(struct lock_section *section, lock_keep_fn *keep, void *arg, struct error *err)
{
    size_t kept = 0;
    struct table table = {0};
    int result = 0;
    for (size_t i = 0; i < section->count; i++) {
        struct lock_stage *stage = section->stages[i];
        if (!keep(arg, stage)) {
            lock_stage_free(stage);
            continue;
        }
        stage->at = kept;
        section->stages[kept++] = stage;
        if (result == 0)
            result = table_set(&table, stage->name, strlen(stage->name), stage, err);
    }
    section->count = kept;
    table_release(&section->by_name);
    section->by_name = table;
    return result;
}

int lock_add_item(struct lock_items *items, const char *name, const char *path,
                  const struct content *content, struct error *err)
{
    struct lock_item item = {NULL, NULL, *content};
    if ((item.name = memory_copy_text(name, err)) == NULL ||
        (item.path = memory_copy_text(path, err)) == NULL ||
        memory_grow(&items->list, &items->capacity, items->count + 1, sizeof(item), err) < 0) {
        free(item.name);
        free(item.path);
        return -1;
    }
    items->list[items->count++] = item;
    return 0;
}

int lock_add_name(struct lock_names *names, const char *name, const struct digest *digest,
                  struct error *err)
{
    struct lock_named named = {.absent = digest == NULL};
    if (digest != NULL)
        named.digest = *digest;
    if ((named.name = memory_copy_text(name, err)) == NULL ||
        memory_grow(&names->list, &names->capacity, names->count + 1, sizeof(named), err) < 0) {
        free(named.name);
        return -1;
    }
    names->list[names->count++] = named;
    return 0;
}

const struct lock_stage *lock_find_stage(const struct lock_section *section, const char *stage)
{
    return section == NULL ? NULL : table_find(&section->by_name, stage, strlen(stage));
}

const struct lock_stage *lock_find(const struct lock *lock, const char *profile, const char *stage)
{
    return lock_find_stage(lock_find_section(lock, profile), stage);
}

const struct lock_item *lock_find_item(const struct lock_items *items, const char *name)
{
    for (size_t i = 0; i < items->count; i++)
        if (strcmp(items->list[i].name, name) == 0)
            return &items->list[i];
    return NULL;
}

const struct lock_named *lock_find_name(const struct lock_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i].name, name) == 0)
            return &names->list[i];
    return NULL;
}
