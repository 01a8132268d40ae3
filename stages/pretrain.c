/* Trains a base from random weights on a dataset of its own, of which the last tenth validates.
 *
 * deps dataset, and state where training goes on; outs weights (of the base alone), history, and
 * where declared history_csv, preflight and state;
 * params seed, model, augment, train: trainer.h.
 */
#include "model_use.h"
#include "trainer.h"

static int read_params(struct trainer *trainer, struct error *err)
{
    trainer->options.norm = NORM_BATCH;
    trainer->preflight_mode = PREFLIGHT_OFF;
    if (trainer_read_seed(trainer, PHASE_PRETRAIN, err) < 0 ||
        trainer_read_model(trainer, err) < 0 || trainer_read_augment(trainer, err) < 0 ||
        trainer_read_batches(trainer, err) < 0)
        return -1;
    return trainer_read_schedule(trainer, "train", err) < 0 ? -1
                                                            : trainer_check_model(trainer, err);
}

static int make_model(struct trainer *trainer, struct error *err)
{
    static const char *const all = "";
    if (model_new(&trainer->architecture, &trainer->preprocess, trainer->seed, &trainer->model,
                  err) < 0)
        return -1;
    return model_set_trainable(trainer->model, &all, 1, err);
}

static const struct training training = {
    .phase = "pretrain",
    .read_params = read_params,
    .take_samples = trainer_hold_out,
    .make_model = make_model,
    .out = "weights",
    .write_model = model_write_base,
};

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "pretrain",
        .summary = "train a base from random weights",
        .run = trainer_run,
        .check = trainer_check,
        .print_program = trainer_print_program,
        .profile = trainer_profile,
        .fingerprint = trainer_fingerprint,
        .own = &training,
        .deps = "dataset state?",
        .outs = "weights history history_csv? preflight? state?",
    };
    return stage_main(argc, argv, &kind);
}
