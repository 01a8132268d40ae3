/* Scores, losses and outputs of nodes without training: batches of one size go through all nodes,
 * or through those behind what is remembered. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>
#include <string.h>

struct infer_run {
    struct executor *e;
    struct feed feed, on_card; /* without augmentation */
    const int64_t *samples;
    int64_t n, padded;
    bool remembers;
    int64_t *list; /* [2][padded] of the host: samples, rows */
    const struct network_tap *taps;
    size_t tap_count;
    float *widened; /* [inference batch] outputs of the largest node that is wanted */
};

void cuda_release_scores(struct executor *e)
{
    if (e->scores.memory)
        card_memory_free(e->card, e->scores.memory);
    e->scores = (struct score_memory){0};
}

static int reserve_scores(struct executor *e, int64_t images, struct error *err)
{
    struct score_memory *s = &e->scores;
    const size_t n = (size_t)images, classes = (size_t)e->model->architecture.classes;
    struct pieces pieces = {0};
    if (images <= s->images)
        return 0;
    cuda_release_scores(e);
    pieces_add(&pieces, &s->samples, n, sizeof *s->samples);
    pieces_add(&pieces, &s->rows, n, sizeof *s->rows);
    pieces_add(&pieces, &s->targets, n * classes, sizeof *s->targets);
    pieces_add(&pieces, &s->logits, n * classes, sizeof *s->logits);
    pieces_add(&pieces, &s->probabilities, n * classes, sizeof *s->probabilities);
    pieces_add(&pieces, &s->losses, n, sizeof *s->losses);
    pieces_add(&pieces, &s->hits, n, sizeof *s->hits);
    int status = pieces_check(&pieces, err);
    if (status == 0)
        status = card_memory_new(e->card, pieces.bytes, &s->memory, err);
    if (status == 0) {
        pieces_place(&pieces, s->memory);
        s->images = images;
    }
    pieces_release(&pieces);
    return status;
}

/* ---- a batch ---- */

static int keep_output(struct infer_run *run, int64_t first, const struct network_tap *tap,
                       struct error *err)
{
    struct executor *e = run->e;
    const int64_t count = node_count(&e->model->graph.nodes[tap->node]);
    const int64_t left = run->n - first;
    const int64_t images = left < e->inference_batch ? left : e->inference_batch;
    kernel_convert(e->ahead.stream, images * count, cuda_dtype(e, tap->node),
                   cuda_output(e, tap->node), DTYPE_F32, run->widened);
    if (card_launched(e->card, "the widening of outputs", err))
        return -1;
    return card_download(e->card, e->ahead.stream, tap->values + first * count, run->widened,
                         (size_t)(images * count) * sizeof(float), err);
}

static int keep_outputs(struct infer_run *run, int64_t first, int node, struct error *err)
{
    const struct program_node *nodes = run->e->program->nodes;
    for (size_t i = 0; i < run->tap_count; i++)
        if (nodes[run->taps[i].node].output == nodes[node].output &&
            keep_output(run, first, &run->taps[i], err))
            return -1;
    return 0;
}

/* Up to node `end`, with outputs that are wanted. */
static int run_nodes(struct infer_run *run, int64_t first, int begin, int end, struct error *err)
{
    const struct step_list *list = &run->e->program->inference;
    for (size_t s = 0; s < list->count; s++) {
        const int node = list->steps[s].node;
        if (node < begin || node >= end)
            continue;
        if ((node > 0 && cuda_fused_node(run->e, node, err)) || keep_outputs(run, first, node, err))
            return -1;
    }
    return 0;
}

static int feed_batch(struct infer_run *run, int64_t first, struct error *err)
{
    struct executor *e = run->e;
    return cuda_feed_batch(e, &run->on_card, e->scores.samples + first,
                           e->scores.targets + first * e->model->architecture.classes, err);
}

/* What the batch's pictures came to before, or now come to and are kept. */
static int recall_batch(struct infer_run *run, int64_t first, struct error *err)
{
    struct executor *e = run->e;
    const int64_t n = e->inference_batch;
    const size_t bytes = (size_t)n * sizeof(int64_t);
    int64_t *rows = run->list + run->padded + first;
    const bool recalls = cuda_find_rows(e, run->list + first, n, rows);
    if (card_upload(e->card, e->ahead.stream, e->scores.rows + first, rows, bytes, err))
        return -1;
    if (recalls) {
        kernel_targets(e->ahead.stream, &run->on_card, e->scores.samples + first, n,
                       e->scores.targets + first * e->model->architecture.classes);
        return cuda_recall(e, e->scores.rows + first, err);
    }
    if (feed_batch(run, first, err))
        return -1;
    return cuda_prefix_batch(e, e->scores.rows + first, err);
}

static int run_batch(struct infer_run *run, int64_t first, struct error *err)
{
    struct executor *e = run->e;
    const int64_t classes = e->model->architecture.classes, n = e->inference_batch;
    const int count = (int)e->model->graph.count;
    const int begin = run->remembers ? (int)e->program->first : 0;
    const float *logits = cuda_output(e, count - 1);
    if ((run->remembers ? recall_batch : feed_batch)(run, first, err) ||
        run_nodes(run, first, begin, count, err) || cuda_guard_nodes(e, begin, count, err))
        return -1;
    kernel_loss(e->ahead.stream, NULL, n, classes, logits, e->scores.targets + first * classes,
                NULL, e->scores.losses + first, e->scores.hits + first,
                e->scores.probabilities + first * classes, DTYPE_F32, NULL);
    if (card_launched(e->card, "the loss", err))
        return -1;
    return card_copy(e->card, e->ahead.stream, e->scores.logits + first * classes, logits,
                     (size_t)(n * classes) * sizeof(float), err);
}

