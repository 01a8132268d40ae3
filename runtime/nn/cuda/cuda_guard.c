/* Sees whether one of the activations that cuDNN fuses could have taken a NaN for 0; nn/reach.h
 * says how. The bounds of a batch's nodes are computed on the card, by one kernel behind the batch,
 * and raise a flag there, which the host reads with the results. Where bounds would grow too large,
 * an output is measured when it is made. Which ones these are is chosen here when weights are
 * loaded, since a captured step or a batch that is under way cannot ask the host: a choice that
 * fits the weights badly, as training has changed them, raises the flag and spoils nothing.
 *
 * The first flag that is raised makes the network careful for good: its activations run apart. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"
#include "nn/norm.h"
#include "nn/reach.h"

#include <stdlib.h>
#include <string.h>

/* Far below REACH_LIMIT, as gains grow while weights train; and what is expected of a measured
 * output and of a picture, well above what networks have. */
static const float margin = 1e25f, expected = 1e4f;

/* ---- memory ---- */

/* The most steps: each input of each node, each node measured, each edge. */
static size_t most_steps(const struct executor *e)
{
    const struct graph *graph = &e->model->graph;
    size_t steps = 2 * graph->count;
    for (size_t i = 0; i < graph->count; i++)
        steps += (size_t)node_inputs(&graph->nodes[i]);
    return steps;
}

void cuda_guard_add(struct executor *e, struct pieces *pieces)
{
    const size_t count = e->model->graph.count;
    struct guard *guard = &e->guard;
    pieces_add(pieces, &guard->on_card, most_steps(e), sizeof *guard->on_card);
    pieces_add(pieces, &guard->gains, 2 * count, sizeof *guard->gains);
    pieces_add(pieces, &guard->measured, count, sizeof *guard->measured);
    pieces_add(pieces, &guard->reach, count, sizeof *guard->reach);
    pieces_add(pieces, &guard->hidden, HIDDEN_FLAGS, sizeof *guard->hidden);
}

int cuda_guard_init(struct executor *e, struct error *err)
{
    const size_t count = e->model->graph.count;
    struct guard *guard = &e->guard;
    guard->steps = memory_new(most_steps(e), sizeof *guard->steps, err);
    guard->begin = memory_new(count + 1, sizeof *guard->begin, err);
    guard->measures = memory_new(count, sizeof *guard->measures, err);
    return guard->steps && guard->begin && guard->measures ? 0 : -1;
}

void cuda_guard_release(struct executor *e)
{
    free(e->guard.steps);
    free(e->guard.begin);
    free(e->guard.measures);
}

/* ---- the list of steps ---- */

static void add(struct guard *guard, enum reach_kind kind, int y, int x)
{
    guard->steps[guard->count++] =
        (struct reach_step){.kind = kind, .y = y, .x = x, .residual = -1};
}

static void add_node(struct executor *e, int index)
{
    const struct graph *graph = &e->model->graph;
    const struct node *node = &graph->nodes[index];
    struct guard *guard = &e->guard;
    switch (node->kind) {
    case NODE_INPUT: add(guard, REACH_FED, index, index); break;
    case NODE_CONV:
    case NODE_DENSE: {
        add(guard, REACH_SUM, index, node->input);
        struct reach_step *step = &guard->steps[guard->count - 1];
        step->residual = node->residual;
        step->activation = node->activation;
        step->fused =
            node->activation != ACTIVATION_NONE && !node_is_depthwise(&e->model->graph, index);
        break;
    }
    case NODE_AVERAGE_POOL: {
        const struct node *input = &graph->nodes[node->input];
        add(guard, REACH_TIMES, index, node->input);
        guard->steps[guard->count - 1].times = (float)(input->height * input->width);
        break;
    }
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            add(guard, i == 0 ? REACH_SAME : REACH_LARGER, index, node_input(node, i));
        break;
    case NODE_MAX_POOL:
    case NODE_DROPOUT: add(guard, REACH_SAME, index, node->input); break;
    }
    if (guard->measures[index])
        add(guard, REACH_MEASURED, index, index);
}

