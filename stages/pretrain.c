/* Trains a base from random weights on a dataset of its own, of which the last tenth validates.
 *
 * deps dataset; outs weights (of the base alone), history, and where declared history_csv, curves;
 * params seed, model, augment, train: trainer.h.
 */
#include "base/memory.h"

#include "trainer.h"

#include <stdlib.h>

static int read_params(struct trainer *trainer, struct error *err)
{
    trainer->options.norm = NORM_BATCH;
    if (trainer_read_seed(trainer, PHASE_PRETRAIN, err) < 0 ||
        trainer_read_model(trainer, err) < 0 || trainer_read_augment(trainer, err) < 0 ||
        trainer_read_batches(trainer, err) < 0 || trainer_read_schedule(trainer, "train", err) < 0)
        return -1;
    return stage_params_done(trainer->stage, err);
}

static int make_model(struct trainer *trainer, struct error *err)
{
    static const char *const all = "";
    if (model_new(&trainer->architecture, &trainer->preprocess, trainer->seed, &trainer->model,
                  err) < 0)
        return -1;
    return model_set_trainable(trainer->model, &all, 1, err);
}

static int train(struct trainer *trainer, int64_t **samples, struct error *err)
{
    const char *out = stage_out(trainer->stage, "weights", err);
    if (out == NULL || read_params(trainer, err) < 0 || trainer_open(trainer, err) < 0 ||
        make_model(trainer, err) < 0)
        return -1;
    const int64_t count = trainer->dataset.train_images.shape[0], held_out = count / 10;
    if ((*samples = memory_new((size_t)count, sizeof(int64_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < count; i++)
        (*samples)[i] = i;
    trainer->preflight_mode = PREFLIGHT_OFF;
    if (trainer_run(trainer, *samples, count - held_out, *samples + count - held_out, held_out,
                    err) < 0 ||
        model_write_base(trainer->model, out, err) < 0)
        return -1;
    return trainer_write_results(trainer, "pretrain", "Pretraining of the base", err);
}

static int run(struct stage *stage, struct error *err)
{
    struct trainer trainer = {.stage = stage};
    int64_t *samples = NULL;
    int result = train(&trainer, &samples, err);
    free(samples);
    trainer_release(&trainer);
    return result;
}

static const struct stage_kind pretrain_kind = {
    .name = "pretrain",
    .summary = "train a base from random weights",
    .run = run,
    .fingerprint = trainer_fingerprint,
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &pretrain_kind);
}
