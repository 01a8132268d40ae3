/* Training steps, many at once. Their images are cut into chunks of whole steps; the prefix works
 * on a chunk into one half of the store while the steps of the chunk before read the other. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>
#include <string.h>

struct chunk {
    size_t first_step, steps;
    int64_t first, images; /* in the round's list of samples */
    int64_t missing,
        begin; /* images that the prefix has to see, whole batches; in the prefix's list */
};

/* Lists are the host's; they stay until all is done. */
struct round {
    struct executor *e;
    const struct feed *feed;
    struct feed on_card;
    const int64_t *samples;
    const struct train_step *steps;
    size_t count;
    int64_t images;
    uint32_t epoch;
    int64_t first; /* the first step's number */
    bool updates, remembers;
    bool hidden;      /* the prefix may have hidden a NaN, in what a step read or in what is kept */
    uint32_t stopped; /* as in the scalars afterwards */
    struct chunk chunks[CUDA_STEPS_AT_ONCE];
    size_t chunk_count;
    int64_t *rows, *target_row;            /* [images] */
    int64_t *prefix_samples, *prefix_rows; /* [images + a batch for each chunk] */
    struct step_scalars scalars, ahead_scalars;
    void *graphs[CUDA_STEPS_AT_ONCE];
};

/* ---- lists ---- */

static void cut(struct round *r)
{
    int64_t first = 0;
    for (size_t s = 0; s < r->count; s++) {
        struct chunk *last = r->chunk_count > 0 ? &r->chunks[r->chunk_count - 1] : NULL;
        if (!last || last->images + r->steps[s].n > r->e->half) {
            last = &r->chunks[r->chunk_count++];
            *last = (struct chunk){.first_step = s, .first = first};
        }
        last->steps++;
        last->images += r->steps[s].n;
        first += r->steps[s].n;
    }
    r->images = first;
}

/* Where each image's edges and target will be, and what the prefix has to do for it. */
static void list_chunk(struct round *r, size_t which, int64_t *begin)
{
    struct executor *e = r->e;
    struct chunk *chunk = &r->chunks[which];
    const int64_t base = (int64_t)(which % 2) * e->half, batch = e->inference_batch;
    int64_t *samples = r->prefix_samples + *begin, *rows = r->prefix_rows + *begin;
    chunk->begin = *begin;
    for (int64_t i = 0; i < chunk->images; i++) {
        const int64_t at = chunk->first + i, sample = r->samples[at];
        bool made = true;
        r->target_row[at] = base + i;
        r->rows[at] = r->remembers ? cuda_row(e, sample, &made) : -1;
        if (r->rows[at] < 0)
            r->rows[at] = e->kept + base + i;
        if (!made)
            continue;
        samples[chunk->missing] = sample;
        rows[chunk->missing++] = r->rows[at];
    }
    for (; chunk->missing % batch != 0; chunk->missing++) { /* what lacks repeats the last */
        samples[chunk->missing] = samples[chunk->missing - 1];
        rows[chunk->missing] = rows[chunk->missing - 1];
    }
    *begin += chunk->missing;
}

static int list(struct round *r, struct error *err)
{
    const struct executor *e = r->e;
    cut(r);
    const size_t images = (size_t)r->images;
    const size_t most = images + r->chunk_count * (size_t)e->inference_batch;
    int64_t begin = 0;
    r->rows = memory_new(2 * images + 2 * most, sizeof *r->rows, err);
    if (!r->rows)
        return -1;
    r->target_row = r->rows + images;
    r->prefix_samples = r->target_row + images;
    r->prefix_rows = r->prefix_samples + most;
    for (size_t i = 0; i < r->chunk_count; i++)
        list_chunk(r, i, &begin);
    return 0;
}

/* ---- to the card ---- */

static int upload_weights(struct round *r, struct error *err)
{
    struct executor *e = r->e;
    const bool weighs = r->feed->class_weights != NULL;
    if (weighs != e->weighs)
        cuda_release_graphs(e); /* whose loss is another */
    e->weighs = weighs;
    if (!weighs)
        return 0;
    return card_upload(e->card, e->main.stream, e->class_weights, r->feed->class_weights,
                       (size_t)e->model->architecture.classes * sizeof *e->class_weights, err);
}

/* All plans before the first graph: what they want of the workspace may be more than there is, and
 * with another one all graphs are captured anew. */
