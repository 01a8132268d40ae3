/* Runs an operation of the CPU backend outside a network: tests have one thing
 * to do in one lane, or in several at once. */
#ifndef TESTS_ON_LANE_H
#define TESTS_ON_LANE_H

#include "nn/cpu/cpu.h"

typedef int on_lane_fn(void *arg, struct lane *lane, size_t shard, struct error *err);

/* Opens a backend with `lanes`, runs `work` for each shard, closes it. Fails the test on an error.
 */
void on_lanes(int lanes, size_t shards, on_lane_fn *work, void *arg);

/* A lane for straight-line tests: of a backend with one thread, in which work runs on the caller's.
 */
struct cpu *on_lane_open(struct lane **lane);

/* How many of enum dtype this machine computes with: f32, or f32 and bf16. */
int on_lane_dtypes(void);

#endif
