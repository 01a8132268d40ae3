/* Trains a base from random weights on a dataset of its own, of which the last tenth validates.
 *
 * deps dataset; outs weights (of the base alone), history, and where declared history_csv, curves;
 * params seed, model, augment, train: training.h.
 */
#include "base/memory.h"

#include "training.h"

#include <stdlib.h>

static int read_params(struct training *training, struct error *err)
{
    training->options.norm = NORM_BATCH;
    if (training_read_seed(training, PHASE_PRETRAIN, err) < 0 ||
        training_read_model(training, err) < 0 || training_read_augment(training, err) < 0 ||
        training_read_batches(training, err) < 0 ||
        training_read_schedule(training, "train", err) < 0)
        return -1;
    return stage_params_done(training->stage, err);
}

static int make_model(struct training *training, struct error *err)
{
    static const char *const all = "";
    if (model_new(&training->architecture, &training->preprocess, training->seed, &training->model,
                  err) < 0)
        return -1;
    return model_set_trainable(training->model, &all, 1, err);
}

static int train(struct training *training, int64_t **samples, struct error *err)
{
    const char *out = stage_out(training->stage, "weights", err);
    if (out == NULL || read_params(training, err) < 0 || training_open(training, err) < 0 ||
        make_model(training, err) < 0)
        return -1;
    const int64_t count = training->dataset.train_images.shape[0], held_out = count / 10;
    if ((*samples = memory_new((size_t)count, sizeof(int64_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < count; i++)
        (*samples)[i] = i;
    training->preflight_mode = PREFLIGHT_OFF;
    if (training_run(training, *samples, count - held_out, *samples + count - held_out, held_out,
                     err) < 0 ||
        model_write_base(training->model, out, err) < 0)
        return -1;
    return training_write_results(training, "pretrain", "Pretraining of the base", err);
}

static int run(struct stage *stage, struct error *err)
{
    struct training training = {.stage = stage};
    int64_t *samples = NULL;
    int result = train(&training, &samples, err);
    free(samples);
    training_release(&training);
    return result;
}

static const struct stage_kind pretrain_kind = {
    .name = "pretrain",
    .summary = "train a base from random weights",
    .run = run,
    .fingerprint = training_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &pretrain_kind);
}
