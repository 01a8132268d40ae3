/* Archives in CIFAR-10's binary layout (Krizhevsky, "Learning Multiple Layers
 * of Features from Tiny Images", 2009; "binary version" of its page):
 * data_batch_1.bin to data_batch_5.bin and test_batch.bin hold records of one
 * label and three planes of 32x32 bytes, batches.meta.txt the names of the
 * classes. Smaller archives of the same layout may have fewer batches and
 * records, and boxes of 4 bytes a record in boxes_1.bin ..., test_boxes.bin.
 */
#ifndef DATA_CIFAR10_H
#define DATA_CIFAR10_H

#include "base/error.h"
#include "data/dataset.h"

#include <stdint.h>

enum {
    CIFAR10_SIDE = 32,
    CIFAR10_PLANE = CIFAR10_SIDE * CIFAR10_SIDE,
    CIFAR10_RECORD_SIZE = 1 + 3 * CIFAR10_PLANE,
    CIFAR10_MAX_BATCHES = 5,
    CIFAR10_CLASSES = 10,
};

/* Reads an archive (any compression that libarchive knows) and checks every
 * record. *dataset changes only on success. */
int cifar10_read(const char *archive, struct dataset *dataset, struct error *err);

/* Planes to pixels: [c,y,x] to [y,x,c]. */
void cifar10_interleave(const unsigned char *planes, uint8_t *pixels);

#endif
