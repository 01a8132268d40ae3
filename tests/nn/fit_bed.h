/* A few small pictures to train on, whose class is their brightest channel, and
 * an observer that can stop or kill a training.
 */
#ifndef TESTS_NN_FIT_BED_H
#define TESTS_NN_FIT_BED_H

#include "nn/fit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIZE = 8, PICTURE = SIZE * SIZE * 3, COUNT = 30, TRAIN = 22, CLASSES = 3, EPOCHS = 3 };

struct bed {
    uint8_t images[COUNT * PICTURE];
    uint16_t labels[COUNT];
    int64_t samples[COUNT];
    struct augment augment;
    struct feed train, val;
    struct fit_options options;
    char folder[64];
    struct device *device;
    size_t steps_at_once; /* of the device; 0: its own */
    int (*open)(int threads, struct device **device, struct error *err); /* NULL: the CPU's */
    struct model *model;
    struct history history;
    /* What the observer saw and when it is to stop or to die. */
    int64_t steps, validations, epochs, stop_after_steps, stop_after_validations, die_after_steps;
    char notes[256], time[256]; /* the last, and the one that says what took the time */
    struct architecture architecture;
    struct preprocess preprocess;
    uint32_t model_seed;
    const char *unfrozen; /* part of the names of layers; NULL: the head alone trains */
    struct fit_observer observer;
};

/* cmocka's setup and teardown: *state becomes a struct bed with options for EPOCHS epochs of Adam,
 * callbacks and all of augmentation, and an empty folder for checkpoints. */
int fit_bed_make(void **state);
int fit_bed_free(void **state);

/* Its pictures. */
struct fit_data fit_bed_data(const struct bed *bed);

/* Removes the folder. */
void fit_bed_forget(struct bed *bed);

/* A fresh model trained from the folder's checkpoint, if there is one. */
int fit_bed_try(struct bed *bed, int threads, struct error *err);
/* Fails the test where that fails. */
void fit_bed_train(struct bed *bed, int threads);

/* What holds on every device, in so many threads: within the second epoch a child dies by SIGKILL;
 * a fit that ended there somehow goes on, to the bits of one that did not; a fit without
 * augmentation and with norms in inference mode learns. */
void fit_bed_assert_dies(struct bed *bed, int threads);
void fit_bed_assert_goes_on(struct bed *bed, int threads);
void fit_bed_assert_learns(struct bed *bed, int threads);

/* All weights and the history, as bytes. */
struct bits {
    size_t size;
    char *data;
};

/* Of what was trained last; free() the data. */
struct bits fit_bed_bits(const struct bed *bed);
void fit_bed_assert_bits(const struct bits *bits, const struct bed *bed);

#endif
