/* What the frozen prefix makes of pictures, in rows of a store. Of a feed that is remembered the
 * first rows belong to samples, in the order in which they are first seen; what does not fit is
 * computed again. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>

/* ---- memory ---- */

static void add_store(struct executor *e, int64_t kept, struct pieces *pieces)
{
    const size_t rows = 2 * (size_t)e->half;
    for (int i = 0; i < (int)e->program->first; i++)
        if (e->program->nodes[i].edge)
            pieces_add(pieces, &e->nodes[i].rows, (size_t)kept + rows, cuda_bytes(e, i));
    pieces_add(pieces, &e->target_rows, rows * (size_t)e->model->architecture.classes,
               sizeof *e->target_rows);
}

size_t cuda_store_bytes(struct executor *e)
{
    struct pieces pieces = {0};
    if (e->shard > 0)
        add_store(e, 0, &pieces);
    const size_t bytes = pieces.failed.kind == ERR_NONE ? pieces.bytes : SIZE_MAX / 2;
    pieces_release(&pieces);
    return bytes;
}

void cuda_release_store(struct executor *e)
{
    cuda_release_graphs(e); /* they read it */
    if (e->store)
        card_memory_free(e->card, e->store);
    free(e->row_of);
    e->store = NULL;
    e->row_of = NULL;
    e->kept = e->used = 0;
    e->remembered = (struct feed){0};
}

int cuda_make_store(struct executor *e, int64_t kept, struct error *err)
{
    struct pieces pieces = {0};
    cuda_release_store(e);
    add_store(e, kept, &pieces);
    int status = pieces_check(&pieces, err);
    if (status == 0)
        status = card_memory_new(e->card, pieces.bytes, &e->store, err);
    if (status == 0) {
        pieces_place(&pieces, e->store);
        e->kept = kept;
        e->store_bytes = pieces.bytes;
        status = card_zero(e->card, e->main.stream, e->store, pieces.bytes, err) ||
                         card_wait(e->card, e->main.stream, err)
                     ? -1
                     : 0;
    }
    pieces_release(&pieces);
    return status;
}

/* ---- remembering ---- */

static size_t row_bytes(const struct executor *e)
{
    size_t bytes = 0;
    for (int i = 0; i < (int)e->program->first; i++)
        bytes += e->program->nodes[i].edge ? cuda_bytes(e, i) : 0;
    return bytes;
}

int cuda_remember(struct executor *e, const struct feed *feed, size_t bytes, struct error *err)
{
    size_t left;
    /* A prefix of the input alone is quicker fed again. */
    if (e->shard == 0 || e->program->first <= 1)
        return 0;
    if (card_memory_left(e->card, &left, err))
        return -1;
    const size_t room = bytes < left / 2 ? bytes : left / 2; /* pictures and scores are to come */
    const size_t rows = room / row_bytes(e);
    const int64_t kept = rows < (size_t)feed->count ? (int64_t)rows : feed->count;
    if (cuda_make_store(e, kept, err) ||
        !(e->row_of = memory_new((size_t)feed->count, sizeof *e->row_of, err)))
        return -1;
    e->remembered = *feed;
    cuda_forget(e);
    return 0;
}

void cuda_forget(struct executor *e)
{
    for (int64_t i = 0; e->row_of && i < e->remembered.count; i++)
        e->row_of[i] = -1;
    e->used = 0;
}

bool cuda_remembers(const struct executor *e, const struct feed *feed)
{
    const struct feed *own = &e->remembered;
    return own->images && !feed->augment && own->images == feed->images &&
           own->mirror == feed->mirror && own->count == feed->count &&
           own->height == feed->height && own->width == feed->width &&
           own->preprocess.mode == feed->preprocess.mode &&
           own->preprocess.pixel_range == feed->preprocess.pixel_range;
}

int64_t cuda_row(struct executor *e, int64_t sample, bool *made)
{
    int64_t *row = &e->row_of[sample];
    *made = *row < 0;
    if (*made && e->used < e->kept)
        *row = e->used++;
    return *row;
}

bool cuda_find_rows(struct executor *e, const int64_t *samples, int64_t n, int64_t *rows)
{
    bool all = true;
    for (int64_t i = 0; i < n; i++) {
        bool made;
        rows[i] = cuda_row(e, samples[i], &made);
        if (rows[i] < 0)
            rows[i] = e->kept + i;
        all = all && !made;
    }
    return all;
}

/* ---- a batch ---- */

int cuda_recall(struct executor *e, const int64_t *rows, struct error *err)
{
    for (int i = 0; i < (int)e->program->first; i++)
        if (e->program->nodes[i].edge)
            kernel_gather(e->ahead.stream, NULL, rows, e->inference_batch,
                          (int64_t)cuda_bytes(e, i), e->nodes[i].rows, cuda_output(e, i));
    return card_launched(e->card, "the gathering of features", err) || cuda_guard_recalled(e, err)
               ? -1
               : 0;
}

int cuda_prefix_batch(struct executor *e, const int64_t *rows, struct error *err)
{
    if (cuda_fused_nodes(e, (int)e->program->first, err))
        return -1;
    for (int i = 0; i < (int)e->program->first; i++)
        if (e->program->nodes[i].edge)
            kernel_scatter(e->ahead.stream, NULL, rows, e->inference_batch,
                           (int64_t)cuda_bytes(e, i), cuda_output(e, i), e->nodes[i].rows);
    return card_launched(e->card, "the keeping of features", err);
}
