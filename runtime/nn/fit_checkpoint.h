/* What training needs to go on with the same bits, in one file: of the
 * checkpoint folder, for the same training stopped on its way; or where the
 * caller wants it, as the state after the last epoch, which another training
 * goes on from. The file is replaced as a whole and carries the digest of what
 * it belongs to (options, data, first weights), or words that name it, and the
 * digest of itself.
 */
#ifndef NN_FIT_CHECKPOINT_H
#define NN_FIT_CHECKPOINT_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "nn/callbacks.h"
#include "nn/history.h"

#include <stdbool.h>
#include <stdint.h>

/* Where in training one is. */
struct fit_state {
    int64_t epoch; /* epochs that are complete */
    int64_t step;  /* steps of the next one that are */
    float learning_rate;
    float loss;           /* sum over this epoch's images */
    int64_t hits, images; /* of this epoch */
    struct early_stopping stopper;
    struct reduce_on_plateau reducer;
    struct best_checkpoint saver;
    bool stopped;
    double told_rate; /* the options' learning rate */
    bool scheduled;   /* a schedule sets the rate of each step, not told_rate and the callbacks */
    bool careful;     /* the network runs activations apart (network_is_careful) */
};

struct fit_checkpoint {
    struct digest owner;
    struct text words;
    struct fit_state state;
    struct history history; /* only its epochs */
    int64_t weight_count, moment_count, average_count;
    float *weights;  /* [weight_count] all that training changes */
    float *kept;     /* [weight_count] the best so far */
    float *m, *v;    /* [moment_count] */
    float *averages; /* [average_count] of the weights */
};

/* Arrays of these sizes, zeroed. */
int fit_checkpoint_init(struct fit_checkpoint *checkpoint, int64_t weight_count,
                        int64_t moment_count, int64_t average_count, struct error *err);
void fit_checkpoint_release(struct fit_checkpoint *checkpoint);

int fit_checkpoint_save(const char *folder, const struct fit_checkpoint *checkpoint,
                        struct error *err);

/* Fills `checkpoint`, whose owner and counts say what is wanted. *found is false where there is
 * none, and where it is damaged or another's; *why then says so (a literal, NULL for none). Options
 * of the callbacks stay as they are. */
int fit_checkpoint_load(const char *folder, struct fit_checkpoint *checkpoint, bool *found,
                        const char **why, struct error *err);

/* Writes all of it, with the words, to a file. */
int fit_checkpoint_write(const char *path, const struct fit_checkpoint *checkpoint,
                         struct error *err);

/* Of a state: what it says it belongs to, and how many epochs it has. ERR_FORMAT where the file is
 * none, or damaged. *words is the caller's to release. */
int fit_checkpoint_words(const char *path, struct text *words, int64_t *epochs, struct error *err);

/* Fills `checkpoint` but for its words from a state with the same counts; `owner` becomes the
 * file's digest. Options of the callbacks stay as they are. */
int fit_checkpoint_read(const char *path, struct fit_checkpoint *checkpoint, struct error *err);

#endif
