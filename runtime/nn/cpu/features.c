/* What the frozen prefix makes of a picture is the same in every epoch, unless
 * the picture is augmented. So it is kept: for the head's training on plain
 * pictures, and for each validation. A sample's memory is made when it is first
 * seen, by whichever lane is first; what does not fit is computed again. */
#include "base/memory.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>

/* Of memory by a sample, with what the allocator keeps beside each block. */
static size_t taken(const struct features *features)
{
    return footprint_aligned(features->sample_bytes) + 16;
}

int executor_remember(struct executor *executor, const struct feed *feed, size_t bytes,
                      struct error *err)
{
    const struct training *t = &executor->training;
    struct features *features = &executor->features;
    features_release(executor);
    /* A prefix of the input alone is quicker fed again. */
    if (executor->program->first <= 1)
        return 0;
    features->samples = memory_new((size_t)feed->count, sizeof *features->samples, err);
    if (!features->samples)
        return -1;
    features->feed = *feed;
    features->bytes = bytes;
    atomic_init(&features->bytes_left, bytes);
    for (size_t i = 0; i < executor->program->first; i++)
        if (t->nodes[i].edge)
            features->sample_bytes += node_bytes(executor, (int)i);
    return 0;
}

void features_forget(struct executor *executor)
{
    struct features *features = &executor->features;
    for (int64_t i = 0; features->samples && i < features->feed.count; i++) {
        free(atomic_load(&features->samples[i]));
        atomic_store(&features->samples[i], NULL);
    }
    atomic_store(&features->bytes_left, features->bytes);
}

void features_release(struct executor *executor)
{
    features_forget(executor);
    free(executor->features.samples);
    executor->features = (struct features){0};
}

size_t features_bytes(const struct executor *executor, int64_t pictures)
{
    const struct features *features = &executor->features;
    const size_t listed = (size_t)features->feed.count * sizeof *features->samples;
    const int64_t most = pictures < features->feed.count ? pictures : features->feed.count;
    const size_t each = taken(features), fit = features->bytes / each;
    return features->samples ? listed + (fit < (size_t)most ? fit : (size_t)most) * each : 0;
}

bool features_are_of(const struct executor *executor, const struct feed *feed)
{
    const struct feed *own = &executor->features.feed;
    return own->images && !feed->augment && own->images == feed->images &&
           own->mirror == feed->mirror && own->count == feed->count &&
           own->height == feed->height && own->width == feed->width &&
           own->preprocess.mode == feed->preprocess.mode &&
           own->preprocess.pixel_range == feed->preprocess.pixel_range;
}

bool features_has(struct executor *executor, int64_t sample)
{
    return atomic_load(&executor->features.samples[sample]) != NULL;
}

static int copy_edges(const struct executor *executor, struct lane *lane, char *features,
                      const struct fused_place *place, int64_t image, bool keep, struct error *err)
{
    for (int i = 0; i < (int)executor->program->first; i++) {
        if (!executor->training.nodes[i].edge)
            continue;
        int64_t count = node_count(&executor->model->graph.nodes[i]);
        enum dtype dtype = node_dtype(executor, i);
        char *edge = dtype_at(fused_output(executor, i, place), dtype, image * count);
        if (tensor_copy(lane, dtype, count, keep ? edge : features, keep ? features : edge, err))
            return -1;
        features += node_bytes(executor, i);
    }
    return 0;
}

int features_recall(struct executor *executor, struct lane *lane, int64_t sample,
                    const struct fused_place *place, int64_t i, struct error *err)
{
    return copy_edges(executor, lane, atomic_load(&executor->features.samples[sample]), place, i,
                      false, err);
}

static char *make_room(struct executor *executor)
{
    struct features *features = &executor->features;
    const size_t bytes = taken(features);
    struct error ignored;
    size_t left = atomic_load(&features->bytes_left);
    do
        if (left < bytes)
            return NULL;
    while (!atomic_compare_exchange_weak(&features->bytes_left, &left, left - bytes));
    return allocate_bytes(1, features->sample_bytes, &ignored);
}

int features_keep(struct executor *executor, struct lane *lane, int64_t sample,
                  const struct fused_place *place, int64_t i, struct error *err)
{
    char *none = NULL, *made;
    if (features_has(executor, sample) || (made = make_room(executor)) == NULL)
        return 0;
    int status = copy_edges(executor, lane, made, place, i, true, err);
    /* Another lane may have had the same sample. */
    if (status || !atomic_compare_exchange_strong(&executor->features.samples[sample], &none, made))
        free(made);
    return status;
}
