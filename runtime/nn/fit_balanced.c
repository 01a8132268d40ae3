/* Classes that are not equally frequent: epochs and weights in which they count alike. */
#include "base/memory.h"
#include "base/philox.h"
#include "nn/fit.h"

#include <stdlib.h>

/* Samples by class, one class after another; first[c] is where class c begins. */
struct by_class {
    int64_t *samples, *first; /* [count], [classes + 1] */
    int64_t *present;         /* [classes]: those that have samples */
    int64_t present_count;
};

static void fill(struct by_class *sorted, const struct feed *feed, const int64_t *samples,
                 int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        sorted->first[feed->labels[samples[i]] + 1]++;
    for (int64_t c = 0; c < feed->classes; c++) {
        if (sorted->first[c + 1] > 0)
            sorted->present[sorted->present_count++] = c;
        sorted->first[c + 1] += sorted->first[c];
    }
    for (int64_t i = 0; i < count; i++)
        sorted->samples[sorted->first[feed->labels[samples[i]]]++] = samples[i];
    /* Each now stands where the next one began. */
    for (int64_t c = feed->classes; c > 0; c--)
        sorted->first[c] = sorted->first[c - 1];
    sorted->first[0] = 0;
}

int fit_draw_balanced(uint32_t seed, uint32_t epoch, const struct feed *feed,
                      const int64_t *samples, int64_t count, int64_t *drawn, struct error *err)
{
    struct by_class sorted = {0};
    int result = -1;
    sorted.samples = memory_new((size_t)count, sizeof(int64_t), err);
    sorted.first = memory_new((size_t)feed->classes + 1, sizeof(int64_t), err);
    sorted.present = memory_new((size_t)feed->classes, sizeof(int64_t), err);
    if (sorted.samples != NULL && sorted.first != NULL && sorted.present != NULL) {
        fill(&sorted, feed, samples, count);
        for (int64_t i = 0; i < count; i++) {
            const struct philox x = philox_at(seed, RANDOM_SAMPLE, epoch, 0, (uint32_t)i);
            const int64_t c =
                sorted.present[philox_below(x.words[0], (uint32_t)sorted.present_count)];
            const uint32_t images = (uint32_t)(sorted.first[c + 1] - sorted.first[c]);
            drawn[i] = sorted.samples[sorted.first[c] + philox_below(x.words[1], images)];
        }
        result = 0;
    }
    free(sorted.samples);
    free(sorted.first);
    free(sorted.present);
    return result;
}

void fit_balance_weights(const struct feed *feed, const int64_t *samples, int64_t count,
                         float *weights)
{
    int64_t present = 0;
    for (int64_t c = 0; c < feed->classes; c++)
        weights[c] = 0;
    for (int64_t i = 0; i < count; i++)
        weights[feed->labels[samples[i]]] += 1;
    for (int64_t c = 0; c < feed->classes; c++)
        present += weights[c] > 0;
    for (int64_t c = 0; c < feed->classes; c++)
        if (weights[c] > 0)
            weights[c] = (float)((double)count / ((double)present * (double)weights[c]));
}
