/* Goes on from phase 1's model with layers of the base unfrozen and a new optimizer.
 *
 * deps dataset, splits, model; outs model, history, history_csv, preflight, curves;
 * params seed, augment, train, phase: training.h. Architecture and preprocessing are the model's.
 */
#include "data/splits.h"

#include "training.h"

static int read_params(struct training *training, struct error *err)
{
    if (training_read_seed(training, PHASE_2, err) < 0 ||
        training_read_augment(training, err) < 0 || training_read_batches(training, err) < 0 ||
        training_read_modes(training, err) < 0 ||
        training_read_schedule(training, "phase", err) < 0 ||
        training_read_trainable(training, err) < 0)
        return -1;
    return stage_params_done(training->stage, err);
}

static int train(struct training *training, struct splits *splits, struct error *err)
{
    const char *folder = stage_dep(training->stage, "splits", err);
    const char *in = stage_dep(training->stage, "model", err);
    const char *out = stage_out(training->stage, "model", err);
    if (folder == NULL || in == NULL || out == NULL || read_params(training, err) < 0 ||
        training_open(training, err) < 0 ||
        splits_open(folder, training->dataset.train_images.shape[0], splits, err) < 0 ||
        model_read(in, &training->model, err) < 0 ||
        model_set_trainable(training->model, training->patterns, training->pattern_count, err) <
            0 ||
        training_run(training, splits->train.data, splits->train.count, splits->val.data,
                     splits->val.count, err) < 0 ||
        model_write(training->model, out, err) < 0)
        return -1;
    return training_write_results(training, "phase2", "Phase 2: fine-tuning", err);
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

static const struct stage_kind phase2_kind = {
    .name = "phase2",
    .summary = "unfreeze layers of the base and fine-tune",
    .run = run,
    .fingerprint = training_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &phase2_kind);
}
