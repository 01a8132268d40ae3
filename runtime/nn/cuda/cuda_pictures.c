/* The data set where the card can read it: in its memory or, where that is too small, in pinned
 * memory of the host, which kernels read over the bus. A picture is read once for each time that it
 * is fed, so it costs little beside what is computed of it, and no step waits for a copy. */
#include "base/memory.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>
#include <string.h>

static int put_images(struct executor *e, struct picture_set *set, struct error *err)
{
    const size_t bytes = (size_t)set->count * (size_t)set->bytes;
    size_t left;
    void *memory;
    if (card_memory_left(e->card, &left, err))
        return -1;
    set->pinned = bytes > left / 8 * 7;
    if (set->pinned ? card_pinned_new(e->card, bytes, &memory, err)
                    : card_memory_new(e->card, bytes, &memory, err))
        return error_prefix(err, "%lld pictures of %lld bytes: ", (long long)set->count,
                            (long long)set->bytes);
    set->card_images = memory;
    if (!set->pinned)
        return card_upload(e->card, e->ahead.stream, memory, set->images, bytes, err);
    memcpy(memory, set->images, bytes);
    return 0;
}

static int put_set(struct executor *e, struct picture_set *set, struct error *err)
{
    const size_t bytes = (size_t)set->count * sizeof *set->labels;
    void *labels;
    if (put_images(e, set, err) || card_memory_new(e->card, bytes, &labels, err))
        return -1;
    set->card_labels = labels;
    return card_upload(e->card, e->ahead.stream, labels, set->labels, bytes, err) ||
                   card_wait(e->card, e->ahead.stream, err)
               ? -1
               : 0;
}

static void release_set(struct executor *e, struct picture_set *set)
{
    if (set->card_images)
        (set->pinned ? card_pinned_free : card_memory_free)(e->card, set->card_images);
    if (set->card_labels)
        card_memory_free(e->card, set->card_labels);
}

static int find_set(struct executor *e, const struct feed *feed, const struct picture_set **found,
                    struct error *err)
{
    struct picture_set set = {.images = feed->images,
                              .labels = feed->labels,
                              .count = feed->count,
                              .bytes = feed->height * feed->width * 3};
    for (size_t i = 0; i < e->set_count; i++) {
        const struct picture_set *other = *found = &e->sets[i];
        if (other->images == set.images && other->labels == set.labels &&
            other->count == set.count && other->bytes == set.bytes)
            return 0;
    }
    if (memory_grow(&e->sets, &e->set_capacity, e->set_count + 1, sizeof *e->sets, err))
        return -1;
    if (put_set(e, &set, err)) {
        release_set(e, &set);
        return -1;
    }
    e->sets[e->set_count] = set;
    *found = &e->sets[e->set_count++];
    return 0;
}

static int put_partners(struct executor *e, const struct feed *feed, struct error *err)
{
    const size_t bytes = (size_t)feed->partner_count * sizeof *feed->partners;
    void *memory;
    if (!feed->partners ||
        (e->host_partners == feed->partners && e->partner_count == feed->partner_count))
        return 0;
    if (card_memory_new(e->card, bytes, &memory, err))
        return -1;
    if (e->partners)
        card_memory_free(e->card, e->partners);
    e->partners = memory;
    e->host_partners = feed->partners;
    e->partner_count = feed->partner_count;
    return card_upload(e->card, e->ahead.stream, memory, feed->partners, bytes, err) ||
                   card_wait(e->card, e->ahead.stream, err)
               ? -1
               : 0;
}

static int grow_scratch(struct executor *e, const struct feed *feed, struct error *err)
{
    const size_t bytes = kernel_feed_scratch(feed, e->inference_batch);
    void *memory;
    if (bytes <= e->feed_scratch_bytes)
        return 0;
    if (card_memory_new(e->card, bytes, &memory, err))
        return -1;
    if (e->feed_scratch)
        card_memory_free(e->card, e->feed_scratch);
    e->feed_scratch = memory;
    e->feed_scratch_bytes = bytes;
    return 0;
}

int cuda_put_feed(struct executor *e, const struct feed *feed, struct feed *on_card,
                  struct error *err)
{
    const struct picture_set *set;
    if (find_set(e, feed, &set, err) || put_partners(e, feed, err) || grow_scratch(e, feed, err))
        return -1;
    *on_card = *feed;
    on_card->images = set->card_images;
    on_card->labels = set->card_labels;
    on_card->partners = e->partners;
    on_card->class_weights = NULL;
    return 0;
}

void cuda_release_pictures(struct executor *e)
{
    for (size_t i = 0; i < e->set_count; i++)
        release_set(e, &e->sets[i]);
    free(e->sets);
    if (e->partners)
        card_memory_free(e->card, e->partners);
    if (e->feed_scratch)
        card_memory_free(e->card, e->feed_scratch);
}