static int make_graphs(struct round *r, struct error *err)
{
    for (size_t s = 0; s < r->count; s++)
        if (!cuda_has_graph(r->e, r->steps[s].n) && cuda_make_step_plans(r->e, r->steps[s].n, err))
            return -1;
    for (size_t s = 0; s < r->count && r->updates; s++)
        if (cuda_step_graph(r->e, r->steps[s].n, &r->graphs[s], err))
            return -1;
    return 0;
}

static int upload(struct round *r, struct error *err)
{
    struct executor *e = r->e;
    struct card *card = e->card;
    void *main = e->main.stream, *ahead = e->ahead.stream;
    const size_t bytes = (size_t)r->images * sizeof(int64_t);
    r->scalars = (struct step_scalars){.step = r->first - 1, .index = -1, .epoch = r->epoch};
    r->ahead_scalars = (struct step_scalars){.epoch = r->epoch};
    return card_upload(card, main, e->samples, r->samples, bytes, err) ||
                   card_upload(card, main, e->rows, r->rows, bytes, err) ||
                   card_upload(card, main, e->target_row, r->target_row, bytes, err) ||
                   card_upload(card, main, e->steps, r->steps, r->count * sizeof *r->steps, err) ||
                   card_upload(card, main, e->scalars, &r->scalars, sizeof r->scalars, err) ||
                   card_zero(card, main, e->results, r->count * sizeof *e->results, err) ||
                   card_event_record(card, e->listed, main, err) ||
                   card_event_follow(card, ahead, e->listed, err) ||
                   card_upload(card, ahead, e->ahead_scalars, &r->ahead_scalars,
                               sizeof r->ahead_scalars, err)
               ? -1
               : 0;
}

/* ---- a chunk ---- */

static int flag_of(size_t which)
{
    return which % 2 == 0 ? HIDDEN_IN_FIRST_HALF : HIDDEN_IN_SECOND_HALF;
}

/* The targets of pictures that are not augmented; feeding gives those of the others. */
static int put_targets(struct round *r, const struct chunk *chunk, float *targets,
                       struct error *err)
{
    struct executor *e = r->e;
    if (r->feed->augment)
        return 0;
    kernel_targets(e->ahead.stream, &r->on_card, e->samples + chunk->first, chunk->images, targets);
    return card_launched(e->card, "the targets", err);
}

static int run_prefix(struct round *r, size_t which, struct error *err)
{
    struct executor *e = r->e;
    const struct chunk *chunk = &r->chunks[which];
    const int64_t base = (int64_t)(which % 2) * e->half, batch = e->inference_batch;
    const int64_t classes = e->model->architecture.classes;
    const size_t bytes = (size_t)chunk->missing * sizeof(int64_t);
    float *targets = e->target_rows + base * classes;
    e->guard.flag = flag_of(which);
    if (which >= 2 && card_event_follow(e->card, e->ahead.stream, e->half_free[which % 2], err))
        return -1;
    if (card_upload(e->card, e->ahead.stream, e->prefix_samples + base,
                    r->prefix_samples + chunk->begin, bytes, err) ||
        card_upload(e->card, e->ahead.stream, e->prefix_rows + base, r->prefix_rows + chunk->begin,
                    bytes, err) ||
        put_targets(r, chunk, targets, err))
        return -1;
    for (int64_t i = 0; i < chunk->missing; i += batch)
        if (cuda_feed_batch(e, &r->on_card, e->prefix_samples + base + i,
                            r->feed->augment ? targets + i * classes : NULL, err) ||
            cuda_prefix_batch(e, e->prefix_rows + base + i, err))
            return -1;
    return card_event_record(e->card, e->half_filled[which % 2], e->ahead.stream, err);
}

static int run_steps(struct round *r, size_t which, struct error *err)
{
    struct executor *e = r->e;
    const struct chunk *chunk = &r->chunks[which];
    uint32_t *hidden = e->guard.hidden;
    if (card_event_follow(e->card, e->main.stream, e->half_filled[which % 2], err) ||
        card_copy(e->card, e->main.stream, &hidden[HIDDEN_OF_STEP], &hidden[flag_of(which)],
                  sizeof *hidden, err))
        return -1;
    for (size_t s = chunk->first_step; s < chunk->first_step + chunk->steps; s++)
        if (r->updates ? card_replay(e->card, r->graphs[s], e->main.stream, err)
                       : cuda_put_step(e, r->steps[s].n, false, err))
            return -1;
    return card_event_record(e->card, e->half_free[which % 2], e->main.stream, err);
}