/* ---- all of them ---- */

static int prepare(struct infer_run *run, struct error *err)
{
    struct executor *e = run->e;
    const struct step_scalars plain = {0};
    const int64_t batch = e->inference_batch;
    int64_t widest = 0;
    run->padded = (run->n + batch - 1) / batch * batch;
    run->list = memory_new(2 * (size_t)run->padded, sizeof *run->list, err);
    if (!run->list)
        return -1;
    for (int64_t i = 0; i < run->padded; i++) /* what lacks to a batch repeats the last */
        run->list[i] = run->samples[i < run->n ? i : run->n - 1];
    for (size_t i = 0; i < run->tap_count; i++) {
        const int64_t count = node_count(&e->model->graph.nodes[run->taps[i].node]);
        widest = count > widest ? count : widest;
    }
    void *widened = NULL;
    if (widest > 0 &&
        card_memory_new(e->card, (size_t)(batch * widest) * sizeof(float), &widened, err))
        return -1;
    run->widened = widened;
    if (reserve_scores(e, run->padded, err) || cuda_put_feed(e, &run->feed, &run->on_card, err) ||
        cuda_make_workspace(e, err) || cuda_guard_begin(e, &run->feed, err) ||
        card_upload(e->card, e->ahead.stream, e->ahead_scalars, &plain, sizeof plain, err) ||
        card_upload(e->card, e->ahead.stream, e->scores.samples, run->list,
                    (size_t)run->padded * sizeof *run->list, err))
        return -1;
    return card_wait(e->card, e->ahead.stream, err) || cuda_pack(e, e->model->graph.count, err) ? -1
                                                                                                : 0;
}

struct host_scores {
    float *losses;
    int32_t *hits;
};

static int download(struct infer_run *run, float *logits, float *probabilities,
                    struct host_scores *host, struct error *err)
{
    struct executor *e = run->e;
    const struct score_memory *s = &e->scores;
    void *stream = e->ahead.stream;
    const size_t n = (size_t)run->n;
    const size_t bytes = n * (size_t)e->model->architecture.classes * sizeof(float);
    if ((logits && card_download(e->card, stream, logits, s->logits, bytes, err)) ||
        (probabilities &&
         card_download(e->card, stream, probabilities, s->probabilities, bytes, err)) ||
        card_download(e->card, stream, host->losses, s->losses, n * sizeof *host->losses, err) ||
        card_download(e->card, stream, host->hits, s->hits, n * sizeof *host->hits, err))
        return -1;
    return 0;
}

/* Once, or where a NaN may have been hidden, carefully once more. */
static int run_batches(struct infer_run *run, float *logits, float *probabilities,
                       struct host_scores *host, struct error *err)
{
    struct executor *e = run->e;
    host->losses = memory_new((size_t)run->n, sizeof *host->losses, err);
    host->hits = memory_new((size_t)run->n, sizeof *host->hits, err);
    if (!host->losses || !host->hits)
        return -1;
    bool again;
    do {
        for (int64_t first = 0; first < run->padded; first += e->inference_batch)
            if (run_batch(run, first, err))
                return -1;
        if (download(run, logits, probabilities, host, err) || cuda_guard_end(e, &again, err))
            return -1;
    } while (again);
    return 0;
}

int cuda_infer(struct executor *e, const struct feed *feed, const int64_t *samples, int64_t n,
               float *logits, float *probabilities, const struct network_tap *taps,
               size_t tap_count, struct batch_result *result, struct error *err)
{
    struct infer_run run = {
        .e = e, .feed = *feed, .samples = samples, .n = n, .taps = taps, .tap_count = tap_count};
    struct host_scores host = {0};
    struct error ignored;
    bool inside = false; /* an output of the prefix has to be computed */
    ASSERT(n >= 0);
    if (n == 0) {
        if (result)
            *result = (struct batch_result){0};
        return 0;
    }
    for (size_t i = 0; i < tap_count; i++) {
        ASSERT(taps[i].node >= 0 && taps[i].node < (int)e->model->graph.count);
        inside = inside || taps[i].node < (int)e->program->first;
    }
    run.feed.augment = NULL;
    run.remembers = !inside && cuda_remembers(e, &run.feed);
    int status = prepare(&run, err);
    if (status == 0)
        status = run_batches(&run, logits, probabilities, &host, err);
    if (status) {
        (void)card_wait(e->card, e->ahead.stream, &ignored);
        cuda_forget(e);
    } else if (result) {
        *result = (struct batch_result){0};
        for (int64_t i = 0; i < n; i++) {
            result->loss += (double)host.losses[i];
            result->hits += host.hits[i];
        }
    }
    if (run.widened)
        card_memory_free(e->card, run.widened);
    free(host.losses);
    free(host.hits);
    free(run.list);
    return status;
}
