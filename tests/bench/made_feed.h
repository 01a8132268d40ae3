/* What the benchmarks of training feed: made pictures of 32 x 32 in ten classes; and a clock. */
#ifndef BENCH_MADE_FEED_H
#define BENCH_MADE_FEED_H

#include "base/memory.h"
#include "nn/feed.h"

#include <time.h>

enum { MADE_SIDE = 32, MADE_CLASSES = 10, MADE_CHANNELS = 3 };

static inline double made_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* `count` pictures, which live as long as the program, for a network of that size; samples [count]
 * are their numbers. */
static inline int made_feed(struct feed *feed, int64_t count, int64_t *samples, int64_t image_size,
                            enum preprocess_mode preprocess, struct error *err)
{
    const size_t bytes = (size_t)count * MADE_SIDE * MADE_SIDE * MADE_CHANNELS;
    uint8_t *images = memory_new(bytes, 1, err);
    uint16_t *labels = images == NULL ? NULL : memory_new((size_t)count, sizeof(*labels), err);
    uint32_t word = 1;
    if (labels == NULL)
        return -1;
    for (size_t i = 0; i < bytes; i++) {
        word = word * 1664525u + 1013904223u;
        images[i] = (uint8_t)(word >> 24);
    }
    for (int64_t i = 0; i < count; i++) {
        labels[i] = (uint16_t)(i % MADE_CLASSES);
        samples[i] = i;
    }
    *feed = (struct feed){.images = images,
                          .labels = labels,
                          .count = count,
                          .height = MADE_SIDE,
                          .width = MADE_SIDE,
                          .classes = MADE_CLASSES,
                          .image_size = image_size,
                          .preprocess = {preprocess, 255},
                          .seed = 1};
    return 0;
}

#endif
