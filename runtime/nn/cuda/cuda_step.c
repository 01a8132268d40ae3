/* A training step as one graph. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>

/* ---- what comes before the segments ---- */

/* On to the next step's images: their edges and targets out of the store. */
static void begin(struct executor *e, int64_t n)
{
    void *stream = e->main.stream;
    kernel_step_advance(stream, e->steps, (float)e->optimizer.ema_momentum,
                        &e->guard.hidden[HIDDEN_OF_STEP], e->scalars);
    for (int i = 0; i < (int)e->program->first; i++)
        if (e->nodes[i].edge)
            kernel_gather(stream, e->scalars, e->rows, n, (int64_t)cuda_bytes(e, i),
                          e->nodes[i].rows, e->nodes[i].edge);
    kernel_gather(stream, e->scalars, e->target_row, n,
                  e->model->architecture.classes * (int64_t)sizeof *e->targets, e->target_rows,
                  e->targets);
}

/* Kernels and factors of the norms as the weights now are. */
static void prepare(struct executor *e)
{
    const struct graph *graph = &e->model->graph;
    for (int i = (int)e->program->first; i < (int)graph->count; i++) {
        const struct cuda_node *own = &e->nodes[i];
        const struct node *node = &graph->nodes[i];
        if (own->trained)
            cuda_pack_kernel(e, &e->main, i, NULL, own->trained);
        if (own->factors && !own->program->batch_norm)
            kernel_norm_factors(
                e->main.stream, node->channels, cuda_value(e, i, PARAMETER_GAMMA),
                cuda_value(e, i, PARAMETER_BETA), cuda_value(e, i, PARAMETER_MOVING_MEAN),
                cuda_value(e, i, PARAMETER_MOVING_VARIANCE), node->norm_epsilon, own->factors);
    }
}

/* ---- segments ---- */

static int run_segment(struct executor *e, int64_t n, size_t from, size_t to, size_t shard,
                       struct error *err)
{
    const int64_t first = (int64_t)shard * e->shard;
    const struct shard_run run = {.executor = e,
                                  .queue = &e->main,
                                  .shard = shard,
                                  .first_image = first,
                                  .images = n - first < e->shard ? n - first : e->shard,
                                  .arena = e->arenas[e->arena_count == 1 ? 0 : shard]};
    for (size_t s = from; s < to; s++) {
        const struct step *step = &e->program->training.steps[s];
        const char *name = e->model->graph.nodes[step->node].name;
        if ((step->kind <= STEP_LOSS ? cuda_forward_step : cuda_backward_step)(&run, step, err))
            return error_prefix(err, "layer '%s': ", name);
        if (card_launched(e->card, name, err))
            return -1;
    }
    return 0;
}

/* What a segment's batch norms gathered in their shards becomes the batch's. */
static void join(struct executor *e, int64_t n, const struct step *step, int64_t shards)
{
    const struct node *node = &e->model->graph.nodes[step->node];
    const struct cuda_node *own = &e->nodes[step->node];
    const int64_t places = node->height * node->width;
    const float *gamma = cuda_value(e, step->node, PARAMETER_GAMMA);
    if (step->kind == STEP_COMPUTE && own->program->batch_norm)
        kernel_norm_join(e->main.stream, node->channels, shards, e->shard * places,
                         (n - (shards - 1) * e->shard) * places, own->statistics, gamma,
                         cuda_value(e, step->node, PARAMETER_BETA), node->norm_epsilon,
                         own->moments, own->factors);
    if (step->kind == STEP_MASK && own->program->norm_trains)
        kernel_norm_backward(e->main.stream, node->channels, shards, n * places, own->sums, gamma,
                             own->program->batch_norm ? own->factors : NULL,
                             cuda_gradient_of(e, step->node, PARAMETER_GAMMA),
                             cuda_gradient_of(e, step->node, PARAMETER_BETA));
}

static int run_segments(struct executor *e, int64_t n, struct error *err)
{
    const struct step_list *list = &e->program->training;
    const int64_t shards = (n + e->shard - 1) / e->shard;
    for (size_t s = 0, from = 0; s < list->segment_count; from = list->segments[s++]) {
        for (int64_t shard = 0; shard < shards; shard++)
            if (run_segment(e, n, from, list->segments[s], (size_t)shard, err))
                return -1;
        for (size_t i = from; i < list->segments[s]; i++)
            join(e, n, &list->steps[i], shards);
    }
    for (int i = (int)e->program->first; i < (int)e->model->graph.count; i++)
        if (e->nodes[i].bias_sums)
            kernel_norm_backward(e->main.stream, e->model->graph.nodes[i].channels, shards, n,
                                 e->nodes[i].bias_sums, NULL, NULL, NULL,
                                 cuda_gradient_of(e, i, PARAMETER_BIAS));
    return 0;
}

