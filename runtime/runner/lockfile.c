#include "runner/lockfile.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct lock *lock_new(const char *profile, json_t *sets, struct error *err)
{
    struct lock *lock = memory_new(1, sizeof(*lock), err);
    if (lock == NULL)
        return NULL;
    lock->sets = sets != NULL ? json_incref(sets) : json_object();
    if (lock->sets == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a lock");
    if (lock->sets != NULL && (lock->profile = memory_copy_text(profile, err)) != NULL)
        return lock;
    lock_free(lock);
    return NULL;
}

static json_t *words_to_json(char *const *argv, struct error *err)
{
    json_t *list = json_array();
    for (; list != NULL && *argv != NULL; argv++)
        if (json_array_append_new(list, json_string(*argv)) < 0) {
            json_decref(list);
            list = NULL;
        }
    if (list == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a command");
    return list;
}

static void release_items(struct lock_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].name);
        free(items[i].path);
    }
    free(items);
}

static void release_stage(struct lock_stage *stage)
{
    free(stage->name);
    json_decref(stage->cmd);
    json_decref(stage->params);
    release_items(stage->deps, stage->dep_count);
    release_items(stage->outs, stage->out_count);
}

struct lock_stage *lock_add_stage(struct lock *lock, const char *name, char *const *argv,
                                  json_t *params, const struct digest *key, struct error *err)
{
    struct lock_stage stage = {.params = json_incref(params), .key = *key};
    if ((stage.name = memory_copy_text(name, err)) == NULL ||
        (stage.cmd = words_to_json(argv, err)) == NULL ||
        memory_grow(&lock->stages, &lock->capacity, lock->count + 1, sizeof(*lock->stages), err) <
            0) {
        release_stage(&stage);
        return NULL;
    }
    lock->stages[lock->count] = stage;
    return &lock->stages[lock->count++];
}

static int add_item(struct lock_item **items, size_t *count, size_t *capacity, const char *name,
                    const char *path, const struct digest *digest, int64_t size, bool folder,
                    struct error *err)
{
    struct lock_item item = {NULL, NULL, *digest, size, folder};
    if ((item.name = memory_copy_text(name, err)) == NULL ||
        (item.path = memory_copy_text(path, err)) == NULL ||
        memory_grow(items, capacity, *count + 1, sizeof(**items), err) < 0) {
        free(item.name);
        free(item.path);
        return -1;
    }
    (*items)[(*count)++] = item;
    return 0;
}

int lock_add_dep(struct lock_stage *stage, const char *name, const char *from,
                 const struct digest *digest, int64_t size, bool folder, struct error *err)
{
    return add_item(&stage->deps, &stage->dep_count, &stage->dep_capacity, name, from, digest, size,
                    folder, err);
}

int lock_add_out(struct lock_stage *stage, const char *name, const char *path,
                 const struct digest *digest, int64_t size, bool folder, struct error *err)
{
    return add_item(&stage->outs, &stage->out_count, &stage->out_capacity, name, path, digest, size,
                    folder, err);
}

void lock_free(struct lock *lock)
{
    if (lock == NULL)
        return;
    for (size_t i = 0; i < lock->count; i++)
        release_stage(&lock->stages[i]);
    free(lock->stages);
    json_decref(lock->sets);
    free(lock->profile);
    free(lock);
}

const struct lock_stage *lock_find(const struct lock *lock, const char *stage)
{
    for (size_t i = 0; i < lock->count; i++)
        if (strcmp(lock->stages[i].name, stage) == 0)
            return &lock->stages[i];
    return NULL;
}

static const struct lock_item *find_item(const struct lock_item *items, size_t count,
                                         const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    return NULL;
}

const struct lock_item *lock_find_dep(const struct lock_stage *stage, const char *name)
{
    return find_item(stage->deps, stage->dep_count, name);
}

const struct lock_item *lock_find_out(const struct lock_stage *stage, const char *name)
{
    return find_item(stage->outs, stage->out_count, name);
}