/* Kernels that no step changes: those of the prefix, and of the suffix those whose norm is folded
 * in. */
static int pack_frozen(struct executor *e, struct error *err)
{
    for (int i = 0; i < (int)e->model->graph.count; i++)
        if ((i < (int)e->program->first || e->program->nodes[i].folded) &&
            cuda_pack_node(e, i, err))
            return -1;
    return 0;
}

static int run_round(struct round *r, struct batch_result *results, size_t *done, struct error *err)
{
    struct executor *e = r->e;
    struct step_scalars after;
    uint32_t hidden[HIDDEN_FLAGS];
    if (upload_weights(r, err) || make_graphs(r, err) || list(r, err) || upload(r, err) ||
        cuda_guard_begin(e, r->feed, err) || pack_frozen(e, err))
        return -1;
    for (size_t i = 0; i < r->chunk_count; i++)
        if (run_prefix(r, i, err) || run_steps(r, i, err))
            return -1;
    if (card_download(e->card, e->main.stream, results, e->results, r->count * sizeof *results,
                      err) ||
        card_download(e->card, e->main.stream, &after, e->scalars, sizeof after, err) ||
        card_download(e->card, e->main.stream, hidden, e->guard.hidden, sizeof hidden, err) ||
        card_wait(e->card, e->main.stream, err))
        return -1;
    *done = after.stopped ? (size_t)(after.index + 1) : r->count;
    r->stopped = after.stopped;
    r->hidden = hidden[HIDDEN_IN_FIRST_HALF] || hidden[HIDDEN_IN_SECOND_HALF];
    return 0;
}

static int begin_round(struct round *r, struct error *err)
{
    struct executor *e = r->e;
    for (size_t s = 0; s < r->count; s++)
        if (r->steps[s].n < 1 || r->steps[s].n > e->options.batch)
            return error_set(err, ERR_USAGE, "a batch of %lld for a network that takes %lld",
                             (long long)r->steps[s].n, (long long)e->options.batch);
    r->remembers = cuda_remembers(e, r->feed);
    return cuda_put_feed(e, r->feed, &r->on_card, err) || cuda_make_workspace(e, err) ? -1 : 0;
}

/* Nothing of it is under way afterwards, whatever became of it. */
static int finish_round(struct round *r, int status)
{
    struct executor *e = r->e;
    struct error ignored;
    if (status) {
        (void)card_wait(e->card, e->main.stream, &ignored);
        cuda_forget(e);
    }
    (void)card_wait(e->card, e->ahead.stream, &ignored);
    if (r->updates)
        e->version++;
    free(r->rows);
    return status;
}

int cuda_train(struct executor *e, const struct feed *feed, const int64_t *samples,
               const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
               struct batch_result *results, size_t *done, struct error *err)
{
    for (*done = 0; *done < count;) {
        size_t ran = 0;
        struct round round = {.e = e,
                              .feed = feed,
                              .samples = samples,
                              .steps = steps + *done,
                              .count = count - *done < CUDA_STEPS_AT_ONCE ? count - *done
                                                                          : CUDA_STEPS_AT_ONCE,
                              .epoch = epoch,
                              .first = first + (int64_t)*done,
                              .updates = true};
        int status = begin_round(&round, err);
        if (status == 0)
            status = run_round(&round, results + *done, &ran, err);
        if (finish_round(&round, status) || (round.hidden && cuda_be_careful(e, err)))
            return -1;
        for (size_t i = 0; i < ran; i++)
            samples += round.steps[i].n;
        *done += ran;
        if (round.stopped == STOPPED_BY_LOSS)
            break;
    }
    return 0;
}

int cuda_gradients(struct executor *e, const struct feed *feed, const int64_t *samples, int64_t n,
                   uint32_t epoch, int64_t step, float *const *gradients,
                   struct batch_result *result, struct error *err)
{
    const struct train_step one = {n, 0.0f};
    for (;;) {
        size_t ran;
        struct round round = {.e = e,
                              .feed = feed,
                              .samples = samples,
                              .steps = &one,
                              .count = 1,
                              .epoch = epoch,
                              .first = step};
        int status = begin_round(&round, err);
        if (status == 0)
            status = run_round(&round, result, &ran, err);
        if (finish_round(&round, status))
            return -1;
        if (!round.hidden)
            return cuda_download_gradient(e, gradients, err);
        if (cuda_be_careful(e, err))
            return -1;
    }
}
