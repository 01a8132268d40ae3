#include "runner/tasks.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct task *first, **end;
};

struct tasks {
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    struct queue waiting, done;
    pthread_t *threads;
    int limit, started, idle;
    size_t pending, queued;
    int event;
    bool closing;
};

static void push(struct queue *queue, struct task *task)
{
    task->next = NULL;
    *queue->end = task;
    queue->end = &task->next;
}

static struct task *pop(struct queue *queue)
{
    struct task *task = queue->first;
    if (task != NULL && (queue->first = task->next) == NULL)
        queue->end = &queue->first;
    return task;
}

static void give_back(struct tasks *tasks, struct task *task)
{
    const uint64_t one = 1;
    push(&tasks->done, task);
    /* It can only fail when it is readable already. */
    if (write(tasks->event, &one, sizeof(one)) < 0)
        return;
}

static void *work(void *argument)
{
    struct tasks *tasks = argument;
    pthread_mutex_lock(&tasks->mutex);
    for (;;) {
        struct task *task = pop(&tasks->waiting);
        if (task != NULL) {
            tasks->queued--;
            pthread_mutex_unlock(&tasks->mutex);
            task->run(task);
            pthread_mutex_lock(&tasks->mutex);
            give_back(tasks, task);
            continue;
        }
        if (tasks->closing)
            break;
        tasks->idle++;
        pthread_cond_wait(&tasks->posted, &tasks->mutex);
        tasks->idle--;
    }
    pthread_mutex_unlock(&tasks->mutex);
    return NULL;
}

int tasks_new(int threads, struct tasks **made, struct error *err)
{
    struct tasks *tasks = memory_new(1, sizeof(*tasks), err);
    if (tasks == NULL)
        return -1;
    tasks->limit = threads;
    tasks->waiting.end = &tasks->waiting.first;
    tasks->done.end = &tasks->done.first;
    if ((tasks->threads = memory_new((size_t)threads, sizeof(*tasks->threads), err)) == NULL) {
        free(tasks);
        return -1;
    }
    if ((tasks->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        free(tasks->threads);
        free(tasks);
        return error_errno(err, "cannot make an event");
    }
    pthread_mutex_init(&tasks->mutex, NULL);
    pthread_cond_init(&tasks->posted, NULL);
    *made = tasks;
    return 0;
}

/* Signals are the event loop's. */
static bool start_thread(struct tasks *tasks)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&tasks->threads[tasks->started], NULL, work, tasks) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    tasks->started += started;
    return started;
}

void tasks_post(struct tasks *tasks, struct task *task)
{
    pthread_mutex_lock(&tasks->mutex);
    tasks->pending++;
    if (tasks->queued >= (size_t)tasks->idle && tasks->started < tasks->limit)
        start_thread(tasks);
    if (tasks->started == 0) {
        pthread_mutex_unlock(&tasks->mutex);
        task->run(task);
        pthread_mutex_lock(&tasks->mutex);
        give_back(tasks, task);
    } else {
        tasks->queued++;
        push(&tasks->waiting, task);
        pthread_cond_signal(&tasks->posted);
    }
    pthread_mutex_unlock(&tasks->mutex);
}

size_t tasks_pending(const struct tasks *tasks)
{
    return tasks->pending;
}

int tasks_event(const struct tasks *tasks)
{
    return tasks->event;
}

struct task *tasks_take(struct tasks *tasks)
{
    uint64_t ignored;
    pthread_mutex_lock(&tasks->mutex);
    struct task *task = pop(&tasks->done);
    if (task != NULL)
        tasks->pending--;
    else if (read(tasks->event, &ignored, sizeof(ignored)) < 0)
        ignored = 0; /* nothing had been written */
    pthread_mutex_unlock(&tasks->mutex);
    return task;
}

void tasks_free(struct tasks *tasks)
{
    if (tasks == NULL)
        return;
    pthread_mutex_lock(&tasks->mutex);
    tasks->closing = true;
    pthread_cond_broadcast(&tasks->posted);
    pthread_mutex_unlock(&tasks->mutex);
    for (int i = 0; i < tasks->started; i++)
        pthread_join(tasks->threads[i], NULL);
    pthread_mutex_destroy(&tasks->mutex);
    pthread_cond_destroy(&tasks->posted);
    close(tasks->event);
    free(tasks->threads);
    free(tasks);
}
