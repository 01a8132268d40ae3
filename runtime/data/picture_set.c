#include "data/picture_set.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "data/picture_source.h"
#include "data/unpack.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 256, SMALLEST = 8, LARGEST = 224, REPORT = 64 };

/* A file that waits for a thread; without bytes it is read by the thread. */
struct task {
    size_t index;
    void *bytes;
    size_t size;
};

/* Where a member of an archive goes; in the order of paths. */
struct member {
    const char *path;
    size_t index;
    bool came;
};

struct reading {
    const struct picture_list *list;
    const struct picture_set_options *options;
    struct picture_seen *seen;
    pthread_mutex_t mutex;
    pthread_cond_t came, went; /* a task, or room for one */
    struct task *queue;
    size_t room, first, waiting;
    int64_t done;
    bool closed;
    size_t failed_index; /* of the failure that is told: the first in the list's order */
    struct error failure;
    bool failed;
    struct member *members; /* [list->count]; of an archive */
};

/* ---- one picture ---- */

static int hash(const struct picture *picture, struct picture_seen *seen, struct error *err)
{
    const int64_t sides[2] = {picture->height, picture->width};
    struct hasher *hasher = hasher_new(err);
    int result = hasher == NULL || hasher_start(hasher, err) < 0 ||
                         hasher_add(hasher, sides, sizeof(sides), err) < 0 ||
                         hasher_add(hasher, picture->pixels,
                                    (size_t)(picture->height * picture->width * 3), err) < 0 ||
                         hasher_finish(hasher, &seen->digest, err) < 0
                     ? -1
                     : 0;
    hasher_free(hasher);
    return result;
}

static int keep(const struct reading *r, size_t index, const struct picture *picture,
                struct error *err)
{
    const struct picture_set_options *o = r->options;
    struct picture_seen *seen = &r->seen[index];
    struct picture fitted = {0};
    seen->height = picture->height;
    seen->width = picture->width;
    if (hash(picture, seen, err) < 0)
        return -1;
    if (o->pixels == NULL)
        return 0;
    if (picture_fit(picture, o->height, o->width, o->fit, &fitted, err) < 0)
        return -1;
    const size_t bytes = (size_t)(o->height * o->width * 3);
    memcpy(o->pixels + index * bytes, fitted.pixels, bytes);
    picture_release(&fitted);
    return 0;
}

static int read_one(const struct reading *r, const struct task *task, struct error *err)
{
    const char *name = r->list->entries[task->index].path;
    struct picture picture = {0};
    int result;
    if (task->bytes != NULL)
        result = picture_decode(task->bytes, task->size, name, &picture, err);
    else {
        char *path = file_join(r->list->root, name, err);
        result = path != NULL ? picture_read_as(path, name, &picture, err) : -1;
        free(path);
    }
    if (result == 0)
        result = keep(r, task->index, &picture, err);
    picture_release(&picture);
    return result;
}

/* With the lock held. A picture that can't be read is skipped where that is wanted. */
static void note_failure(struct reading *r, size_t index, const struct error *err)
{
    const bool broken = err->kind == ERR_FORMAT || err->kind == ERR_IO;
    if (broken && r->options->skip_broken && (r->seen[index].why = strdup(err->message)) != NULL)
        return;
    if (!r->failed || index < r->failed_index) {
        r->failure = *err;
        r->failed_index = index;
    }
    r->failed = true;
}

/* ---- threads ---- */

