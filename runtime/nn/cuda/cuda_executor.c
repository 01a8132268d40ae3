#include "nn/cuda/cuda_executor.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- nodes ---- */

enum dtype cuda_dtype(const struct executor *e, int node)
{
    return e->program->nodes[node].dtype;
}

int64_t cuda_elements(const struct executor *e, int node)
{
    const struct node *n = &e->model->graph.nodes[node];
    return node == 0 ? n->height * n->width * fusion_picture_channels(e->program) : node_count(n);
}

size_t cuda_bytes(const struct executor *e, int node)
{
    return (size_t)cuda_elements(e, node) * dtype_size(cuda_dtype(e, node));
}

struct window_shape cuda_window(const struct executor *e, int index, int64_t n)
{
    const struct node *node = &e->model->graph.nodes[index];
    const struct node *input = &e->model->graph.nodes[node->input];
    return (struct window_shape){
        .n = n,
        .h = input->height,
        .w = input->width,
        .c = input->channels,
        .r = node->kernel,
        .s = node->kernel,
        .stride = node->stride,
        .pad_top = node->pad_top,
        .pad_bottom = node->pad_bottom,
        .pad_left = node->pad_left,
        .pad_right = node->pad_right,
        .zero_padding = true, /* as keras.applications pads */
    };
}

/* ---- memory ---- */

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

int64_t cuda_packed_channels(const struct executor *e, int index)
{
    const struct node *node = &e->model->graph.nodes[index];
    return node->input == 0 ? fusion_picture_channels(e->program)
                            : e->model->graph.nodes[node->input].channels / node->groups;
}

size_t cuda_packed_elements(const struct executor *e, int index)
{
    const struct conv_shape shape = node_conv_shape(&e->model->graph, index, 1);
    return (size_t)(shape.k * shape.r * shape.s * cuda_packed_channels(e, index));
}

static void add_conv(struct executor *e, int index, struct pieces *pieces)
{
    struct cuda_node *own = &e->nodes[index];
    const size_t k = (size_t)e->model->graph.nodes[index].channels;
    const size_t bytes = dtype_size(e->options.dtype), elements = cuda_packed_elements(e, index);
    pieces_add(pieces, &own->packed, elements, bytes);
    pieces_add(pieces, &own->scale, k, sizeof *own->scale);
    pieces_add(pieces, &own->bias, k, sizeof *own->bias);
    if (e->shard > 0 && index >= (int)e->program->first && !own->program->folded)
        pieces_add(pieces, &own->trained, elements, bytes);
}

static void add_suffix(struct executor *e, int index, struct pieces *pieces)
{
    struct cuda_node *own = &e->nodes[index];
    const size_t c = (size_t)e->model->graph.nodes[index].channels;
    if (own->program->edge)
        pieces_add(pieces, &own->edge, (size_t)e->options.batch, cuda_bytes(e, index));
    if (index < (int)e->program->first)
        return;
    if (own->program->kernel_trains && e->parameter[index][PARAMETER_BIAS] >= 0)
        pieces_add(pieces, &own->bias_sums, 2 * e->shards * c, sizeof *own->bias_sums);
    if (!program_has_own_norm(e->program, index))
        return;
    pieces_add(pieces, &own->factors, NORM_FACTORS * c, sizeof *own->factors);
    pieces_add(pieces, &own->moments, 2 * c, sizeof *own->moments);
    pieces_add(pieces, &own->statistics, 2 * e->shards * c, sizeof *own->statistics);
    pieces_add(pieces, &own->sums, 2 * e->shards * c, sizeof *own->sums);
}

/* The most scratch that a kernel of the suffix wants for a shard. */
static size_t scratch_of(const struct executor *e, int index, int64_t images)
{
    const struct node *node = &e->model->graph.nodes[index];
    size_t bytes = kernel_norm_scratch(images * node->height * node->width, node->channels);
    if (node_is_depthwise(&e->model->graph, index)) {
        const struct window_shape window = cuda_window(e, index, images);
        bytes = largest(bytes, kernel_depthwise_scratch(&window));
    }
    return bytes;
}