/* Nodes in their order; behind them those that have their outputs out of the store. */
static void list_steps(struct executor *e)
{
    const int count = (int)e->model->graph.count;
    struct guard *guard = &e->guard;
    guard->count = 0;
    for (int i = 0; i < count; i++) {
        guard->begin[i] = guard->count;
        add_node(e, i);
    }
    guard->begin[count] = guard->count;
    for (int i = 0; i < (int)e->program->first; i++)
        if (e->program->nodes[i].edge)
            add(guard, REACH_MEASURED, i, i);
        else if (e->model->graph.nodes[i].kind == NODE_DROPOUT)
            add(guard, REACH_SAME, i, e->model->graph.nodes[i].input);
}

/* ---- what is measured ---- */

static float *value_of(const struct executor *e, const struct model *model, int node,
                       enum parameter_role role)
{
    const int index = e->parameter[node][role];
    return index < 0 ? NULL : model->parameters[index].value;
}

/* As kernel_norm_fold() and kernel_reach_gain() will have them: gains [2]. scale, bias [k] are
 * scratch. */
static void gains_of(const struct executor *e, const struct model *model, int index, float *scale,
                     float *bias, float *gains)
{
    const struct node *node = &e->model->graph.nodes[index];
    const float *own = value_of(e, model, index, PARAMETER_BIAS);
    const float *gamma = value_of(e, model, index, PARAMETER_GAMMA);
    const float *beta = value_of(e, model, index, PARAMETER_BETA);
    const float *mean = value_of(e, model, index, PARAMETER_MOVING_MEAN);
    const float *variance = value_of(e, model, index, PARAMETER_MOVING_VARIANCE);
    const int64_t count = model->parameters[e->parameter[index][PARAMETER_KERNEL]].count;
    for (int64_t i = 0; i < node->channels; i++) {
        float shift = 0.0f;
        scale[i] = 1.0f;
        if (gamma)
            norm_scale_shift(gamma[i], beta[i], mean[i], variance[i], node->norm_epsilon, &scale[i],
                             &shift);
        bias[i] = own ? own[i] * scale[i] + shift : shift;
    }
    gains[0] = reach_gain(count / node->channels, node->channels,
                          value_of(e, model, index, PARAMETER_KERNEL), gamma ? scale : NULL);
    gains[1] = reach_largest(node->channels, bias);
}

/* A picture's bound is known, and dropout has its input's output. */
static void choose(struct executor *e, int node, float *reach)
{
    const struct graph *graph = &e->model->graph;
    int made = node;
    while (graph->nodes[made].kind == NODE_DROPOUT)
        made = graph->nodes[made].input;
    if (made == 0)
        return;
    e->guard.measures[made] = true;
    reach[node] = expected;
}

/* Goes through the network once with the bounds that it has before a picture is seen. */
static void choose_measured(struct executor *e, const float *gains, float *reach)
{
    struct guard *guard = &e->guard;
    const struct reach_tables tables = {expected, gains, NULL, reach};
    memset(guard->measures, 0, e->model->graph.count * sizeof *guard->measures);
    list_steps(e);
    for (size_t i = 0; i < guard->begin[e->model->graph.count]; i++) {
        const struct reach_step *step = &guard->steps[i];
        float sum = reach_of_step(step, &tables);
        if (step->kind == REACH_SUM && !(sum < margin)) {
            choose(e, step->x, reach);
            if (step->residual >= 0)
                choose(e, step->residual, reach);
            sum = reach_of_step(step, &tables);
        }
        reach_enter(step, sum, &tables);
    }
    list_steps(e);
}

int cuda_guard_load(struct executor *e, const struct model *model, struct error *err)
{
    const struct graph *graph = &e->model->graph;
    struct guard *guard = &e->guard;
    int64_t widest = 1;
    if (e->careful)
        return 0;
    for (size_t i = 0; i < graph->count; i++)
        widest = graph->nodes[i].channels > widest ? graph->nodes[i].channels : widest;
    float *gains = memory_new(3 * graph->count + 2 * (size_t)widest, sizeof *gains, err);
    if (!gains)
        return -1;
    float *reach = gains + 2 * graph->count, *scratch = reach + graph->count;
    for (int i = 0; i < (int)graph->count; i++)
        if (node_has_conv(&graph->nodes[i]))
            gains_of(e, model, i, scratch, scratch + widest, gains + 2 * i);
    choose_measured(e, gains, reach);
    free(gains);
    if (card_upload(e->card, e->ahead.stream, guard->on_card, guard->steps,
                    guard->count * sizeof *guard->steps, err))
        return -1;
    return card_wait(e->card, e->ahead.stream, err);
}

