/* Profiles of all lanes as a table for people. */
#include "base/memory.h"
#include "base/text.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 64, DEAREST = 20 };

static const char *const names[PROFILE_KINDS] = {
    [PROFILE_FEED] = "feed",
    [PROFILE_FORWARD] = "convolution forward",
    [PROFILE_BACKWARD_DATA] = "convolution backward, data",
    [PROFILE_BACKWARD_WEIGHTS] = "convolution backward, weights",
    [PROFILE_PACK] = "kernels packed",
    [PROFILE_UNPACK] = "gradients unpacked",
    [PROFILE_INFERENCE] = "frozen layers, the rest",
    [PROFILE_COMPUTE] = "norm statistics, pools, dropout",
    [PROFILE_NORMALISE] = "norm, residual, activation",
    [PROFILE_LOSS] = "loss",
    [PROFILE_MASK] = "activation backward, norm sums",
    [PROFILE_PROPAGATE] = "norm and pools backward",
    [PROFILE_SUM] = "sum of gradients over shards",
    [PROFILE_OPTIMIZER] = "optimizer"};

static size_t cell_count(const struct executor *executor)
{
    return (executor->model->graph.count + 1) * PROFILE_KINDS;
}

void profile_table_release(struct executor *executor)
{
    for (int i = 0; executor->profiles && i < cpu_lanes(executor->cpu); i++) {
        cpu_lane(executor->cpu, i)->profile = NULL;
        free(executor->profiles[i].cells);
    }
    free(executor->profiles);
    executor->profiles = NULL;
}

int executor_profile_start(struct executor *executor, struct error *err)
{
    const int lanes = cpu_lanes(executor->cpu);
    profile_table_release(executor);
    executor->profiles = memory_new((size_t)lanes, sizeof *executor->profiles, err);
    if (!executor->profiles)
        return -1;
    for (int i = 0; i < lanes; i++) {
        struct profile *profile = &executor->profiles[i];
        profile->node = (int)executor->model->graph.count;
        profile->cells = memory_new(cell_count(executor), sizeof *profile->cells, err);
        if (!profile->cells)
            return -1;
        cpu_lane(executor->cpu, i)->profile = profile;
    }
    return 0;
}

/* ---- the table ---- */

struct row {
    enum profile_kind kind;
    int node; /* of a table of nodes */
    struct profile_cell sum;
};

static void add_cell(struct profile_cell *sum, const struct profile_cell *cell)
{
    sum->ns += cell->ns;
    sum->calls += cell->calls;
    sum->work.flops += cell->work.flops;
    sum->work.bytes += cell->work.bytes;
    sum->work.kernel = cell->work.kernel;
}

static bool same_kernel(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The row of a kind and kernel; the last one takes what finds no room. */
static struct row *row_of(struct row *rows, size_t *count, enum profile_kind kind,
                          const char *kernel)
{
    for (size_t i = 0; i < *count; i++)
        if (rows[i].kind == kind && same_kernel(rows[i].sum.work.kernel, kernel))
            return &rows[i];
    if (*count == MOST_ROWS)
        return &rows[MOST_ROWS - 1];
    rows[*count].kind = kind;
    return &rows[(*count)++];
}

static int dearer(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->sum.ns != y->sum.ns)
        return x->sum.ns < y->sum.ns ? 1 : -1;
    return x->node - y->node;
}

/* A rate as a column, or its blanks. */
static void add_rate(struct text *words, int64_t amount, uint64_t ns)
{
    if (amount > 0 && ns > 0)
        text_addf(words, " %8.1f", (double)amount / (double)ns);
    else
        text_addf(words, " %8s", "");
}

static void add_row(struct text *words, const struct row *row, const char *name, uint64_t all,
                    int64_t steps)
{
    const struct profile_cell *sum = &row->sum;
    text_addf(words, "%-33s %8.1f %9.3f %6.2f", name, (double)sum->calls / (double)steps,
              1e-6 * (double)sum->ns / (double)steps,
              all > 0 ? 100.0 * (double)sum->ns / (double)all : 0.0);
    add_rate(words, sum->work.flops, sum->ns);
    add_rate(words, sum->work.bytes, sum->ns);
    text_addf(words, "%s%s\n", sum->work.kernel ? "  " : "",
              sum->work.kernel ? sum->work.kernel : "");
}

static void add_heads(struct text *words, const char *of)
{
    text_addf(words, "%-33s %8s %9s %6s %8s %8s\n", of, "calls", "ms", "%", "GFLOP/s", "GB/s");
}

static const struct profile_cell *cell_of(const struct executor *executor, int lane, size_t node,
                                          int kind)
{
    return &executor->profiles[lane].cells[node * PROFILE_KINDS + (size_t)kind];
}

static uint64_t tell_operations(const struct executor *executor, int64_t steps, struct text *words)
{
    struct row rows[MOST_ROWS] = {0};
    size_t count = 0;
    uint64_t all = 0;
    for (int lane = 0; lane < cpu_lanes(executor->cpu); lane++)
        for (size_t i = 0; i < cell_count(executor); i++) {
            const struct profile_cell *cell = &executor->profiles[lane].cells[i];
            if (cell->calls == 0)
                continue;
            add_cell(
                &row_of(rows, &count, (enum profile_kind)(i % PROFILE_KINDS), cell->work.kernel)
                     ->sum,
                cell);
            all += cell->ns;
        }
    qsort(rows, count, sizeof rows[0], dearer);
    add_heads(words, "operation, a step");
    for (size_t i = 0; i < count; i++)
        add_row(words, &rows[i], names[rows[i].kind], all, steps);
    text_addf(words, "%-33s %8s %9.3f %6.2f\n", "all, of all threads", "",
              1e-6 * (double)all / (double)steps, 100.0);
    return all;
}

static int tell_nodes(const struct executor *executor, uint64_t all, int64_t steps,
                      struct text *words, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    struct row *rows = memory_new(graph->count, sizeof *rows, err);
    if (!rows)
        return -1;
    for (size_t node = 0; node < graph->count; node++) {
        rows[node].node = (int)node;
        for (int lane = 0; lane < cpu_lanes(executor->cpu); lane++)
            for (int kind = 0; kind < PROFILE_KINDS; kind++)
                add_cell(&rows[node].sum, cell_of(executor, lane, node, kind));
        rows[node].sum.work = (struct profile_work){.flops = rows[node].sum.work.flops};
    }
    qsort(rows, graph->count, sizeof *rows, dearer);
    add_heads(words, "\nlayer, all of it");
    for (size_t i = 0; i < graph->count && i < DEAREST && rows[i].sum.ns > 0; i++)
        add_row(words, &rows[i], graph->nodes[rows[i].node].name, all, steps);
    free(rows);
    return 0;
}

int executor_profile_tell(struct executor *executor, int64_t steps, struct text *words,
                          struct error *err)
{
    ASSERT(executor->profiles && steps > 0);
    const uint64_t all = tell_operations(executor, steps, words);
    const int result = tell_nodes(executor, all, steps, words, err);
    profile_table_release(executor);
    return result < 0 ? -1 : text_check(words, err);
}
