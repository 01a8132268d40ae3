/* Weights, pictures and feeds from a formula that a few lines of another
 * language can repeat: see tests/golden/network/generate.py.
 */
#ifndef TESTS_FORMULA_H
#define TESTS_FORMULA_H

#include "nn/feed.h"
#include "nn/model.h"

#include <stddef.h>
#include <stdint.h>

/* Number `index` of those that belong to `name`, in [-1, 1). */
double formula_unit(const char *name, size_t index);

/* All weights of a model, as the formula has them. */
void formula_fill(struct model *model);

/* The architecture's name and, each behind a +, its pooled layers: "resnet8+conv1_relu". */
void formula_name(struct architecture *architecture, const char *name);

/* Of such a name. Fails the test where it cannot make the model. */
struct model *formula_model(const char *name, int64_t size, int64_t classes, int64_t hidden,
                            double dropout);

/* `count` square pictures with labels 0, 1, ... in turn. Free with formula_release. */
struct pictures {
    uint8_t *images;
    uint16_t *labels;
    int64_t *samples; /* 0, 1, ... */
    struct feed feed;
};
void formula_pictures(struct pictures *pictures, int64_t count, int64_t size, int64_t classes);
void formula_release(struct pictures *pictures);

/* Root of the sum of squares, and the product with the formula's numbers for "probe". */
void formula_summary(const float *values, size_t count, double *norm, double *probe);

#endif
