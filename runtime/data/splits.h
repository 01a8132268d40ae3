/* The folder that the stage `split` writes: train.npy and val.npy, i64 indices
 * into the training images in the order of the split, and split.json.
 */
#ifndef DATA_SPLITS_H
#define DATA_SPLITS_H

#include "base/error.h"
#include "data/npy.h"

#include <stdint.h>

struct splits {
    struct npy train, val; /* NPY_I64, rank 1 */
};

/* Refuses an empty part, an index outside [0, images), and an image that
 * occurs twice: validation on a trained image is worth nothing. */
int splits_open(const char *folder, int64_t images, struct splits *splits, struct error *err);
void splits_release(struct splits *splits);

#endif
