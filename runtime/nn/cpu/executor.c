#include "nn/cpu/executor.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/cpu/cpu.h"

#include <string.h>

/* Finds each node's parameters and gives each parameter its place: trainable ones first, so that
 * Adam sees one vector. */
static int place_parameters(struct executor *executor, struct error *err)
{
    const struct model *model = executor->model;
    for (size_t i = 0; i < model->graph.count; i++)
        for (int role = 0; role < ROLE_COUNT; role++)
            executor->parameter[i][role] = -1;
    size_t next = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t p = 0; p < model->count; p++) {
            const struct parameter *parameter = &model->parameters[p];
            executor->trains[p] = parameter->trainable && executor->options.batch > 0;
            executor->parameter[parameter->node][parameter->role] = (int)p;
            if (executor->trains[p] != (pass == 0))
                continue;
            executor->offsets[p] = next;
            next += (size_t)parameter->count;
        }
        if (pass == 0)
            executor->training.parameters = (int64_t)next;
    }
    executor->weights = executor_floats(executor, FOOTPRINT_WEIGHTS, 1, next, err);
    if (!executor->weights)
        return -1;
    for (size_t p = 0; p < model->count; p++)
        executor->values[p] = executor->weights + executor->offsets[p];
    return 0;
}

static int executor_init(struct executor *executor, struct error *err)
{
    const struct model *model = executor->model;
    size_t lanes = (size_t)cpu_lanes(executor->cpu);
    executor->trains = memory_new(model->count, sizeof *executor->trains, err);
    executor->parameter = memory_new(model->graph.count, sizeof *executor->parameter, err);
    executor->values = memory_new(model->count, sizeof *executor->values, err);
    executor->offsets = memory_new(model->count, sizeof *executor->offsets, err);
    executor->feed_scratch = memory_new(lanes, sizeof *executor->feed_scratch, err);
    if (!executor->trains || !executor->parameter || !executor->values || !executor->offsets ||
        !executor->feed_scratch)
        return -1;
    if (place_parameters(executor, err) || executor_load(executor, model, err) ||
        inference_init(executor, err))
        return -1;
    if (executor->options.batch > 0 && training_init(executor, err))
        return -1;
    return executor->options.only_counts
               ? 0
               : cpu_reserve_scratch(executor->cpu, executor->scratch_bytes, err);
}

int executor_new(struct cpu *cpu, const struct program *program, const struct model *model,
                 const struct network_options *options, struct executor **executor,
                 struct error *err)
{
    struct executor *made = memory_new(1, sizeof *made, err);
    if (!made)
        return -1;
    made->program = program;
    made->model = model;
    made->cpu = cpu;
    made->options = *options;
    if (executor_init(made, err)) {
        executor_free(made);
        return -1;
    }
    *executor = made;
    return 0;
}

void executor_free(struct executor *executor)
{
    if (!executor)
        return;
    profile_table_release(executor);
    features_release(executor);
    training_release(executor);
    inference_release(executor);
    for (int i = 0; executor->feed_scratch && i < cpu_lanes(executor->cpu); i++)
        free(executor->feed_scratch[i]);
    free(executor->feed_scratch);
    free(executor->weights);
    free(executor->offsets);
    free(executor->values);
    free(executor->parameter);
    free(executor->trains);
    free(executor);
}

/* The kernels that oneDNN took for a convolution's passes. */
static void describe_conv(const struct conv *conv, const char *name, struct text *words)
{
    static const enum conv_pass passes[] = {CONV_FORWARD, CONV_BACKWARD_DATA,
                                            CONV_BACKWARD_WEIGHTS};
    text_addf(words, "engines of %s", name);
    for (int i = 0; i < 3; i++) {
        const char *kernel = conv_implementation(conv, passes[i]);
        const char *products, *own = conv_own(conv, passes[i], &products);
        if (own != NULL)
            text_addf(words, " %s", own);
        if (products[0] != '\0')
            text_addf(words, "(%s)", products);
        text_addf(words, " %s", kernel[0] != '\0' ? kernel : "-");
    }
    text_addf(words, "\n");
}

int executor_describe(const struct executor *executor, struct text *words, struct error *err)
{
    const struct training *t = &executor->training;
    const struct graph *graph = &executor->model->graph;
    cpu_describe(words);
    text_addf(words, "precision %s\nimages of the prefix at once %lld\n",
              dtype_name(executor->options.dtype), (long long)executor->inference.shard);
    for (size_t i = 0; i < graph->count; i++)
        if (i < executor->program->first && executor->inference.nodes[i].conv)
            describe_conv(executor->inference.nodes[i].conv, graph->nodes[i].name, words);
        else if (t->size_count > 0 && t->sizes[0].convs[i].conv)
            describe_conv(t->sizes[0].convs[i].conv, graph->nodes[i].name, words);
    return text_check(words, err);
}

int executor_load(struct executor *executor, const struct model *model, struct error *err)
{
    (void)err;
    for (size_t p = 0; p < model->count && !executor->options.only_counts; p++)
        memcpy(executor->values[p], model->parameters[p].value,
               (size_t)model->parameters[p].count * sizeof(float));
    executor->frozen_version = ++executor->version;
    features_forget(executor);
    return 0;
}

int executor_store(struct executor *executor, struct model *model, struct error *err)
{
    (void)err;
    for (size_t p = 0; p < model->count; p++)
        memcpy(model->parameters[p].value, executor->values[p],
               (size_t)model->parameters[p].count * sizeof(float));
    return 0;
}

int executor_get_moments(struct executor *executor, float *m, float *v, struct error *err)
{
    const struct training *t = &executor->training;
    const size_t bytes = (size_t)t->parameters * sizeof(float);
    (void)err;
    if (bytes > 0) {
        memcpy(m, t->m, bytes);
        memcpy(v, t->v, bytes);
    }
    return 0;
}

int executor_set_moments(struct executor *executor, const float *m, const float *v,
                         struct error *err)
{
    struct training *t = &executor->training;
    const size_t bytes = (size_t)t->parameters * sizeof(float);
    (void)err;
    if (bytes > 0) {
        memcpy(t->m, m, bytes);
        memcpy(t->v, v, bytes);
    }
    return 0;
}
