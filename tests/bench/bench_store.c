/* Times the store, for store.sh:
 *
 *   bench_store put CACHE FOLDER    stores a folder's copy, takes it, flushes; seconds
 *   bench_store hash FILE           MB/s of one file
 *   bench_store noop CACHE COUNT    writes COUNT actions of one blob each, opens the store anew; ms
 *                                   to read all actions and look all blobs up
 */
#include "base/file.h"
#include "store/action.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const struct error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

static int put(const char *cache, const char *folder)
{
    struct error err;
    struct store *store;
    struct content content;
    double begin = now();
    if (store_open(cache, &store, &err) < 0 ||
        content_put(store, AT_FDCWD, folder, true, &content, &err) < 0 ||
        store_flush(store, &err) < 0)
        return fail(&err);
    store_close(store);
    printf("%.3f\n", now() - begin);
    return 0;
}

static int hash(const char *file)
{
    struct error err;
    struct store *store;
    struct digest digest;
    int64_t size;
    char cache[] = "/tmp/reprise-bench-XXXXXX";
    if (mkdtemp(cache) == NULL || store_open(cache, &store, &err) < 0)
        return 1;
    double begin = now();
    if (blob_hash_file(store, file, STORE_BY_READING, &digest, &size, &err) < 0)
        return fail(&err);
    printf("%.0f\n", (double)size / 1e6 / (now() - begin));
    store_close(store);
    return file_remove(cache, &err) < 0 ? fail(&err) : 0;
}

/* What a stage of some size says of itself. */
static void components_of(int index, char text[2048])
{
    int size = snprintf(text, 2048, "reprise-key 2\ncmd [\"build/stages/s\"]\nstage s%d\n", index);
    for (int line = 0; line < 12; line++)
        size += snprintf(text + size, 2048 - (size_t)size, "dep d%d file %064d\n", line, index);
}

static int write_actions(struct store *store, int count, struct digest *keys, struct error *err)
{
    for (int i = 0; i < count; i++) {
        char components[2048], blob[32];
        struct content content = {.kind = CONTENT_FILE, .size = 32};
        components_of(i, components);
        snprintf(blob, sizeof(blob), "%d", i);
        struct action *action = action_new("s", components, err);
        if (action == NULL || blob_put_bytes(store, blob, strlen(blob), &content.digest, err) < 0 ||
            digest_of_bytes(components, strlen(components), &keys[i], err) < 0 ||
            action_add_out(action, "o", &content, err) < 0)
            return -1;
        action->log = content.digest;
        if (action_write(store, &keys[i], action, err) < 0)
            return -1;
        action_free(action);
    }
    return store_flush(store, err);
}

static int noop(const char *cache, int count)
{
    struct error err;
    struct store *store;
    struct digest *keys = calloc((size_t)count, sizeof(*keys));
    struct action *action;
    if (keys == NULL || store_open(cache, &store, &err) < 0 ||
        write_actions(store, count, keys, &err) < 0)
        return fail(&err);
    store_close(store);
    double begin = now(), actions, opened;
    if (store_open(cache, &store, &err) < 0)
        return fail(&err);
    opened = now() - begin;
    struct digest *blobs = calloc((size_t)count, sizeof(*blobs));
    begin = now();
    for (int i = 0; i < count && blobs != NULL; i++) {
        if (action_read(store, &keys[i], &action, &err) < 0 || action == NULL)
            return 1;
        blobs[i] = action->log;
        action_free(action);
    }
    actions = now() - begin;
    begin = now();
    for (int i = 0; i < count && blobs != NULL; i++)
        if (blob_check(store, &blobs[i], STORE_BY_MEMO, &err) < 0)
            return fail(&err);
    printf("open %.1f ms, actions %.1f ms, blobs %.1f ms\n", opened * 1e3, actions * 1e3,
           (now() - begin) * 1e3);
    store_close(store);
    free(keys);
    free(blobs);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "put") == 0)
        return put(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "hash") == 0)
        return hash(argv[2]);
    if (argc == 4 && strcmp(argv[1], "noop") == 0)
        return noop(argv[2], (int)strtol(argv[3], NULL, 10));
    fprintf(stderr, "usage: bench_store put CACHE FOLDER | hash FILE | noop CACHE COUNT\n");
    return 2;
}
