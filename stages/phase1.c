/* Trains a new head on a base that is frozen, or as far as phase.trainable says.
 *
 * deps dataset, splits, weights (of the base; without them it starts from random ones), and state
 * where training goes on; outs model, history, and where declared history_csv, preflight, state;
 * params seed, model, augment, train, phase: trainer.h.
 */
#include "model_use.h"
#include "trainer.h"

static int read_params(struct trainer *trainer, struct error *err)
{
    if (trainer_read_seed(trainer, PHASE_1, err) < 0 || trainer_read_model(trainer, err) < 0 ||
        trainer_read_augment(trainer, err) < 0 || trainer_read_batches(trainer, err) < 0 ||
        trainer_read_modes(trainer, err) < 0 || trainer_read_schedule(trainer, "phase", err) < 0)
        return -1;
    return trainer_read_trainable(trainer, err) < 0 ? -1 : trainer_check_model(trainer, err);
}

static int make_model(struct trainer *trainer, struct error *err)
{
    const char *weights = NULL;
    struct text note = {0};
    if (stage_has_dep(trainer->stage, "weights") &&
        (weights = stage_dep(trainer->stage, "weights", err)) == NULL)
        return -1;
    if (model_new(&trainer->architecture, &trainer->preprocess, trainer->seed, &trainer->model,
                  err) < 0 ||
        (weights != NULL &&
         model_load_base(trainer->model, weights, &trainer->weight_check, &note, err) < 0))
        return -1;
    if (note.size > 0)
        stage_note(trainer->stage, "weights: %s", text_string(&note));
    text_release(&note);
    return model_set_trainable(trainer->model, trainer->patterns, trainer->pattern_count, err);
}

static const struct training training = {
    .phase = "phase1",
    .read_params = read_params,
    .take_samples = trainer_take_splits,
    .make_model = make_model,
    .out = "model",
    .write_model = model_write,
};

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "phase1",
        .summary = "train the classifier's head on the base",
        .run = trainer_run,
        .check = trainer_check,
        .print_program = trainer_print_program,
        .profile = trainer_profile,
        .fingerprint = trainer_fingerprint,
        .own = &training,
        .deps = "dataset splits weights? state?",
        .outs = "model history history_csv? preflight? state?",
    };
    return stage_main(argc, argv, &kind);
}
