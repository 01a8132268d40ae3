/* Goes on from phase 1's model with layers of the base unfrozen and a new optimizer.
 *
 * deps dataset, splits, model, and state where training goes on (of the model's weights then only
 * the frozen ones count); outs model, history, and where declared history_csv, preflight, state;
 * params seed, model, augment, train, phase: trainer.h. Architecture and preprocessing are those of
 * the dep. The parameter `model`, which may be left out, says them before it is there, so that
 * layers that phase.trainable names and nobody has are told before phase 1 trains.
 */
#include "model_use.h"
#include "trainer.h"

#include <string.h>

static int read_params(struct trainer *trainer, struct error *err)
{
    const json_t *model = NULL;
    if (trainer_read_seed(trainer, PHASE_2, err) < 0 || trainer_read_augment(trainer, err) < 0 ||
        trainer_read_batches(trainer, err) < 0 || trainer_read_modes(trainer, err) < 0 ||
        trainer_read_schedule(trainer, "phase", err) < 0 ||
        trainer_read_trainable(trainer, err) < 0 ||
        stage_map_or_null(trainer->stage, "model", &model, err) < 0)
        return -1;
    if (model == NULL)
        return 0;
    return trainer_read_model(trainer, err) < 0 ? -1 : trainer_check_model(trainer, err);
}

static int make_model(struct trainer *trainer, struct error *err)
{
    const char *path = stage_dep(trainer->stage, "model", err);
    if (path == NULL || model_read(path, &trainer->weight_check, &trainer->model, err) < 0)
        return -1;
    if (trainer->architecture.name[0] != '\0' &&
        strcmp(trainer->model->architecture.name, trainer->architecture.name) != 0)
        return error_set(err, ERR_USAGE,
                         "dep 'model' is a '%s', parameter 'model.architecture' says '%s'",
                         trainer->model->architecture.name, trainer->architecture.name);
    return model_set_trainable(trainer->model, trainer->patterns, trainer->pattern_count, err);
}

static const struct training training = {
    .phase = "phase2",
    .read_params = read_params,
    .take_samples = trainer_take_splits,
    .make_model = make_model,
    .out = "model",
    .write_model = model_write,
};

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "phase2",
        .summary = "unfreeze layers of the base and fine-tune",
        .run = trainer_run,
        .check = trainer_check,
        .print_program = trainer_print_program,
        .profile = trainer_profile,
        .fingerprint = trainer_fingerprint,
        .own = &training,
        .deps = "dataset splits model state?",
        .outs = "model history history_csv? preflight? state?",
    };
    return stage_main(argc, argv, &kind);
}
