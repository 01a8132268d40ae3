#include "runner/ours.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "runner/lockfile_parts.h"
#include "runner/publish.h"
#include "store/content.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_LIMIT = 1 << 28 };

struct known {
    struct known *next; /* all of them, for freeing */
    struct digest digest;
    char *who;  /* of a claim */
    bool added; /* in this run */
    char name[];
};

struct ours {
    const struct plan *plan;
    struct store *store;
    struct lock_reader *lock;
    pthread_mutex_t mutex;
    bool loaded;
    struct table listed, claimed; /* name -> struct known */
    struct table folders;         /* that hold what is claimed: name -> struct known */
    struct known *all;
};

struct ours *ours_new(const struct plan *plan, struct store *store, struct lock_reader *lock,
                      struct error *err)
{
    struct ours *ours = memory_new(1, sizeof(*ours), err);
    if (ours == NULL)
        return NULL;
    ours->plan = plan;
    ours->store = store;
    ours->lock = lock;
    pthread_mutex_init(&ours->mutex, NULL);
    return ours;
}

void ours_free(struct ours *ours)
{
    if (ours == NULL)
        return;
    for (struct known *next, *known = ours->all; known != NULL; known = next) {
        next = known->next;
        free(known->who);
        free(known);
    }
    table_release(&ours->listed);
    table_release(&ours->claimed);
    table_release(&ours->folders);
    pthread_mutex_destroy(&ours->mutex);
    free(ours);
}

/* ---- loading ---- */

static int add(struct ours *ours, struct table *table, const char *name,
               const struct digest *digest, const char *who, struct error *err)
{
    size_t length = strlen(name);
    struct known *known = table_find(table, name, length);
    if (known != NULL) {
        known->digest = *digest;
        return 0;
    }
    if ((known = memory_new(1, sizeof(*known) + length + 1, err)) == NULL)
        return -1;
    memcpy(known->name, name, length);
    known->digest = *digest;
    known->next = ours->all;
    ours->all = known;
    if (who != NULL && (known->who = memory_copy_text(who, err)) == NULL)
        return -1;
    return table_set(table, known->name, length, known, err);
}

static const struct plan_out *published_out(const struct ours *ours, const char *stage,
                                            const char *name)
{
    struct error ignored;
    size_t index;
    if (plan_find(ours->plan, stage, &index, &ignored) < 0)
        return NULL;
    const struct plan_stage *found = &ours->plan->stages[index];
    for (size_t i = 0; i < found->out_count; i++)
        if (strcmp(found->outs[i].name, name) == 0 && found->outs[i].publish != NULL)
            return &found->outs[i];
    return NULL;
}