/* Buffers with the channels that pictures have on the card. */
static int place_buffers(const struct executor *e, const struct step_list *list, int64_t images,
                         size_t *offsets, size_t *bytes, struct error *err)
{
    struct buffer *buffers = memory_new(list->buffer_count + 1, sizeof *buffers, err);
    if (!buffers)
        return -1;
    if (list->buffer_count > 0)
        memcpy(buffers, list->buffers, list->buffer_count * sizeof *buffers);
    if (list == &e->program->inference)
        buffers[e->program->nodes[0].output].count = cuda_elements(e, 0);
    const int status = arena_place(buffers, list->buffer_count, images, offsets, bytes, err);
    free(buffers);
    return status;
}

static void add_batches(struct executor *e, struct pieces *pieces)
{
    const size_t batch = (size_t)e->options.batch, classes = (size_t)e->model->architecture.classes;
    const size_t most = CUDA_STEPS_AT_ONCE * batch, rows = 2 * (size_t)e->half;
    pieces_add(pieces, &e->targets, batch * classes, sizeof *e->targets);
    pieces_add(pieces, &e->losses, batch, sizeof *e->losses);
    pieces_add(pieces, &e->hits, batch, sizeof *e->hits);
    pieces_add(pieces, &e->class_weights, classes, sizeof *e->class_weights);
    pieces_add(pieces, &e->steps, CUDA_STEPS_AT_ONCE, sizeof *e->steps);
    pieces_add(pieces, &e->results, CUDA_STEPS_AT_ONCE, sizeof *e->results);
    pieces_add(pieces, &e->scalars, 1, sizeof *e->scalars);
    pieces_add(pieces, &e->samples, most, sizeof *e->samples);
    pieces_add(pieces, &e->rows, most, sizeof *e->rows);
    pieces_add(pieces, &e->target_row, most, sizeof *e->target_row);
    pieces_add(pieces, &e->prefix_samples, rows, sizeof *e->prefix_samples);
    pieces_add(pieces, &e->prefix_rows, rows, sizeof *e->prefix_rows);
}

static int add_training(struct executor *e, struct pieces *pieces, struct error *err)
{
    const struct step_list *list = &e->program->training;
    const size_t count = e->model->graph.count;
    size_t scratch = 0, packed = 0, arena_bytes;
    for (int i = 0; i < (int)count; i++) {
        add_suffix(e, i, pieces);
        if (i < (int)e->program->first)
            continue;
        scratch = largest(scratch, scratch_of(e, i, e->shard));
        if (e->nodes[i].program->kernel_trains)
            packed = largest(packed, cuda_packed_elements(e, i));
    }
    if (place_buffers(e, list, e->shard, e->training_offsets, &arena_bytes, err))
        return -1;
    for (size_t i = 0; i < e->arena_count; i++)
        pieces_add(pieces, &e->arenas[i], arena_bytes, 1);
    pieces_add(pieces, &e->gradient, e->trained_floats, sizeof *e->gradient);
    pieces_add(pieces, &e->m, e->trained_floats, sizeof *e->m);
    pieces_add(pieces, &e->v, e->trained_floats, sizeof *e->v);
    pieces_add(pieces, &e->packed_gradient, packed, sizeof(float));
    pieces_add(pieces, &e->tail, packed, sizeof *e->tail);
    pieces_add(pieces, &e->main.scratch, scratch, 1);
    add_batches(e, pieces);
    return 0;
}

static int add_all(struct executor *e, struct pieces *pieces, struct error *err)
{
    size_t arena_bytes;
    pieces_add(pieces, &e->weights, e->all_floats, sizeof *e->weights);
    for (int i = 0; i < (int)e->model->graph.count; i++)
        if (node_has_conv(&e->model->graph.nodes[i]))
            add_conv(e, i, pieces);
    const size_t weights = pieces->bytes;
    if (place_buffers(e, &e->program->inference, e->inference_batch, e->inference_offsets,
                      &arena_bytes, err))
        return -1;
    pieces_add(pieces, &e->inference_arena, arena_bytes, 1);
    pieces_add(pieces, &e->ahead_scalars, 1, sizeof *e->ahead_scalars);
    cuda_guard_add(e, pieces);
    const size_t inference = pieces->bytes - weights;
    if (e->shard > 0 && add_training(e, pieces, err))
        return -1;
    e->planned = (struct planned){weights, inference, pieces->bytes - weights - inference};
    return pieces_check(pieces, err);
}

