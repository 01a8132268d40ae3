#include "nn/cpu/profile.h"

#include <stddef.h>
#include <time.h>

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct profile_span profile_begin(struct profile *profile, int node)
{
    if (profile == NULL)
        return (struct profile_span){0};
    const struct profile_span span = {now(), profile->inner, profile->node};
    profile->inner = 0;
    if (node != PROFILE_SAME_NODE)
        profile->node = node;
    return span;
}

void profile_end(struct profile *profile, const struct profile_span *span, enum profile_kind kind,
                 const struct profile_work *work)
{
    if (profile == NULL)
        return;
    const uint64_t elapsed = now() - span->began;
    struct profile_cell *cell = &profile->cells[profile->node * PROFILE_KINDS + (int)kind];
    cell->ns += elapsed - profile->inner;
    cell->calls++;
    if (work != NULL) {
        cell->work.flops += work->flops;
        cell->work.bytes += work->bytes;
        cell->work.kernel = work->kernel;
    }
    profile->inner = span->outside + elapsed;
    profile->node = span->node;
}
