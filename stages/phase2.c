/* Goes on from phase 1's model with layers of the base unfrozen and a new optimizer.
 *
 * deps dataset, splits, model; outs model, history, history_csv, preflight, curves;
 * params seed, augment, train, phase: trainer.h. Architecture and preprocessing are the model's.
 */
#include "data/splits.h"

#include "trainer.h"

static int read_params(struct trainer *trainer, struct error *err)
{
    if (trainer_read_seed(trainer, PHASE_2, err) < 0 || trainer_read_augment(trainer, err) < 0 ||
        trainer_read_batches(trainer, err) < 0 || trainer_read_modes(trainer, err) < 0 ||
        trainer_read_schedule(trainer, "phase", err) < 0 ||
        trainer_read_trainable(trainer, err) < 0)
        return -1;
    return stage_params_done(trainer->stage, err);
}

static int train(struct trainer *trainer, struct splits *splits, struct error *err)
{
    const char *folder = stage_dep(trainer->stage, "splits", err);
    const char *in = stage_dep(trainer->stage, "model", err);
    const char *out = stage_out(trainer->stage, "model", err);
    if (folder == NULL || in == NULL || out == NULL || read_params(trainer, err) < 0 ||
        trainer_open(trainer, err) < 0 ||
        splits_open(folder, trainer->dataset.train_images.shape[0], splits, err) < 0 ||
        model_read(in, &trainer->model, err) < 0 ||
        model_set_trainable(trainer->model, trainer->patterns, trainer->pattern_count, err) < 0 ||
        trainer_run(trainer, splits->train.data, splits->train.count, splits->val.data,
                    splits->val.count, err) < 0 ||
        model_write(trainer->model, out, err) < 0)
        return -1;
    return trainer_write_results(trainer, "phase2", "Phase 2: fine-tuning", err);
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

static const struct stage_kind phase2_kind = {
    .name = "phase2",
    .summary = "unfreeze layers of the base and fine-tune",
    .run = run,
    .fingerprint = trainer_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &phase2_kind);
}