/* ---- what comes behind them ---- */

static void decay(struct executor *e)
{
    for (size_t p = 0; p < e->model->count; p++) {
        const struct parameter *parameter = &e->model->parameters[p];
        if (e->trains[p] && !(e->optimizer.undecayed >> parameter->role & 1u))
            kernel_decay(e->main.stream, e->scalars, parameter->count,
                         (float)e->optimizer.weight_decay, e->weights + e->offsets[p]);
    }
}

static void update(struct executor *e)
{
    const struct optimizer *o = &e->optimizer;
    const int64_t count = (int64_t)e->trained_floats;
    void *stream = e->main.stream;
    for (int i = (int)e->program->first; i < (int)e->model->graph.count; i++) {
        const struct node *node = &e->model->graph.nodes[i];
        if (e->nodes[i].program->batch_norm)
            kernel_norm_move(stream, e->scalars, node->channels, e->nodes[i].moments,
                             node->norm_momentum, cuda_value(e, i, PARAMETER_MOVING_MEAN),
                             cuda_value(e, i, PARAMETER_MOVING_VARIANCE));
    }
    if (o->weight_decay > 0)
        decay(e);
    if (o->kind == OPTIMIZER_SGD)
        kernel_sgd(stream, e->scalars, count, (float)o->momentum, o->nesterov, e->gradient,
                   e->weights, e->m);
    else
        kernel_adam(stream, e->scalars, count, e->gradient, e->weights, e->m, e->v);
    if (e->averages)
        kernel_average(stream, e->scalars, count, e->weights, e->averages);
}

int cuda_put_step(struct executor *e, int64_t n, bool updates, struct error *err)
{
    begin(e, n);
    prepare(e);
    if (card_launched(e->card, "a step's begin", err) || run_segments(e, n, err))
        return -1;
    kernel_loss_sums(e->main.stream, e->scalars, n, e->losses, e->hits, e->results);
    if (updates)
        update(e);
    return card_launched(e->card, "a step's end", err);
}

/* ---- graphs ---- */

int cuda_make_step_plans(struct executor *e, int64_t n, struct error *err)
{
    const struct fusion_options options = {.batch = n < e->shard ? n : e->shard,
                                           .last_batch = n < e->shard ? 0 : n % e->shard,
                                           .dw = CUDA_DW};
    return cuda_make_plans(e, &options, err) || cuda_make_workspace(e, err) ? -1 : 0;
}

/* Everything runs once before it is captured, so that whatever is loaded at first use is there. As
 * a step after one that stopped it changes nothing. */
static int warm_up(struct executor *e, int64_t n, struct error *err)
{
    const struct step_scalars stopped = {.stopped = STOPPED_BY_LOSS};
    struct card *card = e->card;
    void *stream = e->main.stream;
    const size_t bytes = (size_t)n * sizeof(int64_t);
    if (card_zero(card, stream, e->samples, bytes, err) ||
        card_zero(card, stream, e->rows, bytes, err) ||
        card_zero(card, stream, e->target_row, bytes, err) ||
        card_upload(card, stream, e->scalars, &stopped, sizeof stopped, err) ||
        cuda_put_step(e, n, true, err))
        return -1;
    return card_wait(card, stream, err);
}

static int capture(struct executor *e, int64_t n, void **graph, struct error *err)
{
    struct error later;
    if (card_capture_begin(e->card, e->main.stream, err))
        return -1;
    if (cuda_put_step(e, n, true, err)) {
        if (card_capture_end(e->card, e->main.stream, graph, &later) == 0)
            card_graph_free(e->card, *graph);
        return -1;
    }
    return card_capture_end(e->card, e->main.stream, graph, err);
}

static void *find(const struct executor *e, int64_t n)
{
    for (size_t i = 0; i < e->graph_count; i++)
        if (e->graphs[i].images == n)
            return e->graphs[i].graph;
    return NULL;
}

bool cuda_has_graph(const struct executor *e, int64_t n)
{
    return find(e, n) != NULL;
}

int cuda_step_graph(struct executor *e, int64_t n, void **graph, struct error *err)
{
    if ((*graph = find(e, n)))
        return 0;
    if (memory_grow(&e->graphs, &e->graph_capacity, e->graph_count + 1, sizeof *e->graphs, err) ||
        warm_up(e, n, err) || capture(e, n, graph, err))
        return -1;
    e->graphs[e->graph_count++] = (struct step_graph){n, *graph};
    return 0;
}

void cuda_release_graphs(struct executor *e)
{
    for (size_t i = 0; i < e->graph_count; i++)
        card_graph_free(e->card, e->graphs[i].graph);
    free(e->graphs);
    e->graphs = NULL;
    e->graph_count = e->graph_capacity = 0;
}
