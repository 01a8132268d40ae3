/* A dataset without a network: archives in CIFAR-10's binary layout with
 * pictures drawn by scene.h, whose bytes depend on the URL alone.
 *
 *   sample:objects   10 objects, for the experiment
 *   sample:shapes    10 geometric shapes, to pretrain on
 *
 * Options: sample:objects?train=2000&test=500&seed=1.
 *
 * Members, in one folder: batches.meta.txt, data_batch_1.bin ..., test_batch.bin
 * as in CIFAR-10, and the objects' boxes (x0, y0, x1, y1, inclusive, 4 bytes a
 * record) in boxes_1.bin ..., test_boxes.bin.
 */
#ifndef DATA_SAMPLE_H
#define DATA_SAMPLE_H

#include "base/error.h"
#include "data/silhouette.h"

#include <stdbool.h>
#include <stdint.h>

struct sample_request {
    enum silhouette_family family;
    int64_t train, test; /* pictures */
    uint32_t seed;
};

/* True for a URL of this scheme, well-formed or not. */
bool sample_is_url(const char *url);

int sample_parse(const char *url, struct sample_request *request, struct error *err);

/* Called after each member with the pictures written so far; returning false
 * stops with ERR_INTERRUPTED. */
typedef bool sample_progress_fn(void *context, int64_t done, int64_t total);

/* Writes an uncompressed ustar archive: complete or not at all. */
int sample_write(const char *path, const struct sample_request *request,
                 sample_progress_fn *progress, void *context, struct error *err);

#endif
