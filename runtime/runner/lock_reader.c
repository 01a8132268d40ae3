#include "runner/lock_reader.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct lock_reader {
    char *path;
    pthread_mutex_t mutex;
    bool was_read;
    struct lock *lock;
    struct error err; /* ERR_NONE: it could be read */
};

struct lock_reader *lock_reader_new(const char *path, struct error *err)
{
    struct lock_reader *reader = memory_new(1, sizeof(*reader), err);
    if (reader == NULL)
        return NULL;
    if ((reader->path = memory_copy_text(path, err)) == NULL) {
        free(reader);
        return NULL;
    }
    pthread_mutex_init(&reader->mutex, NULL);
    return reader;
}

void lock_reader_free(struct lock_reader *reader)
{
    if (reader == NULL)
        return;
    lock_free(reader->lock);
    pthread_mutex_destroy(&reader->mutex);
    free(reader->path);
    free(reader);
}

const char *lock_reader_path(const struct lock_reader *reader)
{
    return reader->path;
}

int lock_reader_get(struct lock_reader *reader, const struct lock **lock, struct error *err)
{
    pthread_mutex_lock(&reader->mutex);
    if (!reader->was_read)
        lockfile_read(reader->path, &reader->lock, NULL, &reader->err);
    reader->was_read = true;
    pthread_mutex_unlock(&reader->mutex);
    *lock = reader->lock;
    if (reader->lock != NULL || reader->err.kind == ERR_NONE)
        return 0;
    *err = reader->err;
    return -1;
}

int lock_reader_find(struct lock_reader *reader, const char *profile, const char *stage,
                     const struct lock_stage **entry, struct error *err)
{
    const struct lock *lock;
    *entry = NULL;
    if (lock_reader_get(reader, &lock, err) < 0)
        return -1;
    *entry = lock_find(lock, profile, stage);
    return 0;
}

const struct lock_stage *lock_reader_peek(struct lock_reader *reader, const char *profile,
                                          const char *stage)
{
    struct error ignored;
    const struct lock_stage *entry;
    return lock_reader_find(reader, profile, stage, &entry, &ignored) < 0 ? NULL : entry;
}
