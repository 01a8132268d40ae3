/* Which of cuDNN's engines computes a fusion. Nothing is timed: the table of plans_cuda.h says, or
 * the heuristics' order does, of the first of modes B, A and fallback that has one, less what is
 * not allowed: always       nondeterministic, FFT, Winograd, sums of reduced precision, converted
 * operands f32          tensor cores (TF32) inference    sums cut up by a knob (split-k, stream-k)
 */
#ifndef NN_CUDA_ENGINES_H
#define NN_CUDA_ENGINES_H

#include "nn/cuda/fusion.h"
#include "nn/cuda/plan_device.h"

enum { ENGINE_WORDS_SIZE = 256, ENGINES_MOST = 8 };

/* Grows by one when the rules above change: a plan compiled by others is not loaded. */
enum { ENGINE_RULES = 1 };

struct engine {
    cudnnBackendDescriptor_t config;
    char
        words[ENGINE_WORDS_SIZE]; /* "engine 7 with 2=5 24=21": its index, knobs and their values */
    size_t workspace;             /* bytes */
};

struct engine_search {
    struct descriptors *own; /* what is asked for is kept there */
    cudnnBackendDescriptor_t graph;
    const struct plan_device *device;
    const struct fusion *fusion;
    const char *words; /* of the only engine that is wanted; or NULL */
    size_t asked;      /* modes; 0 to begin with */
    struct engine engines[ENGINES_MOST];
    size_t count;
};

/* Engines of the next mode that has some, the first best, at least one. ERR_DEVICE where there are
 * none, with what was offered and why it was not taken. An engine of words is held to the same
 * rules as one of the heuristics, and where it cannot be had, no other is taken for it. */
int engines_find(struct engine_search *search, struct error *err);

/* What plans_cuda.h has for the fusion, as engine.words; or NULL. */
const char *engines_tuned(const struct plan_device *device, const struct fusion *fusion);

/* Why a fusion does not take an engine that has the note, or the knob at this value: "in TF32";
 * NULL where it does. */
const char *engines_refuse_note(const struct fusion *fusion, cudnnBackendNumericalNote_t note);
const char *engines_refuse_knob(const struct fusion *fusion, cudnnBackendKnobType_t knob,
                                int64_t value);

#endif
