/* Trains a new head on a base that is frozen, or as far as phase.trainable says.
 *
 * deps dataset, splits, weights (of the base; without them it starts from random ones);
 * outs model, history, history_csv, preflight, curves;
 * params seed, model, augment, train, phase: trainer.h.
 */
#include "data/splits.h"

#include "trainer.h"

static int read_params(struct trainer *trainer, struct error *err)
{
    if (trainer_read_seed(trainer, PHASE_1, err) < 0 || trainer_read_model(trainer, err) < 0 ||
        trainer_read_augment(trainer, err) < 0 || trainer_read_batches(trainer, err) < 0 ||
        trainer_read_modes(trainer, err) < 0 || trainer_read_schedule(trainer, "phase", err) < 0 ||
        trainer_read_trainable(trainer, err) < 0)
        return -1;
    return stage_params_done(trainer->stage, err);
}

static int make_model(struct trainer *trainer, struct error *err)
{
    const char *weights = NULL;
    if (stage_has_dep(trainer->stage, "weights") &&
        (weights = stage_dep(trainer->stage, "weights", err)) == NULL)
        return -1;
    if (model_new(&trainer->architecture, &trainer->preprocess, trainer->seed, &trainer->model,
                  err) < 0 ||
        (weights != NULL && model_load_base(trainer->model, weights, err) < 0))
        return -1;
    return model_set_trainable(trainer->model, trainer->patterns, trainer->pattern_count, err);
}

static int train(struct trainer *trainer, struct splits *splits, struct error *err)
{
    const char *folder = stage_dep(trainer->stage, "splits", err);
    const char *out = stage_out(trainer->stage, "model", err);
    if (folder == NULL || out == NULL || read_params(trainer, err) < 0 ||
        trainer_open(trainer, err) < 0 ||
        splits_open(folder, trainer->dataset.train_images.shape[0], splits, err) < 0 ||
        make_model(trainer, err) < 0 ||
        trainer_run(trainer, splits->train.data, splits->train.count, splits->val.data,
                    splits->val.count, err) < 0 ||
        model_write(trainer->model, out, err) < 0)
        return -1;
    return trainer_write_results(trainer, "phase1", "Phase 1: the head on the base", err);
}

static int run(struct stage *stage, struct error *err)
{
    struct trainer trainer = {.stage = stage};
    struct splits splits = {0};
    int result = train(&trainer, &splits, err);
    splits_release(&splits);
    trainer_release(&trainer);
    return result;
}

static const struct stage_kind phase1_kind = {
    .name = "phase1",
    .summary = "train the classifier's head on the base",
    .run = run,
    .fingerprint = trainer_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &phase1_kind);
}