/* ---- a batch ---- */

int cuda_guard_begin(struct executor *e, const struct feed *feed, struct error *err)
{
    struct guard *guard = &e->guard;
    guard->fed = reach_of_feed(&feed->preprocess);
    guard->flag = HIDDEN_IN_FIRST_HALF;
    return card_zero(e->card, e->ahead.stream, guard->hidden, HIDDEN_FLAGS * sizeof *guard->hidden,
                     err);
}

int cuda_guard_gain(struct executor *e, int index, struct error *err)
{
    const struct node *node = &e->model->graph.nodes[index];
    const int64_t k = node->channels;
    const int64_t count = e->model->parameters[e->parameter[index][PARAMETER_KERNEL]].count;
    const bool folds = cuda_value(e, index, PARAMETER_GAMMA) != NULL;
    float *gains = e->guard.gains + 2 * index;
    void *stream = e->ahead.stream;
    if (e->careful)
        return 0;
    if (card_zero(e->card, stream, gains, 2 * sizeof *gains, err))
        return -1;
    kernel_reach_gain(stream, count / k, k, cuda_value(e, index, PARAMETER_KERNEL),
                      folds ? e->nodes[index].scale : NULL, &gains[0]);
    kernel_reach_largest(stream, DTYPE_F32, k, e->nodes[index].bias, &gains[1]);
    return card_launched(e->card, "the bounds of kernels", err);
}

static int measure(struct executor *e, int index, struct error *err)
{
    float *measured = &e->guard.measured[index];
    if (card_zero(e->card, e->ahead.stream, measured, sizeof *measured, err))
        return -1;
    kernel_reach_largest(e->ahead.stream, cuda_dtype(e, index),
                         e->inference_batch * cuda_elements(e, index), cuda_output(e, index),
                         measured);
    return card_launched(e->card, "the measuring of outputs", err);
}

int cuda_guard_output(struct executor *e, int index, struct error *err)
{
    return e->careful || !e->guard.measures[index] ? 0 : measure(e, index, err);
}

static int take_steps(struct executor *e, size_t begin, size_t end, struct error *err)
{
    const struct guard *guard = &e->guard;
    if (e->careful || begin == end)
        return 0;
    kernel_reach_steps(e->ahead.stream, guard->on_card + begin, (int64_t)(end - begin), guard->fed,
                       guard->gains, guard->measured, guard->reach, &guard->hidden[guard->flag]);
    return card_launched(e->card, "the bounds of outputs", err);
}

int cuda_guard_nodes(struct executor *e, int begin, int end, struct error *err)
{
    return take_steps(e, e->guard.begin[begin], e->guard.begin[end], err);
}

int cuda_guard_recalled(struct executor *e, struct error *err)
{
    for (int i = 0; i < (int)e->program->first && !e->careful; i++)
        if (e->program->nodes[i].edge && measure(e, i, err))
            return -1;
    return take_steps(e, e->guard.begin[e->model->graph.count], e->guard.count, err);
}

bool cuda_is_careful(const struct executor *e)
{
    return e->careful;
}

/* What is remembered may come from batches that do not count. */
int cuda_be_careful(struct executor *e, struct error *err)
{
    const struct fusion_options options = {
        .inference_batch = e->inference_batch, .prefix_batch = e->inference_batch, .careful = true};
    cuda_forget(e);
    if (cuda_make_plans(e, &options, err) || cuda_make_workspace(e, err) ||
        card_zero(e->card, e->ahead.stream, e->guard.hidden, HIDDEN_FLAGS * sizeof *e->guard.hidden,
                  err))
        return -1;
    e->careful = true;
    for (size_t i = 0; i < e->model->graph.count; i++)
        e->nodes[i].plan = NULL; /* of one with its activation */
    return 0;
}

int cuda_guard_end(struct executor *e, bool *again, struct error *err)
{
    uint32_t hidden;
    if (card_download(e->card, e->ahead.stream, &hidden, &e->guard.hidden[HIDDEN_IN_FIRST_HALF],
                      sizeof hidden, err) ||
        card_wait(e->card, e->ahead.stream, err))
        return -1;
    *again = hidden != 0;
    return *again ? cuda_be_careful(e, err) : 0;
}
