/* What a batch norm sees before it normalises, for preflight: batches run through the fused nodes
 * up to it, and its own convolution with nothing fused to it. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"
#include "nn/norm.h"

#include <stdlib.h>

struct observation {
    struct executor *e;
    struct feed feed, on_card; /* without augmentation */
    const int64_t *samples;
    int64_t n, batches;
    int node;
    struct fusion fusion;
    void *memory;
    int64_t *list; /* [batches * inference batch] */
    void *packed, *z, *scratch;
    double *statistics; /* [batches][2][c] */
};

static int64_t images_of(const struct observation *o, int64_t batch)
{
    const int64_t size = o->e->inference_batch, left = o->n - batch * size;
    return left < size ? left : size;
}

static int take_memory(struct observation *o, struct error *err)
{
    struct executor *e = o->e;
    const struct node *node = &e->model->graph.nodes[o->node];
    const size_t n = (size_t)e->inference_batch, c = (size_t)node->channels;
    struct pieces pieces = {0};
    pieces_add(&pieces, &o->list, (size_t)o->batches * n, sizeof *o->list);
    pieces_add(&pieces, &o->packed, cuda_packed_elements(e, o->node), dtype_size(e->options.dtype));
    pieces_add(&pieces, &o->z, n, cuda_bytes(e, o->node));
    pieces_add(&pieces, &o->scratch,
               kernel_norm_scratch((int64_t)n * node->height * node->width, node->channels), 1);
    pieces_add(&pieces, &o->statistics, (size_t)o->batches * 2 * c, sizeof *o->statistics);
    int status = pieces_check(&pieces, err);
    if (status == 0)
        status = card_memory_new(e->card, pieces.bytes, &o->memory, err);
    if (status == 0)
        pieces_place(&pieces, o->memory);
    pieces_release(&pieces);
    return status;
}

static int convolve(struct observation *o, struct error *err)
{
    struct executor *e = o->e;
    void *x = cuda_output(e, e->model->graph.nodes[o->node].input);
    if (node_is_depthwise(&e->model->graph, o->node)) {
        const struct window_shape window = cuda_window(e, o->node, e->inference_batch);
        kernel_depthwise(e->ahead.stream, cuda_dtype(e, o->node), &window, x, o->packed, NULL,
                         ACTIVATION_NONE, o->z);
        return 0;
    }
    void *const memory[OPERAND_END] = {
        [OPERAND_X] = x, [OPERAND_W] = o->packed, [OPERAND_Y] = o->z};
    return card_run(e->card, e->ahead.stream, cuda_plan(e, &o->fusion), memory, e->ahead.workspace,
                    err);
}

static int run_batch(struct observation *o, int64_t batch, struct error *err)
{
    struct executor *e = o->e;
    const struct node *node = &e->model->graph.nodes[o->node];
    if (cuda_feed_batch(e, &o->on_card, o->list + batch * e->inference_batch, NULL, err) ||
        cuda_fused_nodes(e, node->input + 1, err) || convolve(o, err))
        return -1;
    kernel_norm_statistics(e->ahead.stream, cuda_dtype(e, o->node),
                           images_of(o, batch) * node->height * node->width, node->channels, o->z,
                           o->scratch, o->statistics + batch * 2 * node->channels);
    return card_launched(e->card, "the statistics of a layer", err);
}

static int prepare(struct observation *o, int64_t *padded, struct error *err)
{
    struct executor *e = o->e;
    const struct step_scalars plain = {0};
    const int64_t all = o->batches * e->inference_batch;
    for (int64_t i = 0; i < all; i++)
        padded[i] = o->samples[i < o->n ? i : o->n - 1];
    if ((fusion_of_observation(e->program, o->node, e->inference_batch, &o->fusion) &&
         cuda_make_plan(e, &o->fusion, err)) ||
        take_memory(o, err) || cuda_put_feed(e, &o->feed, &o->on_card, err) ||
        cuda_make_workspace(e, err) || cuda_guard_begin(e, &o->feed, err) ||
        cuda_pack(e, (size_t)e->model->graph.nodes[o->node].input + 1, err) ||
        card_upload(e->card, e->ahead.stream, e->ahead_scalars, &plain, sizeof plain, err) ||
        card_upload(e->card, e->ahead.stream, o->list, padded, (size_t)all * sizeof *padded, err))
        return -1;
    cuda_pack_kernel(e, &e->ahead, o->node, NULL, o->packed);
    return card_wait(e->card, e->ahead.stream, err);
}

/* Once, or where a NaN may have been hidden, carefully once more. */
static int run_batches(struct observation *o, struct error *err)
{
    bool again;
    do {
        for (int64_t batch = 0; batch < o->batches; batch++)
            if (run_batch(o, batch, err))
                return -1;
        if (cuda_guard_end(o->e, &again, err))
            return -1;
    } while (again);
    return 0;
}

/* The convolution's own bias moves the mean and nothing else. */
static int join(const struct observation *o, double *mean, double *variance, struct error *err)
{
    const struct executor *e = o->e;
    const struct node *node = &e->model->graph.nodes[o->node];
    const int64_t c = node->channels, places = node->height * node->width;
    const float *card_bias = cuda_value(e, o->node, PARAMETER_BIAS);
    double *host = memory_new((size_t)(o->batches * 2 * c), sizeof *host, err);
    float *bias = memory_new((size_t)c, sizeof *bias, err);
    int status = host && bias ? 0 : -1;
    if (status == 0 && (card_download(e->card, e->ahead.stream, host, o->statistics,
                                      (size_t)(o->batches * 2 * c) * sizeof *host, err) ||
                        (card_bias && card_download(e->card, e->ahead.stream, bias, card_bias,
                                                    (size_t)c * sizeof *bias, err))))
        status = -1;
    if (card_wait(e->card, e->ahead.stream, status ? &(struct error){0} : err))
        status = -1;
    for (int64_t j = 0; j < c && status == 0; j++) {
        struct norm_moments all = {0};
        for (int64_t batch = 0; batch < o->batches; batch++) {
            const double *s = host + batch * 2 * c;
            const struct norm_moments part = {images_of(o, batch) * places, s[j], s[c + j]};
            norm_join(&all, &part);
        }
        mean[j] = all.mean + (double)bias[j];
        variance[j] = all.count ? all.m2 / (double)all.count : 0.0;
    }
    free(host);
    free(bias);
    return status;
}

int cuda_observe(struct executor *e, const struct feed *feed, const int64_t *samples, int64_t n,
                 int node, double *mean, double *variance, struct error *err)
{
    struct observation o = {.e = e, .feed = *feed, .samples = samples, .n = n, .node = node};
    struct error ignored;
    o.feed.augment = NULL;
    o.batches = (n + e->inference_batch - 1) / e->inference_batch;
    ASSERT(n > 0 && node > 0 && node_has_conv(&e->model->graph.nodes[node]));
    int64_t *padded = memory_new((size_t)(o.batches * e->inference_batch), sizeof *padded, err);
    int status = padded ? prepare(&o, padded, err) : -1;
    if (status == 0)
        status = run_batches(&o, err);
    if (status == 0)
        status = join(&o, mean, variance, err);
    (void)card_wait(e->card, e->ahead.stream, &ignored);
    if (o.memory)
        card_memory_free(e->card, o.memory);
    free(padded);
    return status;
}
