#include "runner/evidence.h"

#include "base/memory.h"
#include "base/text.h"
#include "store/memo.h"
#include "store/pool.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where most paths begin: a look-up from there has fewer steps, and a shorter text. */
static const char *const bases[] = {"cache/objects", "cache/actions", "artifacts", "."};
enum { BASE_COUNT = sizeof(bases) / sizeof(bases[0]), BASE_FOLDER = BASE_COUNT - 1 };

enum {
    CHUNK = 32,
    THREADS_FROM = 1024
}; /* lines that a thread takes at once; and threads at all */

struct evidence {
    char *folder;
    struct timespec start;
    struct evidence_item *items;
    size_t count, capacity;
    struct text paths;
    bool broken;
};

struct evidence *evidence_new(const char *folder, const struct timespec *start, struct error *err)
{
    struct evidence *evidence = memory_new(1, sizeof(*evidence), err);
    if (evidence == NULL)
        return NULL;
    evidence->start = *start;
    if ((evidence->folder = memory_copy_text(folder, err)) == NULL) {
        free(evidence);
        return NULL;
    }
    return evidence;
}

void evidence_free(struct evidence *evidence)
{
    if (evidence == NULL)
        return;
    free(evidence->folder);
    free(evidence->items);
    text_release(&evidence->paths);
    free(evidence);
}

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What a line says of `st`, beside kind and path. */
static struct evidence_item item_of(enum evidence_kind kind, const struct stat *st)
{
    if (kind == EVIDENCE_NO_FILE || kind == EVIDENCE_NOTHING)
        return (struct evidence_item){.kind = (uint8_t)kind};
    struct evidence_item item = {
        .kind = (uint8_t)kind, .device = st->st_dev, .inode = st->st_ino, .mode = st->st_mode};
    if (kind == EVIDENCE_PLACE)
        return item;
    item.size = st->st_size;
    item.mtime = nanoseconds(st->st_mtim);
    item.ctime = nanoseconds(st->st_ctim);
    return item;
}

static bool same(const struct evidence_item *a, const struct evidence_item *b)
{
    return a->inode == b->inode && a->ctime == b->ctime && a->mtime == b->mtime &&
           a->size == b->size && a->mode == b->mode && a->device == b->device;
}

/* Looks at a path; false where nothing of the kind can be said of it. */
static bool look(enum evidence_kind kind, int folder, const char *path, struct stat *st)
{
    bool itself = kind == EVIDENCE_ITSELF || kind == EVIDENCE_PLACE;
    bool there = fstatat(folder, path, st, itself ? AT_SYMLINK_NOFOLLOW : 0) == 0;
    if (kind == EVIDENCE_NOTHING)
        return !there;
    if (kind == EVIDENCE_NO_FILE)
        return !there || !S_ISREG(st->st_mode);
    return there && (kind != EVIDENCE_RUNS || faccessat(folder, path, X_OK, 0) == 0);
}

/* ---- gathering ---- */

/* Where in `path` what follows the base begins, or 0. */
static size_t begins_in(const struct evidence *evidence, const char *path, size_t base)
{
    size_t length = strlen(evidence->folder), inner = strlen(bases[base]);
    if (strcmp(evidence->folder, "/") == 0)
        length = 0;
    if (strncmp(path, evidence->folder, length) != 0 || path[length] != '/')
        return 0;
    if (base == BASE_FOLDER)
        return path[length + 1] != '\0' ? length + 1 : 0;
    path += length + 1;
    return strncmp(path, bases[base], inner) == 0 && path[inner] == '/' && path[inner + 1] != '\0'
               ? length + 1 + inner + 1
               : 0;
}

/* True where it may change again, or have changed since it was looked at, and nobody could tell. A
 * folder on the way says nothing of when it changed. */
static bool is_fresh(const struct evidence *evidence, enum evidence_kind kind,
                     const struct stat *st)
{
    if (kind == EVIDENCE_NO_FILE || kind == EVIDENCE_NOTHING ||
        (kind == EVIDENCE_PLACE && S_ISDIR(st->st_mode)))
        return false;
    return memo_is_racy_at(st, &evidence->start);
}

void evidence_add(struct evidence *evidence, enum evidence_kind kind, const char *path)
{
    struct stat st;
    struct error ignored;
    if (evidence->broken)
        return;
    if (!look(kind, AT_FDCWD, path, &st) ||
        memory_grow(&evidence->items, &evidence->capacity, evidence->count + 1,
                    sizeof(*evidence->items), &ignored) < 0) {
        evidence->broken = true;
        return;
    }
    struct evidence_item item = item_of(kind, &st);
    if (is_fresh(evidence, kind, &st)) {
        evidence->broken = true;
        return;
    }
    size_t at = 0, base = 0;
    while (base < BASE_COUNT && (at = begins_in(evidence, path, base)) == 0)
        base++;
    item.base = (uint8_t)(base < BASE_COUNT ? base : BASE_FOLDER);
    item.path = evidence->paths.size;
    text_append(&evidence->paths, path + at, strlen(path + at) + 1);
    evidence->items[evidence->count++] = item;
}

