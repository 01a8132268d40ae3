#include "runner/dependants.h"

#include "base/memory.h"

#include <stdlib.h>

typedef void upstream_fn(struct dependants *dependants, size_t upstream, size_t job);

/* Calls `visit` for each job upstream of `job` that is still to come to its end, once; `last[u]` is
 * the last job for which u was. */
static void each_upstream(const struct jobs *jobs, size_t job, size_t *last,
                          struct dependants *dependants, upstream_fn *visit)
{
    const struct plan_stage *stage = jobs->list[job].stage;
    for (size_t i = 0; i < stage->dep_count && !stage->frozen; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        size_t count = dep->path != NULL ? 0 : dep->member_count > 0 ? dep->member_count : 1;
        for (size_t m = 0; m < count; m++) {
            size_t upstream = dep->member_count > 0 ? dep->members[m].stage : dep->stage;
            if (last[upstream] == job + 1 || job_is_done(&jobs->list[upstream]))
                continue;
            last[upstream] = job + 1;
            visit(dependants, upstream, job);
        }
    }
}

static void count_one(struct dependants *dependants, size_t upstream, size_t job)
{
    dependants->waits_for[job]++;
    dependants->first[upstream + 1]++;
}

/* `first[u]` moves on as the list fills, and is set back afterwards. */
static void add_one(struct dependants *dependants, size_t upstream, size_t job)
{
    dependants->list[dependants->first[upstream]++] = job;
}

static int each_job(const struct jobs *jobs, struct dependants *dependants, upstream_fn *visit,
                    struct error *err)
{
    size_t *last = memory_new(jobs->count, sizeof(*last), err);
    if (last == NULL)
        return -1;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state != JOB_OUTSIDE && !job_is_done(&jobs->list[i]))
            each_upstream(jobs, i, last, dependants, visit);
    free(last);
    return 0;
}

int dependants_init(const struct jobs *jobs, struct dependants *made, struct error *err)
{
    struct dependants dependants = {0};
    size_t count = jobs->count;
    if ((dependants.waits_for = memory_new(count, sizeof(size_t), err)) == NULL ||
        (dependants.first = memory_new(count + 1, sizeof(size_t), err)) == NULL ||
        each_job(jobs, &dependants, count_one, err) < 0)
        goto failed;
    for (size_t i = 0; i < count; i++)
        dependants.first[i + 1] += dependants.first[i];
    if ((dependants.list = memory_new(dependants.first[count], sizeof(size_t), err)) == NULL ||
        each_job(jobs, &dependants, add_one, err) < 0)
        goto failed;
    for (size_t i = count; i-- > 0;)
        dependants.first[i + 1] = dependants.first[i];
    dependants.first[0] = 0;
    *made = dependants;
    return 0;
failed:
    dependants_release(&dependants);
    return -1;
}

void dependants_release(struct dependants *dependants)
{
    free(dependants->waits_for);
    free(dependants->first);
    free(dependants->list);
    *dependants = (struct dependants){0};
}
