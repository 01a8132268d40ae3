/* What a card says of itself, and which of its engines is the quickest: for ci/gpu.
 *
 *     gpu_tune probe [LIST]         its description as cuDNN writes it, and for each fusion of the
 *                                   profiles the engines that would be tried, as JSON
 *     gpu_tune tune SECONDS [PART]  times the engines of each fusion, of profiles whose name has
 * PART, as long as there is time; prints lines for plans_cuda.h
 */
#include "nn/cuda/card.h"
#include "nn/cuda/plan_device.h"
#include "profiles.h"

#include "base/json.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 20 };

struct bench {
    struct card *card;
    void *stream, *memory[OPERAND_END], *workspace;
    size_t bytes[OPERAND_END], workspace_bytes;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void stop(const struct error *err)
{
    fprintf(stderr, "gpu_tune: %s\n", err->message);
    exit(1);
}

static void open_card(struct bench *bench)
{
    struct card_facts facts;
    struct error err = {0};
    const char *folder = getenv("REPRISE_CUDNN");
    if (card_look(folder, &facts, &err) || card_open(folder, &bench->card, &err) ||
        card_stream_new(bench->card, CARD_FIRST, &bench->stream, &err))
        stop(&err);
}

/* Fusions of the profiles whose name has `part`, in bf16. */
static void list(const char *part, struct fusion_list *fusions)
{
    struct error err = {0};
    for (size_t i = 0; i < profile_count; i++) {
        struct profiled profiled;
        if (!strstr(profiles[i].name, part))
            continue;
        profiled_init(&profiled, &profiles[i], DTYPE_BF16);
        if (fusion_list_add(fusions, &profiled.program, &profiled.options, &err))
            stop(&err);
        profiled_release(&profiled);
    }
}

/* ---- probe ---- */

static json_t *engines_of(const struct bench *bench, const struct fusion *fusion)
{
    struct execution_plan *plan;
    struct error err = {0};
    json_t *engines = json_array();
    if (execution_plan_new(card_plan_device(bench->card), fusion, &plan, &err)) {
        json_array_append_new(engines, json_sprintf("none: %s", err.message));
        return engines;
    }
    for (size_t i = 0; execution_plan_candidate(plan, i); i++)
        json_array_append_new(engines, json_string(execution_plan_candidate(plan, i)));
    execution_plan_free(plan);
    return engines;
}

static void probe(struct bench *bench, const char *part)
{
    const struct card_facts *facts = card_facts(bench->card);
    struct fusion_list fusions = {0};
    char name[FUSION_NAME_SIZE];
    json_t *engines = json_object();
    list(part, &fusions);
    for (size_t i = 0; i < fusions.count; i++)
        json_object_set_new(engines, fusion_name(&fusions.fusions[i], name),
                            engines_of(bench, &fusions.fusions[i]));
    json_t *all =
        json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:o, s:o}", "card", facts->name, "capability", "",
                  "driver", facts->driver, "cuda", facts->runtime, "cudnn",
                  (json_int_t)facts->cudnn, "memory", (json_int_t)facts->memory, "description",
                  json_loads(card_plan_device(bench->card)->json, 0, NULL), "engines", engines);
    json_object_set_new(all, "capability", json_sprintf("%d.%d", facts->major, facts->minor));
    json_dumpf(all, stdout, JSON_INDENT(1));
    printf("\n");
    json_decref(all);
    fusion_list_release(&fusions);
}

/* ---- tune ---- */

static void take(struct bench *bench, void **memory, size_t *had, size_t bytes)
{
    struct error err = {0};
    if (bytes <= *had)
        return;
    if (*memory)
        card_memory_free(bench->card, *memory);
    if (card_memory_new(bench->card, bytes, memory, &err) ||
        card_zero(bench->card, bench->stream, *memory, bytes, &err))
        stop(&err);
    *had = bytes;
}

