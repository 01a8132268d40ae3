#include "nn/cuda/engines.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/cuda/plans_cuda.h"

#include <stdlib.h>
#include <string.h>

/* Knobs: more types than there are in any version so far. */
enum { NOTES_MOST = 16, KNOBS_MOST = 64, CONFIGS_MOST = 256 };

#define ENGINE "engine " /* words begin with it */

/* Of several the first is told. */
enum reason {
    REASON_NONE,
    REASON_NONDETERMINISTIC,
    REASON_FFT,
    REASON_WINOGRAD,
    REASON_TENSOR_CORE,
    REASON_CONVERTS,
    REASON_REDUCED,
    REASON_SPLIT,
    REASON_COUNT,
};
static const char *const reasons[REASON_COUNT] = {
    [REASON_NONDETERMINISTIC] = "nondeterministic",
    [REASON_FFT] = "by FFT",
    [REASON_WINOGRAD] = "by Winograd",
    [REASON_TENSOR_CORE] = "in TF32",
    [REASON_CONVERTS] = "of converted operands",
    [REASON_REDUCED] = "of reduced precision",
    [REASON_SPLIT] = "splitting sums",
};

struct knob {
    cudnnBackendKnobType_t type;
    int64_t value;
};

/* What was offered, and why it was not taken. */
struct tally {
    size_t offered, refused[REASON_COUNT];
};

/* ---- what cuDNN says of an engine ---- */

static const struct {
    cudnnBackendNumericalNote_t note;
    enum reason reason;
    bool f32, bf16; /* not allowed where */
} notes_refused[] = {
    {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, REASON_NONDETERMINISTIC, true, true},
    {CUDNN_NUMERICAL_NOTE_FFT, REASON_FFT, true, true},
    {CUDNN_NUMERICAL_NOTE_WINOGRAD, REASON_WINOGRAD, true, true},
    {CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, REASON_WINOGRAD, true, true},
    {CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, REASON_WINOGRAD, true, true},
    {CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13, REASON_WINOGRAD, true, true},
    {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, REASON_TENSOR_CORE, true, false},
    {CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, REASON_CONVERTS, true, true},
    {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, REASON_REDUCED, true, true},
};

static enum reason refuse_note(const struct fusion *fusion, cudnnBackendNumericalNote_t note)
{
    const bool bf16 = fusion->x == DTYPE_BF16;
    for (size_t r = 0; r < sizeof notes_refused / sizeof notes_refused[0]; r++)
        if (note == notes_refused[r].note && (bf16 ? notes_refused[r].bf16 : notes_refused[r].f32))
            return notes_refused[r].reason;
    return REASON_NONE;
}

/* Numbers of cudnnBackendKnobType_t: some names are deprecated, but engines still have the knobs.
 */
static enum reason refuse_knob(const struct fusion *fusion, cudnnBackendKnobType_t knob,
                               int64_t value)
{
    enum { SPLIT_K = 0, CTA_SPLIT_K_MODE = 16, SPLIT_K_SLC = 17, STREAM_K = 38 };
    bool splits = false;
    switch ((int)knob) {
    case SPLIT_K:
    case SPLIT_K_SLC: splits = value > 1; break;
    case CTA_SPLIT_K_MODE:
    case STREAM_K: splits = value > 0; break;
    default: break;
    }
    return splits && fusion->inference ? REASON_SPLIT : REASON_NONE;
}

const char *engines_refuse_note(const struct fusion *fusion, cudnnBackendNumericalNote_t note)
{
    return reasons[refuse_note(fusion, note)];
}

const char *engines_refuse_knob(const struct fusion *fusion, cudnnBackendKnobType_t knob,
                                int64_t value)
{
    return reasons[refuse_knob(fusion, knob, value)];
}