static void *work(void *context)
{
    struct reading *r = context;
    pthread_mutex_lock(&r->mutex);
    for (;;) {
        while (r->waiting == 0 && !r->closed)
            pthread_cond_wait(&r->came, &r->mutex);
        if (r->waiting == 0)
            break;
        const struct task task = r->queue[r->first];
        r->first = (r->first + 1) % r->room;
        r->waiting--;
        pthread_cond_signal(&r->went);
        pthread_mutex_unlock(&r->mutex);
        struct error err = {0};
        const int result = read_one(r, &task, &err);
        free(task.bytes);
        pthread_mutex_lock(&r->mutex);
        if (result < 0)
            note_failure(r, task.index, &err);
        r->done++;
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* Takes the bytes. After a failure it says so, and no more is read: what was queued before is, so
 * that the failure that is told is the first of the list for files of a folder. */
static int give(struct reading *r, size_t index, void *bytes, size_t size, struct error *err)
{
    pthread_mutex_lock(&r->mutex);
    while (r->waiting == r->room && !r->failed)
        pthread_cond_wait(&r->went, &r->mutex);
    const bool failed = r->failed;
    const int64_t done = r->done;
    if (!failed) {
        r->queue[(r->first + r->waiting++) % r->room] = (struct task){index, bytes, size};
        pthread_cond_signal(&r->came);
    }
    pthread_mutex_unlock(&r->mutex);
    if (failed) {
        free(bytes);
        return error_set(err, ERR_FORMAT, "a picture cannot be read");
    }
    if (stage_stop_requested())
        return stage_interrupted(err);
    if (r->options->progress != NULL && done % REPORT == 0 &&
        !r->options->progress(r->options->context, done, (int64_t)r->list->count))
        return stage_interrupted(err);
    return 0;
}

/* ---- where files come from ---- */

static int give_files(struct reading *r, struct error *err)
{
    for (size_t i = 0; i < r->list->count; i++)
        if (give(r, i, NULL, 0, err) < 0)
            return -1;
    return 0;
}

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    const int order = strcmp(left->path, right->path);
    return order != 0 ? order : left->index < right->index ? -1 : left->index > right->index;
}

/* The first that is not before `path`. */
static size_t find(const struct reading *r, const char *path)
{
    size_t low = 0, high = r->list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(r->members[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const struct reading *r, size_t at, const char *path)
{
    return at < r->list->count && strcmp(r->members[at].path, path) == 0;
}

static const char *plain(const char *path)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path;
}

static bool wants(void *context, const char *path)
{
    return is_of(context, find(context, plain(path)), plain(path));
}

/* A table may name a picture more than once: each entry has bytes of its own. */
static int take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct reading *r = context;
    size_t at = find(r, plain(path));
    if (r->members[at].came) {
        free(data);
        return error_set(err, ERR_FORMAT, "member '%s' is there twice", path);
    }
    for (; is_of(r, at + 1, plain(path)); at++) {
        void *copy = memory_new(size, 1, err);
        if (copy != NULL)
            memcpy(copy, data, size);
        r->members[at].came = true;
        if (copy == NULL || give(r, r->members[at].index, copy, size, err) < 0) {
            free(data);
            return -1;
        }
    }
    r->members[at].came = true;
    return give(r, r->members[at].index, data, size, err);
}

/* What a table lists and the archive lacks cannot be read, as a file that is not there. */
static int note_missing(struct reading *r, struct error *err)
{
    for (size_t i = 0; i < r->list->count; i++) {
        const struct member *member = &r->members[i];
        struct error missing = {0};
        if (member->came)
            continue;
        if (r->list->table == NULL)
            return error_set(err, ERR_FORMAT, "'%s' changed while it was read", r->list->root);
        error_set(&missing, ERR_IO, "there is no member '%s', which '%s' lists", member->path,
                  r->list->table);
        pthread_mutex_lock(&r->mutex);
        note_failure(r, member->index, &missing);
        pthread_mutex_unlock(&r->mutex);
    }
    return 0;
}

static int give_members(struct reading *r, struct error *err)
{
    const struct unpack_visitor visitor = {wants, take, r};
    if ((r->members = memory_new(r->list->count, sizeof(*r->members), err)) == NULL)
        return -1;
    for (size_t i = 0; i < r->list->count; i++)
        r->members[i] = (struct member){.path = r->list->entries[i].path, .index = i};
    qsort(r->members, r->list->count, sizeof(*r->members), compare_members);
    return unpack_archive(r->list->root, &picture_source_limits, &visitor, err) < 0
               ? -1
               : note_missing(r, err);
}

int picture_set_read(const struct picture_list *list, const struct picture_set_options *options,
                     struct picture_seen *seen, struct error *err)
{
    struct reading r = {.list = list, .options = options, .seen = seen};
    pthread_t threads[THREADS];
    int started = 0, wanted = options->threads < THREADS ? options->threads : THREADS;
    r.room = 2 * (size_t)wanted;
    if ((r.queue = memory_new(r.room, sizeof(*r.queue), err)) == NULL)
        return -1;
    pthread_mutex_init(&r.mutex, NULL);
    pthread_cond_init(&r.came, NULL);
    pthread_cond_init(&r.went, NULL);
    while (started < wanted && pthread_create(&threads[started], NULL, work, &r) == 0)
        started++;
    int result = started == 0    ? error_set(err, ERR_MEMORY, "cannot start a thread")
                 : list->archive ? give_members(&r, err)
                                 : give_files(&r, err);
    pthread_mutex_lock(&r.mutex);
    r.closed = true;
    pthread_cond_broadcast(&r.came);
    pthread_mutex_unlock(&r.mutex);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (r.failed && (result == 0 || err->kind != ERR_INTERRUPTED)) {
        *err = r.failure;
        result = -1;
        if ((err->kind == ERR_FORMAT || err->kind == ERR_IO) && list->archive)
            error_prefix(err, "'%s': ", list->root);
    }
    if (result == 0 && options->progress != NULL)
        options->progress(options->context, r.done, (int64_t)list->count);
    pthread_cond_destroy(&r.went);
    pthread_cond_destroy(&r.came);
    pthread_mutex_destroy(&r.mutex);
    free(r.members);
    free(r.queue);
    return result;
}

void picture_seen_release(struct picture_seen *seen, size_t count)
{
    for (size_t i = 0; seen != NULL && i < count; i++)
        free(seen[i].why);
    free(seen);
}

static int compare_sides(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

int picture_set_side(const struct picture_seen *seen, size_t count, int64_t *side,
                     struct error *err)
{
    int64_t *sides = memory_new(count, sizeof(*sides), err);
    size_t good = 0;
    if (sides == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (seen[i].why == NULL)
            sides[good++] = seen[i].height < seen[i].width ? seen[i].height : seen[i].width;
    qsort(sides, good, sizeof(*sides), compare_sides);
    *side = good == 0 ? 0 : sides[good / 2];
    if (good > 0)
        *side = *side < SMALLEST ? SMALLEST : *side > LARGEST ? LARGEST : *side;
    free(sides);
    return 0;
}