static void take_operands(struct bench *bench, const struct fusion *fusion)
{
    const struct conv_shape *s = &fusion->shape;
    const int64_t x = s->n * s->h * s->w * s->c, w = s->k * s->r * s->s * (s->c / s->groups);
    const int64_t y = s->n * conv_out_height(s) * conv_out_width(s) * s->k;
    for (int i = OPERAND_X; i < OPERAND_END; i++)
        take(bench, &bench->memory[i], &bench->bytes[i],
             4 * (size_t)(i == OPERAND_W ? w
                          : x > y        ? x
                                         : y));
}

/* Seconds of a run; 0 where the engine does not do it. */
static double time_engine(struct bench *bench, const struct fusion *fusion, const char *engine)
{
    struct execution_plan *plan;
    struct error err = {0};
    double seconds = 0;
    if (execution_plan_new_with(card_plan_device(bench->card), fusion, engine, &plan, &err))
        return 0;
    if (execution_plan_compile(plan, &err) == 0 &&
        strcmp(execution_plan_engine(plan), engine) == 0) {
        take(bench, &bench->workspace, &bench->workspace_bytes, execution_plan_workspace(plan) + 1);
        for (int i = -3; i < RUNS; i++) {
            if (i == 0) {
                if (card_wait(bench->card, bench->stream, &err))
                    stop(&err);
                seconds = now();
            }
            if (card_run(bench->card, bench->stream, plan, bench->memory, bench->workspace, &err))
                stop(&err);
        }
        if (card_wait(bench->card, bench->stream, &err))
            stop(&err);
        seconds = (now() - seconds) / RUNS;
    }
    execution_plan_free(plan);
    return seconds;
}

/* A line where another engine is at least 3% quicker than the one that is tried first. */
static void tune_fusion(struct bench *bench, const struct fusion *fusion)
{
    struct execution_plan *plan;
    struct error err = {0};
    char name[FUSION_NAME_SIZE], best[256] = "";
    double first = 0, least = 0;
    if (execution_plan_new(card_plan_device(bench->card), fusion, &plan, &err))
        return;
    take_operands(bench, fusion);
    for (size_t i = 0; execution_plan_candidate(plan, i); i++) {
        const char *engine = execution_plan_candidate(plan, i);
        const double seconds = time_engine(bench, fusion, engine);
        if (first == 0)
            first = seconds;
        if (seconds > 0 && (least == 0 || seconds < least)) {
            least = seconds;
            snprintf(best, sizeof best, "%s", engine);
        }
    }
    fusion_name(fusion, name);
    fprintf(stderr, "%s: %.1f us, best %.1f us by %s\n", name, first * 1e6, least * 1e6, best);
    if (least > 0 && least < 0.97 * first)
        printf("    {\"%s\", %zu, \"%s\", \"%s\"},\n", card_facts(bench->card)->name,
               card_facts(bench->card)->cudnn, name, best);
    execution_plan_free(plan);
}

static void tune(struct bench *bench, double seconds, const char *part)
{
    const double end = now() + seconds;
    struct fusion_list fusions = {0};
    size_t i = 0;
    list(part, &fusions);
    for (; i < fusions.count && now() < end; i++)
        tune_fusion(bench, &fusions.fusions[i]);
    fprintf(stderr, "%zu of %zu fusions timed\n", i, fusions.count);
    fusion_list_release(&fusions);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc >= 2 && strcmp(argv[1], "probe") == 0) {
        open_card(&bench);
        probe(&bench, argc > 2 ? argv[2] : "");
    } else if (argc >= 3 && strcmp(argv[1], "tune") == 0) {
        open_card(&bench);
        tune(&bench, strtod(argv[2], NULL), argc > 3 ? argv[3] : "");
    } else {
        fprintf(stderr, "usage: gpu_tune probe [PART] | gpu_tune tune SECONDS [PART]\n");
        return 2;
    }
    return 0;
}
