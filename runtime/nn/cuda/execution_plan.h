/* A fusion as cuDNN's execution plan. In order: execution_plan_load() of what execution_plan_save()
 * wrote before; where that gives none, execution_plan_new(), which asks which engines there are,
 * and execution_plan_compile(), which can take seconds, so best many plans in as many threads; then
 * execution_plan_run(), as often as wanted, also while a CUDA graph is captured.
 *
 * The same fusion on the same device with the same cuDNN is always the same engine (engines.h), and
 * every engine gives the same bits each time.
 *
 * A saved plan: the SHA-256 in hex of all behind it, a newline, execution_plan_identity(), the
 * engine, an empty line, cuDNN's own JSON, which has the kernel in it. cuDNN takes a kernel with a
 * bit flipped for good, so the digest is ours. What is damaged, or another fusion's, card's or
 * cuDNN's, is not loaded; that is no error. */
#ifndef NN_CUDA_EXECUTION_PLAN_H
#define NN_CUDA_EXECUTION_PLAN_H

#include "base/text.h"
#include "nn/cuda/fusion.h"

#include <stdbool.h>
#include <stddef.h>

struct execution_plan;
struct plan_device;
/* What cuDNN calls cudnnHandle_t, and CUDA cudaStream_t, so that whoever only holds plans needs
 * none of their headers. */
struct cudnnContext;
struct CUstream_st;

/* The device is borrowed until execution_plan_free(). ERR_DEVICE where no engine is allowed. */
int execution_plan_new(const struct plan_device *device, const struct fusion *fusion,
                       struct execution_plan **plan, struct error *err);
/* The same by the engine of these words, as execution_plan_engine() gives them: for tuning. */
int execution_plan_new_with(const struct plan_device *device, const struct fusion *fusion,
                            const char *engine, struct execution_plan **plan, struct error *err);
void execution_plan_free(struct execution_plan *plan);

/* The best engine that cuDNN can compile: one that turns out not to be supported after all gives
 * way to the next. */
int execution_plan_compile(struct execution_plan *plan, struct error *err);

/* *plan is NULL where the bytes are not such a plan; what execution_plan_new() wants of the device,
 * this does, too. */
int execution_plan_load(const struct plan_device *device, const struct fusion *fusion,
                        const void *bytes, size_t size, struct execution_plan **plan,
                        struct error *err);
/* Of a plan that is compiled or loaded; appends. */
int execution_plan_save(const struct execution_plan *plan, struct text *bytes, struct error *err);
/* Lines that name all that a saved plan depends on; appends. Their digest is a good file name. */
void execution_plan_identity(const struct plan_device *device, const struct fusion *fusion,
                             struct text *words);

/* Which engine, for the record: "engine 7 with 2=5 24=21". Before the plan is compiled, the one
 * that is tried first. */
const char *execution_plan_engine(const struct execution_plan *plan);
/* Engine `i` of those that would be tried, the best first; NULL behind the last. */
const char *execution_plan_candidate(const struct execution_plan *plan, size_t i);
/* Device memory that a run by that engine needs beside the operands, in bytes. */
size_t execution_plan_workspace(const struct execution_plan *plan);

/* Enqueues it. memory[] is by enum operand, on the device, aligned to 16 bytes, not NULL where
 * fusion_has() the operand; what is written may not be what is read. */
int execution_plan_run(const struct execution_plan *plan, struct cudnnContext *handle,
                       struct CUstream_st *stream, void *const memory[OPERAND_END], void *workspace,
                       struct error *err);

#endif
