/* Trains a new head on a base that is frozen, or as far as phase.trainable says.
 *
 * deps dataset, splits, weights (of the base; without them it starts from random ones);
 * outs model, history, history_csv, preflight, curves;
 * params seed, model, augment, train, phase: training.h.
 */
#include "data/splits.h"

#include "training.h"

static int read_params(struct training *training, struct error *err)
{
    if (training_read_seed(training, PHASE_1, err) < 0 || training_read_model(training, err) < 0 ||
        training_read_augment(training, err) < 0 || training_read_batches(training, err) < 0 ||
        training_read_modes(training, err) < 0 ||
        training_read_schedule(training, "phase", err) < 0 ||
        training_read_trainable(training, err) < 0)
        return -1;
    return stage_params_done(training->stage, err);
}

static int make_model(struct training *training, struct error *err)
{
    const char *weights = NULL;
    if (stage_has_dep(training->stage, "weights") &&
        (weights = stage_dep(training->stage, "weights", err)) == NULL)
        return -1;
    if (model_new(&training->architecture, &training->preprocess, training->seed, &training->model,
                  err) < 0 ||
        (weights != NULL && model_load_base(training->model, weights, err) < 0))
        return -1;
    return model_set_trainable(training->model, training->patterns, training->pattern_count, err);
}

static int train(struct training *training, struct splits *splits, struct error *err)
{
    const char *folder = stage_dep(training->stage, "splits", err);
    const char *out = stage_out(training->stage, "model", err);
    if (folder == NULL || out == NULL || read_params(training, err) < 0 ||
        training_open(training, err) < 0 ||
        splits_open(folder, training->dataset.train_images.shape[0], splits, err) < 0 ||
        make_model(training, err) < 0 ||
        training_run(training, splits->train.data, splits->train.count, splits->val.data,
                     splits->val.count, err) < 0 ||
        model_write(training->model, out, err) < 0)
        return -1;
    return training_write_results(training, "phase1", "Phase 1: the head on the base", err);
}

static int run(struct stage *stage, struct error *err)
{
    struct training training = {.stage = stage};
    struct splits splits = {0};
    int result = train(&training, &splits, err);
    splits_release(&splits);
    training_release(&training);
    return result;
}

static const struct stage_kind phase1_kind = {
    .name = "phase1",
    .summary = "train the classifier's head on the base",
    .run = run,
    .fingerprint = training_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &phase1_kind);
}
