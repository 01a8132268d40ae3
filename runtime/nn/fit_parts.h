/* One call of fit, for the files that are its parts: fit_train.c trains, fit_resume.c
 * keeps and takes up what a training was when it was stopped, or when it ended,
 * fit_footprint.c counts its memory.
 */
#ifndef NN_FIT_PARTS_H
#define NN_FIT_PARTS_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "nn/device.h"
#include "nn/fit.h"
#include "nn/fit_checkpoint.h"
#include "nn/network.h"

#include <stdint.h>

struct training {
    struct model *model;
    struct device *device;
    struct network *network;
    struct fit_data data;
    int64_t steps; /* of an epoch */
    const struct fit_options *options;
    struct cosine_decay cosine_decay; /* with its steps filled in */
    int64_t cosine_start;             /* the step, of all epochs, that is its first */
    int64_t first_epoch;              /* of this call; before it are those of options->state */
    struct digest state;              /* of that file */
    struct text identity;             /* where there is a state, or to be one */
    const struct fit_observer *observer;
    struct history *history;
    size_t steps_at_once; /* of the device */
    int64_t *order;       /* [train_count] */
    struct fit_checkpoint
        checkpoint; /* state, and the best weights in `kept`; its history is unused */
    double saved, seconds_to_save;   /* when, by fit_now, and how long it took */
    int64_t saved_epoch, saved_step; /* of the last checkpoint; -1: none */
    int64_t checkpoints;
    double telling, saving; /* seconds of the observer, and of all checkpoints */
};

/* Seconds of the monotonic clock. */
double fit_now(void);

/* Tells the observer. */
void fit_note(const struct training *t, const char *text);

/* What its network is to be. */
struct network_options fit_network_options(const struct fit_options *options, int64_t train_count);
/* As fit_foresee(), of the network that is there, before it has worked. */
void fit_measure(const struct training *t, struct footprint *footprint);

/* A checkpoint of the weights that the model has received. */
int fit_save(struct training *t, struct error *err);
/* Takes up the checkpoint of this very training, where there is one. */
int fit_resume(struct training *t, struct error *err);

/* What the training is (fit_identity.h); needs the pictures, the model, options and steps. */
int fit_describe(const struct training *t, struct text *words, struct error *err);
/* Whether options->state has this identity, and its epochs. */
int fit_compare_state(const struct training *t, int64_t *epochs, struct error *err);
/* Goes on from options->state, where there is one. */
int fit_go_on(struct training *t, struct error *err);
/* Writes options->state_out, where it is wanted: of the last epoch, whose weights the model has. */
int fit_write_state(struct training *t, struct error *err);

#endif
