/* A look at the input before training. A trained base's batch norms remember
 * the mean and variance of what they were trained on; where the first of them
 * now see something else, the pictures are not presented as the base knows
 * them: pixels divided by 255 once too often, another mode of preprocessing,
 * swapped channels. Then all training of a head is in vain, and nothing else
 * says why.
 *
 * The distance of a layer is |log of the ratio of deviations| + shift of the
 * mean in deviations, each the median over channels; where it is large, other
 * ways to preprocess are tried, and the one that mends it names the defect.
 *
 * A median does not see one channel. So every batch norm of the base is asked
 * for a channel that sees what its own statistics make impossible while the
 * others agree: then it is not the pixels, but a weight of that channel or of
 * what leads to it.
 */
#ifndef NN_PREFLIGHT_H
#define NN_PREFLIGHT_H

#include "base/error.h"
#include "nn/feed.h"
#include "nn/graph.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stddef.h>
#include <stdint.h>

enum preflight_verdict {
    PREFLIGHT_OK,
    PREFLIGHT_DEFECT,
    PREFLIGHT_SKIPPED, /* nothing to compare with: fresh weights, no batch norm, or not asked */
};

enum {
    PREFLIGHT_LAYERS = 4,
    PREFLIGHT_ALTERNATIVES = 6,
    PREFLIGHT_IMAGES = 64,
    PREFLIGHT_CHANNEL_IMAGES = 8, /* for the channels of all norms */
};

/* Of one channel of a batch norm. */
struct preflight_channel {
    char norm[NODE_NAME_SIZE]; /* "": none is impossible */
    int64_t channel;
    double mean_shift, variance_ratio; /* as of a layer; the ratio with the norm's epsilon */
    int64_t impossible, channels;      /* of the norm: how many like it, of how many */
};

struct preflight_layer {
    char name[NODE_NAME_SIZE]; /* of the batch norm */
    double mean_shift;         /* |mean seen - moving mean| / moving deviation */
    double variance_ratio;     /* variance seen / moving variance */
};

struct preflight_alternative {
    struct preprocess preprocess;
    double distance;
};

struct preflight {
    enum preflight_verdict verdict;
    char message[320]; /* one line, for people */
    struct preflight_layer layers[PREFLIGHT_LAYERS];
    size_t layer_count;
    double distance; /* mean over the layers */
    double spread;   /* of the base's features: deviation across images / root mean square */
    struct preflight_alternative alternatives[PREFLIGHT_ALTERNATIVES];
    size_t alternative_count; /* tried only where the distance is large */
    struct preflight_channel channel;
};

/* Looks at samples[n] of the feed without augmentation. The network holds the model's weights. */
int preflight_check(struct network *network, const struct model *model, const struct feed *feed,
                    const int64_t *samples, int64_t n, struct preflight *preflight,
                    struct error *err);

/* A verdict without a look. */
void preflight_skip(struct preflight *preflight, const char *why);

/* {"verdict": "ok"|"defect"|"skipped", "message", "distance", "layers": [{"name", "mean_shift",
 * "variance_ratio"}], "spread", "alternatives": [{"preprocess", "pixel_range", "distance"}]}, and
 * "channel": {"name", "channel", "mean_shift", "variance_ratio"} where one is impossible; where
 * skipped, null and empty lists. */
int preflight_write(const char *path, const struct preflight *preflight, struct error *err);

#endif