void evidence_add_way(struct evidence *evidence, const char *path)
{
    struct error ignored;
    char *way = memory_copy_text(path, &ignored);
    if (way == NULL) {
        evidence->broken = true;
        return;
    }
    size_t first = begins_in(evidence, path, BASE_FOLDER);
    for (size_t i = first > 0 ? first : 1; way[i] != '\0'; i++)
        if (way[i] == '/' && way[i + 1] != '\0') {
            struct stat st;
            way[i] = '\0';
            bool there = lstat(way, &st) == 0;
            evidence_add(evidence, there ? EVIDENCE_PLACE : EVIDENCE_NOTHING, way);
            way[i] = '/';
            if (!there)
                break;
        }
    free(way);
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct evidence_item *first = a, *second = b;
    const char *paths = arg;
    if (first->base != second->base)
        return first->base < second->base ? -1 : 1;
    int order = strcmp(paths + first->path, paths + second->path);
    return order != 0 ? order : (first->kind > second->kind) - (first->kind < second->kind);
}

bool evidence_settle(struct evidence *evidence)
{
    size_t kept = 0;
    struct text paths = {0};
    if (evidence->broken || evidence->paths.failed)
        return false;
    if (evidence->count > 0)
        qsort_r(evidence->items, evidence->count, sizeof(*evidence->items), compare,
                evidence->paths.data);
    for (size_t i = 0; i < evidence->count; i++) {
        struct evidence_item item = evidence->items[i];
        const char *path = evidence->paths.data + item.path;
        const struct evidence_item *last = kept > 0 ? &evidence->items[kept - 1] : NULL;
        if (last != NULL && last->base == item.base && last->kind == item.kind &&
            strcmp(paths.data + last->path, path) == 0) {
            if (!same(last, &item))
                evidence->broken = true;
            continue;
        }
        item.path = paths.size;
        text_append(&paths, path, strlen(path) + 1);
        if (paths.failed)
            break;
        evidence->items[kept++] = item;
    }
    evidence->broken = evidence->broken || paths.failed;
    text_release(&evidence->paths);
    evidence->paths = paths;
    evidence->count = kept;
    return !evidence->broken;
}

struct evidence_data evidence_data(const struct evidence *evidence)
{
    return (struct evidence_data){.items = evidence->items,
                                  .count = evidence->count,
                                  .paths = text_string(&evidence->paths),
                                  .size = evidence->paths.size};
}

/* ---- checking ---- */

struct checking {
    const struct evidence_data *data;
    int folders[BASE_COUNT];
    atomic_bool differs;
};

static bool stands(const struct checking *checking, const struct evidence_item *item)
{
    struct stat st;
    if (item->kind >= EVIDENCE_KINDS || item->base >= BASE_COUNT ||
        item->path >= checking->data->size)
        return false;
    int folder = checking->folders[item->base];
    const char *path = checking->data->paths + item->path;
    if (folder < 0 || !look(item->kind, folder, path, &st))
        return false;
    const struct evidence_item now = item_of(item->kind, &st);
    return same(item, &now);
}

static int check_chunk(void *arg, size_t index, struct error *err)
{
    struct checking *checking = arg;
    size_t end = (index + 1) * CHUNK;
    if (end > checking->data->count)
        end = checking->data->count;
    (void)err;
    for (size_t i = index * CHUNK; i < end; i++) {
        if (atomic_load_explicit(&checking->differs, memory_order_relaxed))
            return 0;
        if (!stands(checking, &checking->data->items[i]))
            atomic_store_explicit(&checking->differs, true, memory_order_relaxed);
    }
    return 0;
}

static void check_all(struct checking *checking)
{
    struct error ignored;
    size_t chunks = (checking->data->count + CHUNK - 1) / CHUNK;
    /* Threads cost more than a few looks. */
    struct pool *pool = checking->data->count > THREADS_FROM ? pool_new(0, &ignored) : NULL;
    if (pool != NULL)
        pool_each(pool, chunks, check_chunk, checking, &ignored);
    else
        for (size_t i = 0; i < chunks; i++)
            check_chunk(checking, i, &ignored);
    pool_free(pool);
}

bool evidence_stands(const struct evidence_data *data, const char *folder)
{
    struct checking checking = {.data = data};
    if (data->size > 0 && data->paths[data->size - 1] != '\0')
        return false;
    int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < BASE_COUNT; i++)
        checking.folders[i] =
            root < 0 ? -1 : openat(root, bases[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
    check_all(&checking);
    for (size_t i = 0; i < BASE_COUNT; i++)
        if (checking.folders[i] >= 0)
            close(checking.folders[i]);
    if (root >= 0)
        close(root);
    return root >= 0 && !checking.differs;
}
