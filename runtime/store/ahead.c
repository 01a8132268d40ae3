#include "store/ahead.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* More than the reader's processor keeps in its own cache: from the shared one they are taken
 * faster. */
enum { SLOTS = 16, SLOT_SIZE = 1 << 18 };

struct slot {
    char *data;
    size_t size;
};

struct ahead {
    int from, to;
    int64_t at, end;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled, freed;
    struct slot slots[SLOTS];
    size_t put, taken; /* slots so far; the caller works on the one before `taken` */
    bool reader_waits;
    bool ended, cancelled;
    enum ahead_failed failed;
    int why; /* errno of it */
    char *blocks;
};

/* Waits for a slot that nobody works on. With all of them full it waits for half of them, so
 * that the two threads seldom wake each other. */
static struct slot *wait_for_slot(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    size_t most = SLOTS - 1;
    while (ahead->put - ahead->taken >= most && !ahead->cancelled) {
        most = SLOTS / 2;
        ahead->reader_waits = true;
        pthread_cond_wait(&ahead->freed, &ahead->mutex);
    }
    ahead->reader_waits = false;
    struct slot *slot = ahead->cancelled ? NULL : &ahead->slots[ahead->put % SLOTS];
    pthread_mutex_unlock(&ahead->mutex);
    return slot;
}

static void hand_over(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->put++;
    pthread_cond_signal(&ahead->filled);
    pthread_mutex_unlock(&ahead->mutex);
}

static void end(struct ahead *ahead, enum ahead_failed failed, int why)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->ended = true;
    ahead->failed = failed;
    ahead->why = why;
    pthread_cond_signal(&ahead->filled);
    pthread_mutex_unlock(&ahead->mutex);
}

static ssize_t read_slot(struct ahead *ahead, struct slot *slot)
{
    size_t want = SLOT_SIZE;
    if (ahead->end >= 0 && ahead->end - ahead->at < SLOT_SIZE)
        want = (size_t)(ahead->end - ahead->at);
    ssize_t got;
    do
        got = pread(ahead->from, slot->data, want, ahead->at);
    while (got < 0 && errno == EINTR);
    slot->size = got > 0 ? (size_t)got : 0;
    return got;
}

static int write_slot(const struct ahead *ahead, const struct slot *slot)
{
    for (size_t done = 0; done < slot->size;) {
        ssize_t written =
            pwrite(ahead->to, slot->data + done, slot->size - done, ahead->at + (int64_t)done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        done += (size_t)written;
    }
    return 0;
}

static void *run(void *arg)
{
    struct ahead *ahead = arg;
    struct slot *slot;
    while ((slot = wait_for_slot(ahead)) != NULL) {
        ssize_t got = read_slot(ahead, slot);
        if (got <= 0) {
            end(ahead, got < 0 ? AHEAD_READING : AHEAD_NONE, errno);
            return NULL;
        }
        hand_over(ahead);
        if (ahead->to >= 0 && write_slot(ahead, slot) < 0) {
            end(ahead, AHEAD_WRITING, errno);
            return NULL;
        }
        ahead->at += got;
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start_thread(struct ahead *ahead)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&ahead->thread, NULL, run, ahead) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

static void release(struct ahead *ahead)
{
    pthread_cond_destroy(&ahead->filled);
    pthread_cond_destroy(&ahead->freed);
    pthread_mutex_destroy(&ahead->mutex);
    free(ahead->blocks);
    free(ahead);
}

struct ahead *ahead_start(int from, int64_t at, int64_t end_at, int to)
{
    struct error ignored;
    struct ahead *ahead = memory_new(1, sizeof(*ahead), &ignored);
    if (ahead == NULL)
        return NULL;
    ahead->from = from;
    ahead->to = to;
    ahead->at = at;
    ahead->end = end_at;
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->filled, NULL);
    pthread_cond_init(&ahead->freed, NULL);
    ahead->blocks = memory_new(SLOTS, SLOT_SIZE, &ignored);
    for (size_t i = 0; i < SLOTS && ahead->blocks != NULL; i++)
        ahead->slots[i].data = ahead->blocks + i * SLOT_SIZE;
    if (ahead->blocks != NULL && start_thread(ahead))
        return ahead;
    release(ahead);
    return NULL;
}

size_t ahead_next(struct ahead *ahead, const char **data)
{
    size_t size = 0;
    pthread_mutex_lock(&ahead->mutex);
    if (ahead->reader_waits && ahead->put - ahead->taken < SLOTS / 2)
        pthread_cond_signal(&ahead->freed);
    while (ahead->taken == ahead->put && !ahead->ended)
        pthread_cond_wait(&ahead->filled, &ahead->mutex);
    if (ahead->taken < ahead->put) {
        const struct slot *slot = &ahead->slots[ahead->taken++ % SLOTS];
        *data = slot->data;
        size = slot->size;
    }
    pthread_mutex_unlock(&ahead->mutex);
    return size;
}

enum ahead_failed ahead_finish(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->cancelled = true;
    pthread_cond_signal(&ahead->freed);
    pthread_mutex_unlock(&ahead->mutex);
    pthread_join(ahead->thread, NULL);
    enum ahead_failed failed = ahead->failed;
    int why = ahead->why;
    release(ahead);
    errno = why;
    return failed;
}
