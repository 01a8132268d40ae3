#include "store/pool.h"

#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_THREADS = 64, RUN = 8 };

/* One call of pool_each; lives on the caller's stack until nobody works on it. */
struct batch {
    struct batch *next;
    pool_work_fn *work;
    void *arg;
    size_t count, at, workers;
    size_t failed; /* lowest index that failed, or `count` */
    struct error why;
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t more, done;
    struct batch *batches; /* with indices left */
    pthread_t threads[MAX_THREADS];
    unsigned wanted, made;
    bool closing;
};

struct pool *pool_new(unsigned threads, struct error *err)
{
    struct pool *pool = memory_new(1, sizeof(*pool), err);
    cpu_set_t set;
    if (pool == NULL)
        return NULL;
    if (threads == 0 && sched_getaffinity(0, sizeof(set), &set) == 0)
        threads = (unsigned)CPU_COUNT(&set);
    pool->wanted = threads == 0 ? 0 : threads - 1; /* the caller is one */
    if (pool->wanted > MAX_THREADS)
        pool->wanted = MAX_THREADS;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->more, NULL);
    pthread_cond_init(&pool->done, NULL);
    return pool;
}

static void unlist(struct pool *pool, const struct batch *batch)
{
    for (struct batch **at = &pool->batches; *at != NULL; at = &(*at)->next)
        if (*at == batch) {
            *at = batch->next;
            return;
        }
}

/* Takes the next few of a batch; the mutex is held on both ends. */
static void work_on(struct pool *pool, struct batch *batch)
{
    size_t first = batch->at, end = first + RUN < batch->count ? first + RUN : batch->count;
    struct error why;
    batch->at = end;
    batch->workers++;
    if (end == batch->count)
        unlist(pool, batch);
    pthread_mutex_unlock(&pool->mutex);
    size_t i = first;
    while (i < end && batch->work(batch->arg, i, &why) == 0)
        i++;
    pthread_mutex_lock(&pool->mutex);
    if (i < end && i < batch->failed) {
        batch->failed = i;
        batch->why = why;
    }
    if (i < end && batch->at < batch->count) {
        batch->at = batch->count;
        unlist(pool, batch);
    }
    if (--batch->workers == 0)
        pthread_cond_broadcast(&pool->done);
}

static void *run_thread(void *arg)
{
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        if (pool->batches != NULL)
            work_on(pool, pool->batches);
        else
            pthread_cond_wait(&pool->more, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals are for the program's own threads. */
static void make_threads(struct pool *pool)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (pool->made < pool->wanted) {
        if (pthread_create(&pool->threads[pool->made], NULL, run_thread, pool) != 0) {
            pool->wanted = pool->made;
            break;
        }
        pool->made++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int pool_each(struct pool *pool, size_t count, pool_work_fn *work, void *arg, struct error *err)
{
    struct batch batch = {.work = work, .arg = arg, .count = count, .failed = count};
    if (count == 0)
        return 0;
    pthread_mutex_lock(&pool->mutex);
    if (count > RUN) {
        make_threads(pool);
        pthread_cond_broadcast(&pool->more);
    }
    batch.next = pool->batches;
    pool->batches = &batch;
    while (batch.at < batch.count)
        work_on(pool, &batch);
    while (batch.workers > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    if (batch.failed < count)
        *err = batch.why;
    return batch.failed < count ? -1 : 0;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->made; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->more);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
