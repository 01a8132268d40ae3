/* Another card in place of the real one: what is above nn/cuda/card.h and nn/cuda/execution_plan.h
 * runs on it without a GPU. Its memory is the host's; its kernels are those of the sources
 * (emulate.h); its execution plans are loops as the definitions read, but for an activation, which
 * makes 0 of a NaN where it is fused, as a library may.
 *
 * What is put into a stream runs as late as it may: when the host waits for it, or when another
 * stream that is waited for follows an event in it. So what reads memory of the host that is gone
 * by then, reads a result before it was waited for, or lacks an event between two streams, computes
 * something else. New memory is NaN.
 *
 * One card and one thread at a time; execution plans may be made in several.
 */
#ifndef TESTS_TWIN_H
#define TESTS_TWIN_H

#include "nn/device.h"

#include <stddef.h>
#include <stdint.h>

/* A device on a new card that takes so many images at once in inference. */
int twin_open(int64_t inference_batch, struct device **device, struct error *err);

/* Bytes that the card has; for cards that are opened afterwards. */
void twin_set_memory(size_t bytes);

/* The k-th call from now on (from 1) that can fail does so, once, and the card is of no use
 * afterwards; 0: none. Returns how many were made since the last call of this. */
size_t twin_fail_at(size_t k);
/* The same with the k-th piece of work in a stream, which the host learns of when it next asks. */
size_t twin_lose_at(size_t k);

/* What the card still holds: pieces of memory, streams, events, graphs. */
size_t twin_held(void);
/* Execution plans that were compiled, not loaded, since the last call. */
size_t twin_compiled(void);

#endif
