/* The execution plans of a network. What an earlier run compiled lies in the device's scratch
 * folder, one file a plan, named by the digest of all that it depends on; the rest is compiled in
 * threads, and all of it is left in the folder for the next run. */
#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MOST = 16, PATH_SIZE = 4096, PLAN_LIMIT = 64 << 20 };

/* ---- files ---- */

static int plan_path(const struct executor *e, const char *folder, const struct fusion *fusion,
                     char path[PATH_SIZE], struct error *err)
{
    struct text identity = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    execution_plan_identity(card_plan_device(e->card), fusion, &identity);
    int status = text_check(&identity, err);
    if (status == 0)
        status = digest_of_bytes(identity.data, identity.size, &digest, err);
    text_release(&identity);
    if (status)
        return -1;
    digest_to_hex(&digest, hex);
    if (snprintf(path, PATH_SIZE, "%s/%s.plan", folder, hex) >= PATH_SIZE)
        return error_set(err, ERR_IO, "'%s': this path is too long", folder);
    return 0;
}

/* *plan stays NULL where there is none, or none that is good. */
static int find(const struct executor *e, const struct fusion *fusion, struct execution_plan **plan,
                struct error *err)
{
    const char *folder = e->device->scratch;
    struct error none;
    char path[PATH_SIZE], *bytes;
    size_t size;
    *plan = NULL;
    if (!folder)
        return 0;
    if (plan_path(e, folder, fusion, path, err))
        return -1;
    if (file_read(path, PLAN_LIMIT, &bytes, &size, &none))
        return 0;
    const int status =
        execution_plan_load(card_plan_device(e->card), fusion, bytes, size, plan, err);
    free(bytes);
    return status;
}

/* What cannot be kept is compiled again by the next run: no failure. */
static void keep(const struct executor *e, const struct fusion *fusion,
                 const struct execution_plan *plan)
{
    const char *folder = e->device->scratch_out;
    struct text bytes = {0};
    struct error none;
    char path[PATH_SIZE];
    if (folder && plan_path(e, folder, fusion, path, &none) == 0 &&
        execution_plan_save(plan, &bytes, &none) == 0)
        (void)file_write_unflushed(path, bytes.data, bytes.size, &none);
    text_release(&bytes);
}

static int make(const struct executor *e, const struct fusion *fusion, struct execution_plan **plan,
                struct error *err)
{
    if (find(e, fusion, plan, err))
        return -1;
    if (!*plan && (execution_plan_new(card_plan_device(e->card), fusion, plan, err) ||
                   execution_plan_compile(*plan, err)))
        return -1;
    keep(e, fusion, *plan);
    return 0;
}

/* ---- many at once ---- */

struct making {
    struct executor *executor;
    atomic_size_t next;
    pthread_mutex_t mutex;
    size_t failed; /* the lowest plan that did, with its error */
    struct error failure;
};

static void *make_plans(void *arg)
{
    struct making *making = arg;
    struct executor *e = making->executor;
    for (size_t i; (i = atomic_fetch_add(&making->next, 1)) < e->fusions.count;) {
        struct error err = {0};
        if (make(e, &e->fusions.fusions[i], &e->plans[i], &err) == 0)
            continue;
        pthread_mutex_lock(&making->mutex);
        if (i < making->failed) {
            making->failed = i;
            making->failure = err;
        }
        pthread_mutex_unlock(&making->mutex);
        atomic_store(&making->next, e->fusions.count);
    }
    return NULL;
}

static size_t thread_count(size_t plans)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t most = processors < 1              ? 1
                        : processors > THREADS_MOST ? THREADS_MOST
                                                    : (size_t)processors;
    return plans < most ? plans : most;
}

/* From plan `first` on. Where a thread cannot be started, the others do its work. */
static int make_from(struct executor *e, size_t first, struct error *err)
{
    struct making making = {.executor = e, .failed = SIZE_MAX};
    pthread_t threads[THREADS_MOST];
    size_t started = 0;
    const size_t wanted = thread_count(e->fusions.count - first);
    atomic_init(&making.next, first);
    if (pthread_mutex_init(&making.mutex, NULL) != 0)
        return error_set(err, ERR_MEMORY, "cannot make a mutex");
    for (size_t i = 1; i < wanted; i++)
        started += pthread_create(&threads[started], NULL, make_plans, &making) == 0;
    make_plans(&making);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&making.mutex);
    if (making.failed == SIZE_MAX)
        return 0;
    *err = making.failure;
    return -1;
}

/* What could not be made leaves the list as it was. */
static int drop(struct executor *e, size_t first)
{
    for (size_t i = first; i < e->plan_count; i++)
        execution_plan_free(e->plans[i]);
    e->plan_count = e->plan_count < first ? e->plan_count : first;
    e->fusions.count = first;
    return -1;
}

static int make_new(struct executor *e, size_t first, struct error *err)
{
    if (memory_grow(&e->plans, &e->plan_capacity, e->fusions.count, sizeof *e->plans, err))
        return drop(e, first);
    for (size_t i = first; i < e->fusions.count; i++)
        e->plans[i] = NULL;
    e->plan_count = e->fusions.count;
    if (make_from(e, first, err))
        return drop(e, first);
    for (size_t i = first; i < e->plan_count; i++) {
        const size_t bytes = execution_plan_workspace(e->plans[i]);
        e->workspace_bytes = bytes > e->workspace_bytes ? bytes : e->workspace_bytes;
    }
    return 0;
}

int cuda_make_plans(struct executor *e, const struct fusion_options *options, struct error *err)
{
    const size_t first = e->fusions.count;
    if (fusion_list_add(&e->fusions, e->program, options, err))
        return drop(e, first);
    return make_new(e, first, err);
}

int cuda_make_plan(struct executor *e, const struct fusion *fusion, struct error *err)
{
    const size_t first = e->fusions.count;
    if (fusion_list_find(&e->fusions, fusion) < first)
        return 0;
    if (memory_grow(&e->fusions.fusions, &e->fusions.capacity, first + 1,
                    sizeof *e->fusions.fusions, err))
        return -1;
    e->fusions.fusions[e->fusions.count++] = *fusion;
    return make_new(e, first, err);
}

const struct execution_plan *cuda_plan(const struct executor *e, const struct fusion *fusion)
{
    const size_t i = fusion_list_find(&e->fusions, fusion);
    ASSERT(i < e->plan_count && e->plans[i]);
    return e->plans[i];
}

void cuda_release_plans(struct executor *e)
{
    for (size_t i = 0; i < e->plan_count; i++)
        execution_plan_free(e->plans[i]);
    free(e->plans);
    fusion_list_release(&e->fusions);
}