/* How a batch is cut, and how many images the prefix works ahead. */
static void cut_batch(struct executor *e, int64_t batch)
{
    const int64_t ahead = e->inference_batch;
    e->options.batch = batch;
    e->shard = e->options.shard < batch ? e->options.shard : batch;
    e->shards = batch == 0 ? 0 : (size_t)((batch + e->shard - 1) / e->shard);
    e->half = (batch + ahead - 1) / ahead * ahead;
    e->arena_count = batch == 0 ? 0 : e->program->training.segment_count == 1 ? 1 : e->shards;
}

static size_t bytes_with(struct executor *e, int64_t batch)
{
    struct pieces pieces = {0};
    struct error ignored;
    cut_batch(e, batch);
    size_t bytes = add_all(e, &pieces, &ignored) ? SIZE_MAX : pieces.bytes;
    pieces_release(&pieces);
    const size_t store = cuda_store_bytes(e);
    return bytes < SIZE_MAX - store ? bytes + store : SIZE_MAX;
}

static double gibibytes(size_t bytes)
{
    return (double)bytes / (double)(1 << 30);
}

/* The card has not as much as that: how much is wanted, how much is there, and what would do. */
static int too_large(struct executor *e, struct error *err)
{
    const int64_t batch = e->options.batch;
    struct error ignored;
    size_t left = 0, wanted = bytes_with(e, batch);
    int64_t fits = batch / 2;
    (void)card_memory_left(e->card, &left, &ignored);
    while (fits > 0 && bytes_with(e, fits) > left)
        fits /= 2;
    cut_batch(e, batch);
    error_set(err, ERR_MEMORY,
              "the network wants %.2f GiB of the card's memory, of which %.2f GiB are free",
              gibibytes(wanted), gibibytes(left));
    if (batch > 0) {
        const size_t length = strlen(err->message);
        snprintf(err->message + length, sizeof err->message - length,
                 fits > 0 ? " with a batch of %lld; one of %lld fits" : " with a batch of %lld",
                 (long long)batch, (long long)fits);
    }
    return -1;
}

static int take_memory(struct executor *e, struct error *err)
{
    size_t left;
    if (add_all(e, &e->pieces, err) || card_memory_left(e->card, &left, err))
        return -1;
    if (bytes_with(e, e->options.batch) > left)
        return too_large(e, err);
    if (card_memory_new(e->card, e->pieces.bytes, &e->memory, err)) {
        if (err->kind == ERR_MEMORY)
            return too_large(e, err);
        return -1;
    }
    pieces_place(&e->pieces, e->memory);
    return card_zero(e->card, e->main.stream, e->memory, e->pieces.bytes, err);
}

int cuda_make_workspace(struct executor *e, struct error *err)
{
    struct queue *const queues[] = {&e->main, &e->ahead};
    if (e->workspace_bytes <= e->workspace_room)
        return 0;
    cuda_release_graphs(e); /* which have the old one */
    for (int i = 0; i < 2; i++) {
        void *made;
        if (card_memory_new(e->card, e->workspace_bytes, &made, err))
            return -1;
        if (queues[i]->workspace)
            card_memory_free(e->card, queues[i]->workspace);
        queues[i]->workspace = made;
    }
    e->workspace_room = e->workspace_bytes;
    return 0;
}

/* ---- made, freed ---- */

static int make_queues(struct executor *e, struct error *err)
{
    if (card_stream_new(e->card, CARD_FIRST, &e->main.stream, err) ||
        card_stream_new(e->card, CARD_WHERE_THERE_IS_ROOM, &e->ahead.stream, err) ||
        card_event_new(e->card, &e->listed, err))
        return -1;
    for (int i = 0; i < 2; i++)
        if (card_event_new(e->card, &e->half_filled[i], err) ||
            card_event_new(e->card, &e->half_free[i], err))
            return -1;
    return 0;
}

static int make_arrays(struct executor *e, struct error *err)
{
    const struct program *program = e->program;
    const size_t count = e->model->graph.count;
    e->nodes = memory_new(count, sizeof *e->nodes, err);
    e->inference_offsets =
        memory_new(program->inference.buffer_count + 1, sizeof *e->inference_offsets, err);
    e->training_offsets =
        memory_new(program->training.buffer_count + 1, sizeof *e->training_offsets, err);
    e->arenas = memory_new(e->arena_count + 1, sizeof *e->arenas, err);
    if (!e->nodes || !e->inference_offsets || !e->training_offsets || !e->arenas)
        return -1;
    for (size_t i = 0; i < count; i++)
        e->nodes[i].program = &program->nodes[i];
    return cuda_place_parameters(e, err) || cuda_guard_init(e, err) ? -1 : 0;
}

