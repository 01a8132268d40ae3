#include "store/collect.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct blob {
    char hex[DIGEST_HEX_SIZE];
    int64_t bytes;
    bool held; /* by what is no result */
    bool kept, counted;
};

struct collect {
    struct store *store;
    struct blob *blobs;
    size_t blob_count, blob_capacity;
    struct table by_digest;
    struct collect_result *results;
    size_t result_count, result_capacity;
    struct collect_sizes sizes;
};

/* ---- what there is ---- */

/* Calls `visit` for each file two levels below a part of the store, by the digits of its path. */
typedef int visit_fn(struct collect *collect, const char *path, const char hex[DIGEST_HEX_SIZE],
                     struct error *err);

static int each_name(struct collect *collect, const char *folder, const char *shard,
                     const char *suffix, visit_fn *visit, struct error *err)
{
    char **names;
    size_t count;
    int result = 0;
    if (file_list(folder, &names, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++) {
        const size_t digits = DIGEST_HEX_SIZE - 1 - strlen(shard), length = strlen(names[i]);
        char hex[DIGEST_HEX_SIZE];
        struct digest digest;
        if (length != digits + strlen(suffix) || strcmp(names[i] + digits, suffix) != 0)
            continue; /* not ours */
        snprintf(hex, sizeof(hex), "%s%.*s", shard, (int)digits, names[i]);
        char *path = digest_from_hex(hex, &digest) ? file_join(folder, names[i], err) : NULL;
        if (path != NULL)
            result = visit(collect, path, hex, err);
        free(path);
    }
    file_free_names(names, count);
    return result;
}

static int each_file(struct collect *collect, const char *part, const char *suffix, visit_fn *visit,
                     struct error *err)
{
    char **names;
    size_t count;
    int result = 0;
    struct stat status;
    char *folder = file_join(store_folder(collect->store), part, err);
    if (folder == NULL)
        return -1;
    if (lstat(folder, &status) < 0 || !S_ISDIR(status.st_mode)) {
        free(folder);
        return 0; /* nothing was stored yet */
    }
    if (file_list(folder, &names, &count, err) < 0) {
        free(folder);
        return -1;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        char *shard = strlen(names[i]) == 2 ? file_join(folder, names[i], err) : NULL;
        if (shard != NULL && lstat(shard, &status) == 0 && S_ISDIR(status.st_mode))
            result = each_name(collect, shard, names[i], suffix, visit, err);
        free(shard);
    }
    file_free_names(names, count);
    free(folder);
    return result;
}

static int take_blob(struct collect *collect, const char *path, const char hex[DIGEST_HEX_SIZE],
                     struct error *err)
{
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    if (memory_grow(&collect->blobs, &collect->blob_capacity, collect->blob_count + 1,
                    sizeof(*collect->blobs), err) < 0)
        return -1;
    struct blob *blob = &collect->blobs[collect->blob_count++];
    memcpy(blob->hex, hex, DIGEST_HEX_SIZE);
    blob->bytes = status.st_size;
    collect->sizes.bytes += status.st_size;
    return 0;
}

/* A damaged one is of no stage and no blob. */
static int take_result(struct collect *collect, const char *path, const char hex[DIGEST_HEX_SIZE],
                       struct error *err)
{
    struct stat status;
    struct action *action;
    struct digest key;
    if (lstat(path, &status) < 0 || !digest_from_hex(hex, &key))
        return 0;
    if (action_read(collect->store, &key, &action, err) < 0 ||
        memory_grow(&collect->results, &collect->result_capacity, collect->result_count + 1,
                    sizeof(*collect->results), err) < 0)
        return -1;
    struct collect_result *result = &collect->results[collect->result_count++];
    *result = (struct collect_result){.key = key, .used = status.st_mtime};
    result->stage = memory_copy_text(action != NULL ? action->stage : "", err);
    action_free(action);
    return result->stage != NULL ? 0 : -1;
}

static int index_blobs(struct collect *collect, struct error *err)
{
    if (table_reserve(&collect->by_digest, collect->blob_count, err) < 0)
        return -1;
    for (size_t i = 0; i < collect->blob_count; i++)
        if (table_set(&collect->by_digest, collect->blobs[i].hex, DIGEST_HEX_SIZE - 1,
                      &collect->blobs[i], err) < 0)
            return -1;
    return 0;
}

int collect_open(struct store *store, struct collect **collect, struct error *err)
{
    struct collect *made = memory_new(1, sizeof(*made), err);
    if (made == NULL)
        return -1;
    made->store = store;
    if (each_file(made, "objects", "", take_blob, err) < 0 || index_blobs(made, err) < 0 ||
        each_file(made, "actions", ".json", take_result, err) < 0) {
        collect_close(made);
        return -1;
    }
    made->sizes.blobs = made->blob_count;
    made->sizes.results = made->result_count;
    *collect = made;
    return 0;
}

void collect_close(struct collect *collect)
{
    if (collect == NULL)
        return;
    for (size_t i = 0; i < collect->result_count; i++)
        free(collect->results[i].stage);
    free(collect->results);
    table_release(&collect->by_digest);
    free(collect->blobs);
    free(collect);
}

/* ---- who wants what ---- */

static struct collect_result *find_result(struct collect *collect, const struct digest *key)
{
    for (size_t i = 0; i < collect->result_count; i++)
        if (digest_equal(&collect->results[i].key, key))
            return &collect->results[i];
    return NULL;
}

void collect_hold(struct collect *collect, const struct digest *key)
{
    struct collect_result *result = find_result(collect, key);
    if (result != NULL)
        result->held = true;
}

void collect_use(struct collect *collect, const struct digest *key, time_t when)
{
    struct collect_result *result = find_result(collect, key);
    if (result != NULL && result->used < when)
        result->used = when;
}

typedef void blob_fn(struct blob *blob, void *arg);

static void each_blob(struct collect *collect, const struct digest *digest, blob_fn *visit,
                      void *arg)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    struct blob *blob = table_find(&collect->by_digest, hex, DIGEST_HEX_SIZE - 1);
    if (blob != NULL)
        visit(blob, arg);
}