static size_t read_knobs(struct descriptors *own, cudnnBackendDescriptor_t config,
                         struct knob knobs[KNOBS_MOST])
{
    cudnnBackendDescriptor_t choices[KNOBS_MOST];
    for (int i = 0; i < KNOBS_MOST; i++)
        choices[i] = descriptors_new(own, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "knob");
    const int64_t count = descriptors_get(own, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, KNOBS_MOST, choices);
    ASSERT(count <= KNOBS_MOST);
    for (int64_t i = 0; i < count; i++) {
        descriptors_get(own, choices[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1,
                        &knobs[i].type);
        descriptors_get(own, choices[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1,
                        &knobs[i].value);
    }
    return (size_t)count;
}

static void write_words(char words[ENGINE_WORDS_SIZE], int64_t index, const struct knob *knobs,
                        size_t count)
{
    int length = snprintf(words, ENGINE_WORDS_SIZE, ENGINE "%lld", (long long)index);
    for (size_t i = 0; i < count; i++) {
        length += snprintf(words + length, (size_t)(ENGINE_WORDS_SIZE - length), "%s%d=%lld",
                           i == 0 ? " with " : " ", (int)knobs[i].type, (long long)knobs[i].value);
        ASSERT(length < ENGINE_WORDS_SIZE);
    }
}

/* ---- by the heuristics ---- */

/* Reads what engine->config is, and whether the fusion takes it. */
static enum reason refuse(const struct engine_search *search, struct engine *engine)
{
    struct descriptors *own = search->own;
    struct knob knobs[KNOBS_MOST];
    cudnnBackendNumericalNote_t notes[NOTES_MOST];
    int64_t index = -1, workspace = 0;
    enum reason reason = REASON_NONE;
    cudnnBackendDescriptor_t kind = descriptors_new(own, CUDNN_BACKEND_ENGINE_DESCRIPTOR, "engine");
    descriptors_get(own, engine->config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                    1, &kind);
    descriptors_get(own, kind, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    const size_t count = read_knobs(own, engine->config, knobs);
    write_words(engine->words, index, knobs, count);
    const int64_t note_count = descriptors_get(own, kind, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                               CUDNN_TYPE_NUMERICAL_NOTE, NOTES_MOST, notes);
    ASSERT(note_count <= NOTES_MOST);
    descriptors_get(own, engine->config, CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                    &workspace);
    engine->workspace = (size_t)workspace;
    for (int64_t i = 0; i < note_count; i++) {
        const enum reason next = refuse_note(search->fusion, notes[i]);
        if (next && (!reason || next < reason))
            reason = next;
    }
    for (size_t i = 0; i < count && !reason; i++)
        reason = refuse_knob(search->fusion, knobs[i].type, knobs[i].value);
    return reason;
}

static void ask(struct engine_search *search, cudnnBackendHeurMode_t mode, struct tally *tally)
{
    struct descriptors *own = search->own;
    cudnnBackendDescriptor_t configs[CONFIGS_MOST];
    cudnnBackendDescriptor_t heuristics =
        descriptors_new(own, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics");
    descriptors_set_one(own, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, search->graph);
    descriptors_set(own, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    descriptors_set_one(own, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                        search->device->descriptor);
    descriptors_finish(own, heuristics);
    /* First how many there can be; those that do not support the graph are left out then, and all
     * of them is no failure. */
    int64_t count = descriptors_get(own, heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, NULL);
    if (count > CONFIGS_MOST)
        count = CONFIGS_MOST;
    if (count == 0)
        return;
    for (int64_t i = 0; i < count; i++)
        configs[i] = descriptors_new(own, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine config");
    count = descriptors_get(own, heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                            CUDNN_TYPE_BACKEND_DESCRIPTOR, count, configs);
    for (int64_t i = 0; i < count && search->count < ENGINES_MOST; i++) {
        struct engine *next = &search->engines[search->count];
        next->config = configs[i];
        const enum reason reason = refuse(search, next);
        search->count += reason == REASON_NONE;
        tally->refused[reason]++;
        tally->offered++;
    }
}

static int tell_none(const struct engine_search *search, const struct tally *tally,
                     struct error *err)
{
    struct text words = {0};
    char name[FUSION_NAME_SIZE];
    const size_t version = search->device->cudnn->version;
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (tally->refused[i] > 0)
            text_addf(&words, "%s%zu %s", words.size == 0 ? ": " : ", ", tally->refused[i],
                      reasons[i]);
    error_set(err, ERR_DEVICE, "cudnn %zu.%zu.%zu has no engine for '%s' on '%s': %zu offered%s",
              version / 10000, version / 100 % 100, version % 100,
              fusion_name(search->fusion, name), search->device->name, tally->offered,
              text_string(&words));
    text_release(&words);
    return -1;
}

/* ---- by words ---- */

const char *engines_tuned(const struct plan_device *device, const struct fusion *fusion)
{
    char name[FUSION_NAME_SIZE];
    fusion_name(fusion, name);
    for (const struct tuned_engine *t = tuned_engines; t->device; t++)
        if (t->cudnn == device->cudnn->version && strcmp(t->device, device->name) == 0 &&
            strcmp(t->fusion, name) == 0)
            return t->engine;
    return NULL;
}

static cudnnBackendDescriptor_t knob_new(struct descriptors *own, int type, int64_t value)
{
    const cudnnBackendKnobType_t knob = (cudnnBackendKnobType_t)type;
    cudnnBackendDescriptor_t made =
        descriptors_new(own, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "knob");
    descriptors_set(own, made, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &knob);
    descriptors_set_integer(own, made, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
    descriptors_finish(own, made);
    return made;
}

/* Of an engine's words. What is no knob ends them: the words that come back are compared. */
static size_t knobs_new(struct descriptors *own, const char *words,
                        cudnnBackendDescriptor_t knobs[KNOBS_MOST])
{
    size_t count = 0;
    const char *at = strstr(words, " with ");
    for (at = at ? at + strlen(" with ") : ""; *at && count < KNOBS_MOST;) {
        char *end;
        const int type = (int)strtol(at, &end, 10);
        if (end == at || *end != '=')
            break;
        const int64_t value = strtoll(end + 1, &end, 10);
        knobs[count++] = knob_new(own, type, value);
        at = end + (*end == ' ');
    }
    return count;
}

static cudnnBackendDescriptor_t config_of(const struct engine_search *search, const char *words)
{
    struct descriptors *own = search->own;
    cudnnBackendDescriptor_t knobs[KNOBS_MOST];
    const int64_t index = strtoll(words + strlen(ENGINE), NULL, 10);
    cudnnBackendDescriptor_t engine =
        descriptors_new(own, CUDNN_BACKEND_ENGINE_DESCRIPTOR, "engine of words");
    descriptors_set_one(own, engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, search->graph);
    descriptors_set_integer(own, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index);
    descriptors_set_one(own, engine, CUDNN_ATTR_ENGINE_DEVICEPROP, search->device->descriptor);
    descriptors_finish(own, engine);
    const size_t count = knobs_new(own, words, knobs);
    cudnnBackendDescriptor_t config =
        descriptors_new(own, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "config of words");
    descriptors_set_one(own, config, CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    if (count > 0)
        descriptors_set(own, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                        CUDNN_TYPE_BACKEND_DESCRIPTOR, (int64_t)count, knobs);
    descriptors_finish(own, config);
    return config;
}

static int take_words(struct engine_search *search, const char *words, struct error *err)
{
    struct engine *only = &search->engines[0];
    char name[FUSION_NAME_SIZE];
    if (strncmp(words, ENGINE, strlen(ENGINE)) != 0)
        return error_set(err, ERR_DEVICE, "'%s' names no engine", words);
    only->config = config_of(search, words);
    const enum reason reason = refuse(search, only);
    fusion_name(search->fusion, name);
    if (descriptors_check(search->own, err))
        return error_prefix(err, "'%s' for '%s': ", words, name);
    if (reason)
        return error_set(err, ERR_DEVICE, "'%s' for '%s' is not allowed: it is %s", words, name,
                         reasons[reason]);
    if (strcmp(only->words, words) != 0)
        return error_set(err, ERR_DEVICE, "'%s' for '%s' comes out as '%s'", words, name,
                         only->words);
    search->count = 1;
    return 0;
}

int engines_find(struct engine_search *search, struct error *err)
{
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_A,
                                                   CUDNN_HEUR_MODE_FALLBACK};
    const size_t all = sizeof modes / sizeof modes[0];
    const char *words =
        search->words ? search->words : engines_tuned(search->device, search->fusion);
    struct tally tally = {0};
    search->count = 0;
    if (words && search->asked == 0) {
        search->asked = all;
        return take_words(search, words, err);
    }
    while (search->count == 0 && search->asked < all)
        ask(search, modes[search->asked++], &tally);
    if (descriptors_check(search->own, err))
        return -1;
    return search->count > 0 ? 0 : tell_none(search, &tally, err);
}