static int init(struct executor *e, struct error *err)
{
    const struct fusion_options options = {.inference_batch = e->inference_batch,
                                           .prefix_batch = e->inference_batch,
                                           .batch = e->shard,
                                           .dw = CUDA_DW};
    if (make_queues(e, err) || make_arrays(e, err) || take_memory(e, err) ||
        cuda_make_plans(e, &options, err) || cuda_make_workspace(e, err) ||
        cuda_load(e, e->model, err))
        return -1;
    return e->shard > 0 ? cuda_make_store(e, 0, err) : 0;
}

int cuda_executor_new(const struct device *device, struct card *card, int64_t images,
                      const struct program *program, const struct model *model,
                      const struct network_options *options, struct executor **executor,
                      struct error *err)
{
    struct executor *e = memory_new(1, sizeof *e, err);
    if (!e)
        return -1;
    e->device = device;
    e->card = card;
    e->program = program;
    e->model = model;
    e->options = *options;
    e->inference_batch = fusion_inference_batch(images, model->architecture.image_size);
    cut_batch(e, options->batch);
    if (init(e, err)) {
        cuda_executor_free(e);
        return -1;
    }
    *executor = e;
    return 0;
}

static void free_on_card(struct executor *e)
{
    void *const memories[] = {e->memory, e->averages_memory, e->main.workspace, e->ahead.workspace};
    struct error ignored;
    if (e->main.stream)
        (void)card_wait(e->card, e->main.stream, &ignored);
    if (e->ahead.stream)
        (void)card_wait(e->card, e->ahead.stream, &ignored);
    cuda_release_graphs(e);
    cuda_release_store(e);
    cuda_release_pictures(e);
    cuda_release_scores(e);
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            card_memory_free(e->card, memories[i]);
    for (int i = 0; i < 2; i++) {
        card_event_free(e->card, e->half_filled[i]);
        card_event_free(e->card, e->half_free[i]);
    }
    card_event_free(e->card, e->listed);
    card_stream_free(e->card, e->main.stream);
    card_stream_free(e->card, e->ahead.stream);
}

void cuda_executor_free(struct executor *e)
{
    if (!e)
        return;
    free_on_card(e);
    cuda_release_plans(e);
    cuda_guard_release(e);
    pieces_release(&e->pieces);
    void *const owned[] = {e->trains,           e->parameter, e->offsets, e->inference_offsets,
                           e->training_offsets, e->arenas,    e->nodes};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(e);
}

int cuda_state_memory(const struct executor *e, struct text *words, struct error *err)
{
    const size_t store = e->store_bytes;
    const size_t workspaces = 2 * e->workspace_room;
    text_addf(words,
              "%.2f GiB of the card's memory: kernels and weights %.2f, inference of %lld "
              "images at once %.2f, ",
              gibibytes(e->pieces.bytes + store + workspaces), gibibytes(e->planned.weights),
              (long long)e->inference_batch, gibibytes(e->planned.inference));
    if (e->shard > 0)
        text_addf(words, "a step of %lld %.2f, what the frozen layers make of pictures %.2f, ",
                  (long long)e->options.batch, gibibytes(e->planned.step), gibibytes(store));
    text_addf(words, "workspace %.2f; the data set comes on top", gibibytes(workspaces));
    return text_check(words, err);
}

int cuda_describe(const struct executor *e, struct text *words, struct error *err)
{
    const struct card_facts *facts = card_facts(e->card);
    char name[FUSION_NAME_SIZE];
    text_addf(words, "device cuda\ncard %s\ndriver %d\ncuda %d\ncudnn %zu\n", facts->name,
              facts->driver, facts->runtime, facts->cudnn);
    text_addf(words, "precision %s\nimages of the prefix at once %lld\n",
              dtype_name(e->options.dtype), (long long)e->inference_batch);
    for (size_t i = 0; i < e->plan_count; i++)
        text_addf(words, "%s: %s\n", fusion_name(&e->fusions.fusions[i], name),
                  execution_plan_engine(e->plans[i]));
    return text_check(words, err);
}