/* Schema 1 lists no copies: what its outs hold was published, where the plan still says so. */
static int load_old(struct ours *ours, const struct lock_stage *stage, struct error *err)
{
    for (size_t i = 0; i < stage->outs.count; i++) {
        const struct lock_item *item = &stage->outs.list[i];
        const struct plan_out *out = published_out(ours, stage->name, item->name);
        struct lock_names names = {0};
        struct tree tree = {0};
        struct error ignored;
        int result;
        if (out == NULL || publish_tree(ours->store, out, &item->content, &tree, &ignored) < 0)
            continue;
        result = publish_names(&tree, &names, err);
        tree_release(&tree);
        for (size_t n = 0; n < names.count && result == 0; n++)
            result = add(ours, &ours->listed, names.list[n].name, &names.list[n].digest, NULL, err);
        lock_names_release(&names);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int load_lock(struct ours *ours, struct error *err)
{
    const struct lock *lock;
    if (lock_reader_get(ours->lock, &lock, err) < 0)
        return -1;
    for (size_t i = 0; lock != NULL && i < lock->count; i++)
        for (size_t s = 0; s < lock->sections[i]->count; s++) {
            const struct lock_stage *stage = lock->sections[i]->stages[s];
            if (stage->old && load_old(ours, stage, err) < 0)
                return -1;
            for (size_t n = 0; n < stage->published.count; n++)
                if (add(ours, &ours->listed, stage->published.list[n].name,
                        &stage->published.list[n].digest, NULL, err) < 0)
                    return -1;
        }
    return 0;
}

/* A line that was cut off by a kill, or that is damaged, tells nothing. */
static int load_record(struct ours *ours, const char *path, struct error *err)
{
    char *data;
    size_t size;
    struct error why = {0};
    if (!file_exists(path))
        return 0;
    if (file_read(path, RECORD_LIMIT, &data, &size, &why) < 0)
        return why.kind == ERR_MEMORY ? (*err = why, -1) : 0;
    int result = 0;
    for (char *line = data; *line != '\0' && result == 0;) {
        char *end = strchr(line, '\n'), *name;
        struct digest digest;
        if (end == NULL)
            break;
        *end = '\0';
        if (lockfile_read_published(line, &digest, &name, &why) == 0) {
            result = add(ours, &ours->listed, name, &digest, NULL, err);
            free(name);
        } else if (why.kind == ERR_MEMORY) {
            *err = why;
            result = -1;
        }
        line = end + 1;
    }
    free(data);
    return result;
}

static char *record_path(const struct ours *ours, struct error *err)
{
    return file_join(store_folder(ours->store), "published", err);
}

static int load(struct ours *ours, struct error *err)
{
    if (ours->loaded)
        return 0;
    char *path = record_path(ours, err);
    int result = path == NULL ? -1 : load_lock(ours, err);
    if (result == 0)
        result = load_record(ours, path, err);
    free(path);
    ours->loaded = result == 0;
    return result;
}

int ours_find(struct ours *ours, const char *name, bool *is_ours, struct digest *digest,
              struct error *err)
{
    pthread_mutex_lock(&ours->mutex);
    int result = load(ours, err);
    const struct known *known = result < 0 ? NULL : table_find(&ours->listed, name, strlen(name));
    *is_ours = known != NULL;
    if (known != NULL)
        *digest = known->digest;
    pthread_mutex_unlock(&ours->mutex);
    return result;
}

/* ---- adding ---- */

static void add_line(struct text *text, const struct lock_named *named)
{
    lockfile_add_published(text, named);
    text_add(text, "\n");
}

/* Durable when it returns: the power may go when a copy has its name already, and its bytes not
 * yet; of these nobody could tell whose they are. */
static int append(const char *path, const struct text *text, struct error *err)
{
    if (!file_exists(path) && file_write(path, "", 0, err) < 0)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_errno(err, "cannot write '%s'", path);
    errno = 0;
    bool wrote = write(fd, text->data, text->size) == (ssize_t)text->size;
    if (!wrote && errno == 0)
        errno = ENOSPC;
    int result = wrote && (fsync(fd) == 0 || errno == EINVAL)
                     ? 0
                     : error_errno(err, "cannot write '%s'", path);
    close(fd);
    return result;
}

int ours_add(struct ours *ours, const struct lock_names *names, struct error *err)
{
    struct text text = {0};
    char *path = record_path(ours, err);
    if (path == NULL)
        return -1;
    /* After a line that a kill cut off, a line of its own. */
    text_add(&text, "\n");
    for (size_t i = 0; i < names->count; i++)
        add_line(&text, &names->list[i]);
    pthread_mutex_lock(&ours->mutex);
    int result = text_check(&text, err);
    if (result == 0)
        result = load(ours, err);
    if (result == 0)
        result = append(path, &text, err);
    for (size_t i = 0; i < names->count && result == 0; i++) {
        const struct lock_named *named = &names->list[i];
        result = add(ours, &ours->listed, named->name, &named->digest, NULL, err);
        struct known *known = table_find(&ours->listed, named->name, strlen(named->name));
        if (known != NULL)
            known->added = true;
    }
    pthread_mutex_unlock(&ours->mutex);
    text_release(&text);
    free(path);
    return result;
}

static int file_and_folder(const char *file, const char *folder, const char *name,
                           struct error *err)
{
    return error_set(err, ERR_STAGE,
                     "'%s' publishes '%s' as a file, '%s' as a folder: give one of them another "
                     "folder",
                     file, name, folder);
}

/* The folders that hold `named`, which no other out may have as a file; and the reverse. */
static int claim_folders(struct ours *ours, const char *who, const struct lock_named *named,
                         struct error *err)
{
    const struct known *other = table_find(&ours->folders, named->name, strlen(named->name));
    if (other != NULL)
        return file_and_folder(who, other->who, named->name, err);
    char *folder = memory_copy_text(named->name, err), *slash;
    int result = folder == NULL ? -1 : 0;
    while (result == 0 && (slash = strrchr(folder, '/')) != NULL) {
        *slash = '\0';
        if (table_find(&ours->folders, folder, strlen(folder)) != NULL)
            break; /* and so are those above it */
        other = table_find(&ours->claimed, folder, strlen(folder));
        result = other != NULL ? file_and_folder(other->who, who, folder, err)
                               : add(ours, &ours->folders, folder, &named->digest, who, err);
    }
    free(folder);
    return result;
}

int ours_claim(struct ours *ours, const char *who, const struct lock_names *names,
               struct error *err)
{
    int result = 0;
    pthread_mutex_lock(&ours->mutex);
    for (size_t i = 0; i < names->count && result == 0; i++) {
        const struct lock_named *named = &names->list[i];
        const struct known *other = table_find(&ours->claimed, named->name, strlen(named->name));
        if (other == NULL && (result = claim_folders(ours, who, named, err)) == 0)
            result = add(ours, &ours->claimed, named->name, &named->digest, who, err);
        else if (other != NULL && strcmp(other->who, who) != 0 &&
                 !digest_equal(&other->digest, &named->digest))
            result = error_set(err, ERR_STAGE,
                               "'%s' and '%s' both publish '%s': give one of them another folder",
                               other->who, who, named->name);
    }
    pthread_mutex_unlock(&ours->mutex);
    return result;
}

int ours_settle(struct ours *ours, const struct lock *lock, struct error *err)
{
    struct text text = {0};
    struct error ignored;
    char *path = record_path(ours, err);
    for (size_t i = 0; i < lock->count; i++)
        for (size_t s = 0; s < lock->sections[i]->count; s++) {
            const struct lock_names *names = &lock->sections[i]->stages[s]->published;
            for (size_t n = 0; n < names->count; n++)
                add_line(&text, &names->list[n]);
        }
    /* Of stages that failed afterwards. */
    for (const struct known *known = ours->all; known != NULL; known = known->next)
        if (known->added) {
            struct lock_named named = {.name = (char *)known->name, .digest = known->digest};
            add_line(&text, &named);
        }
    int result = path == NULL ? -1 : text_check(&text, err);
    if (result == 0 && text.size > 0)
        result = file_write(path, text.data, text.size, err);
    else if (result == 0 && file_exists(path))
        file_remove(path, &ignored);
    text_release(&text);
    free(path);
    return result;
}

/* ---- what lies in artifacts ---- */

int ours_write_delivered(const struct plan *plan, struct store *store, struct error *err)
{
    json_t *before = NULL,
           *now = json_pack("{s:s, s:O}", "profile", plan->profile, "sets", plan->sets);
    struct error ignored;
    char *path = file_join(store_folder(store), "delivered.json", err);
    int result = path == NULL ? -1 : 0;
    if (now == NULL)
        result = error_set(err, ERR_MEMORY, "out of memory for the record of delivery");
    bool same = result == 0 && file_exists(path) && json_read(path, &before, &ignored) == 0 &&
                json_equal(before, now);
    if (result == 0 && !same)
        result = json_write(path, now, err);
    json_decref(before);
    json_decref(now);
    free(path);
    return result;
}

int ours_read_delivered(const char *cache, char **profile, struct error *err)
{
    json_t *record = NULL;
    struct error ignored;
    *profile = NULL;
    char *path = file_join(cache, "delivered.json", err);
    if (path == NULL)
        return -1;
    int result = 0;
    if (file_exists(path) && json_read(path, &record, &ignored) == 0) {
        const char *name = json_string_value(json_object_get(record, "profile"));
        if (name != NULL && (*profile = memory_copy_text(name, err)) == NULL)
            result = -1;
    }
    json_decref(record);
    free(path);
    return result;
}