/* Those of a tree that can't be read are nobody's: the result is none. */
static int each_of_content(struct collect *collect, const struct content *content, blob_fn *visit,
                           void *arg, struct error *err)
{
    struct tree tree = {0};
    struct error why = {0};
    each_blob(collect, &content->digest, visit, arg);
    if (content->kind != CONTENT_FOLDER)
        return 0;
    if (content_tree(collect->store, content, &tree, &why) < 0) {
        if (why.kind != ERR_MEMORY)
            return 0;
        *err = why;
        return -1;
    }
    for (size_t i = 0; i < tree.count; i++)
        if (tree.entries[i].kind == TREE_FILE || tree.entries[i].kind == TREE_EXECUTABLE)
            each_blob(collect, &tree.entries[i].digest, visit, arg);
    tree_release(&tree);
    return 0;
}

static int each_of_result(struct collect *collect, const struct collect_result *result,
                          blob_fn *visit, void *arg, struct error *err)
{
    struct action *action;
    if (action_read(collect->store, &result->key, &action, err) < 0)
        return -1;
    if (action == NULL)
        return 0;
    int status = 0;
    each_blob(collect, &action->log, visit, arg);
    for (size_t i = 0; i < action->out_count && status == 0; i++)
        status = each_of_content(collect, &action->outs[i].content, visit, arg, err);
    action_free(action);
    return status;
}

static void hold_blob(struct blob *blob, void *arg)
{
    (void)arg;
    blob->held = true;
}

int collect_hold_content(struct collect *collect, const struct content *content, struct error *err)
{
    return each_of_content(collect, content, hold_blob, NULL, err);
}

/* ---- choosing ---- */

static int compare_results(const void *left, const void *right)
{
    const struct collect_result *a = left, *b = right;
    if (a->held != b->held)
        return a->held ? -1 : 1;
    if (a->used != b->used)
        return a->used > b->used ? -1 : 1;
    return memcmp(a->key.bytes, b->key.bytes, DIGEST_SIZE);
}

static void count_blob(struct blob *blob, void *arg)
{
    if (!blob->counted)
        *(int64_t *)arg += blob->bytes;
    blob->counted = true;
}

static void keep_blob(struct blob *blob, void *arg)
{
    struct collect *collect = arg;
    if (blob->kept)
        return;
    blob->kept = true;
    collect->sizes.kept_blobs++;
    collect->sizes.kept_bytes += blob->bytes;
}

/* Once one that was used later has no room, none that was used before it has. */
int collect_choose(struct collect *collect, time_t oldest, int64_t most, struct error *err)
{
    bool room = true;
    if (collect->result_count > 0)
        qsort(collect->results, collect->result_count, sizeof(*collect->results), compare_results);
    for (size_t i = 0; i < collect->blob_count; i++)
        if (collect->blobs[i].held)
            keep_blob(&collect->blobs[i], collect);
    collect->sizes.held_bytes = collect->sizes.kept_bytes;
    for (size_t i = 0; i < collect->result_count; i++) {
        struct collect_result *result = &collect->results[i];
        if (each_of_result(collect, result, count_blob, &result->bytes, err) < 0)
            return -1;
        room = room && (result->bytes <= most - collect->sizes.kept_bytes);
        result->kept = result->held || (room && result->used > oldest);
        if (!result->kept)
            continue;
        collect->sizes.kept_results++;
        if (each_of_result(collect, result, keep_blob, collect, err) < 0)
            return -1;
        if (result->held)
            collect->sizes.held_bytes = collect->sizes.kept_bytes;
    }
    return 0;
}

const struct collect_result *collect_results(const struct collect *collect, size_t *count)
{
    *count = collect->result_count;
    return collect->results;
}

struct collect_sizes collect_sizes(const struct collect *collect)
{
    return collect->sizes;
}

/* ---- removing ---- */

static int remove_file(const char *path, struct error *err)
{
    return unlink(path) == 0 || !file_exists(path) ? 0
                                                   : error_errno(err, "cannot remove '%s'", path);
}

int collect_remove(struct collect *collect, struct error *err)
{
    char path[STORE_PATH_SIZE];
    for (size_t i = 0; i < collect->result_count; i++) {
        store_action_path(collect->store, &collect->results[i].key, path);
        if (!collect->results[i].kept && remove_file(path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < collect->blob_count; i++) {
        struct digest digest;
        if (collect->blobs[i].kept || !digest_from_hex(collect->blobs[i].hex, &digest))
            continue;
        store_object_path(collect->store, &digest, path);
        if (remove_file(path, err) < 0)
            return -1;
    }
    return 0;
}
