/* CIFAR-10 and CIFAR-100 beyond cifar10.h: CIFAR-100's binary layout (train.bin, test.bin: two
 * labels, coarse and fine, and planes), and Python's layout of both (pickles of a dict with `data`
 * [n,3072] and lists of labels; pickle.h says how they are read). Archives, or folders of their
 * files.
 */
#ifndef DATA_CIFAR_FILES_H
#define DATA_CIFAR_FILES_H

#include "base/error.h"
#include "data/dataset.h"

#include <stdbool.h>

enum cifar_layout { CIFAR_NONE, CIFAR10_BINARY, CIFAR10_PYTHON, CIFAR100_BINARY, CIFAR100_PYTHON };

/* By the names of members: call for each, and the last call tells. `found` begins as 0. */
enum cifar_layout cifar_layout_of(const char *path, unsigned *found);

struct cifar_request {
    enum cifar_layout layout; /* one of CIFAR-100, or CIFAR10_PYTHON */
    bool coarse;              /* CIFAR-100's 20 classes in place of its 100 */
};

int cifar_files_read(const char *path, const struct cifar_request *request, struct dataset *dataset,
                     struct error *err);

#endif
