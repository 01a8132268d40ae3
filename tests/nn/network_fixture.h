/* A small network with weights from the formula, on pictures of its own. */
#ifndef TESTS_NETWORK_FIXTURE_H
#define TESTS_NETWORK_FIXTURE_H

#include "formula.h"
#include "nn/network.h"

enum { FIXTURE_IMAGES = 7, FIXTURE_CLASSES = 4 };

struct fixture {
    struct device *device;
    struct model *model;
    struct network *network;
    struct pictures pictures;
};

struct fixture_setup {
    const char *architecture; /* as formula_name() has it */
    int64_t size;
    double dropout;
    const char *pattern; /* NULL: only the head trains */
    struct network_options options;
    int threads;
};

void fixture_open(struct fixture *f, const struct fixture_setup *setup);
void fixture_close(struct fixture *f);

/* Gradients of all parameters one after another (zero for frozen ones); free() them. */
float *fixture_gradients(struct fixture *f, int64_t n, double *loss);

/* Each tensor moved along its own gradient: the loss must grow by h*|g|^2. */
void fixture_gradients_are_derivatives(const struct fixture_setup *setup);

#endif
