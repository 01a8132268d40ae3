/* The memory that a run of a network takes, by what it is for: stated before the first step, and
 * held against what a stage was given.
 *
 *   network_foresee(...)         network.h; nothing is allocated
 *   footprint_add_process(...)   what there is beside it
 *   footprint_state(...)         as words
 *
 * Exact for the network: it is counted where it is allocated. What stands beside it (short lists,
 * files on their way to disk, the allocator's own) is FOOTPRINT_SPARE.
 */
#ifndef NN_FOOTPRINT_H
#define NN_FOOTPRINT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct text;

enum footprint_part {
    FOOTPRINT_PROGRAM,     /* what the process has without the network, the data set among it */
    FOOTPRINT_WEIGHTS,     /* the network's copy */
    FOOTPRINT_KERNELS,     /* packed for each convolution, forward and backward */
    FOOTPRINT_OPTIMIZER,   /* moments, averages */
    FOOTPRINT_GRADIENTS,   /* of each shard, and their sum */
    FOOTPRINT_ACTIVATIONS, /* arenas, edges of the prefix, statistics */
    FOOTPRINT_SCRATCH,     /* of the library and of augmentation, in each lane */
    FOOTPRINT_CHECKPOINT,  /* copies of what trains: the best so far, and to be written */
    FOOTPRINT_FEATURES,    /* what the prefix made of pictures, as far as it is remembered */
    FOOTPRINT_SPARE,
    FOOTPRINT_PARTS
};

struct footprint {
    size_t bytes[FOOTPRINT_PARTS];
};

/* Adds to a part; stays at the largest size there is. */
void footprint_add(struct footprint *footprint, enum footprint_part part, size_t count,
                   size_t bytes);
size_t footprint_total(const struct footprint *footprint);
/* Whether that much memory is enough, but for the pages by which one start of a process differs
 * from the next: the figure that one was refused with has to be enough for another. */
bool footprint_fits(const struct footprint *footprint, size_t bytes);
/* Mebibytes, rounded up. */
size_t footprint_mebibytes(size_t bytes);

/* Whether what is counted is addresses, as it is where they are limited: all (RLIMIT_AS), or those
 * that can be written (RLIMIT_DATA), as the runner does it; else it is memory. */
bool footprint_counts_addresses(void);

/* What memory_new_aligned takes of it for so many bytes. */
size_t footprint_aligned(size_t bytes);

/* Adds what this process has now of the same, but for `counted` bytes, and something to spare;
 * nothing where the kernel does not tell. Asked after the network's kernels were made. */
void footprint_add_process(struct footprint *footprint, size_t counted);

/* Adds "memory 812 MiB: program 90, weights 94, ..."; parts below half a MiB are left out. */
int footprint_state(const struct footprint *footprint, struct text *words, struct error *err);

#endif
