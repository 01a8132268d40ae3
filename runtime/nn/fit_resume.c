#include "nn/fit_parts.h"

#include "nn/fit_identity.h"
#include "nn/fit_weights.h"
#include "nn/weight_check.h"

#include <stdio.h>

void fit_note(const struct training *t, const char *text)
{
    if (t->observer != NULL && t->observer->note != NULL)
        t->observer->note(t->observer->arg, text);
}

/* ---- checkpoints ---- */

/* All on which the course of training depends, beside weights and data: hashed with those, it owns
 * the checkpoint. */
static void describe(const struct training *t, struct text *text)
{
    const struct fit_options *o = t->options;
    const struct architecture *a = &t->model->architecture;
    text_addf(text, "%s %a %lld %lld %lld %a\n", a->name, a->alpha, (long long)a->image_size,
              (long long)a->classes, (long long)a->hidden, a->dropout);
    for (size_t i = 0; i < a->pooled_count; i++)
        text_addf(text, "%s\n", a->pooled_layers[i]);
    text_addf(text, "%lld %lld %lld %lld %d %lu %a\n", (long long)o->epochs, (long long)o->batch,
              (long long)o->shard, (long long)t->steps, (int)o->norm, (unsigned long)o->seed,
              o->learning_rate);
    text_addf(text, "%lld %lld %a %a\n", (long long)o->early_stopping.patience,
              (long long)o->reduce.patience, o->reduce.factor, o->reduce.minimum);
    text_addf(text, "%d %lld %a %lld %a\n", o->cosine_decay.on,
              (long long)o->cosine_decay.decay_steps, o->cosine_decay.alpha,
              (long long)o->cosine_decay.warmup_steps, o->cosine_decay.warmup_target);
    text_addf(text, "%d %a %u %a %d %d %a\n", (int)o->optimizer.kind, o->optimizer.weight_decay,
              o->optimizer.undecayed, o->optimizer.momentum, o->optimizer.nesterov,
              o->optimizer.averages, o->optimizer.ema_momentum);
    text_addf(text, "%d %a\n", o->balanced, (double)t->data.train->label_smoothing);
    for (int64_t c = 0; t->data.train->class_weights != NULL && c < t->data.train->classes; c++)
        text_addf(text, "%a\n", (double)t->data.train->class_weights[c]);
    text_addf(text, "%a %d %a %lld\n", o->early_stopping.min_delta, (int)o->early_stopping.mode,
              o->reduce.min_delta, (long long)o->reduce.cooldown);
    if (o->state != NULL) {
        char hex[DIGEST_HEX_SIZE];
        digest_to_hex(&t->state, hex);
        text_addf(text, "on top of %s\n", hex);
    }
    for (int i = 0; i < 2; i++) {
        const struct feed *f = i == 0 ? t->data.train : t->data.val;
        text_addf(text, "%lld %lld %lld %lld %d %a %lu\n", (long long)f->count,
                  (long long)f->height, (long long)f->width, (long long)f->image_size,
                  (int)f->preprocess.mode, (double)f->preprocess.pixel_range,
                  (unsigned long)f->seed);
        if (f->augment != NULL)
            text_addf(text, "%d %a %a %lld %a %lld %d\n", f->augment->flip,
                      (double)f->augment->rotation, (double)f->augment->zoom,
                      (long long)f->augment->cutout, (double)f->augment->mixup,
                      (long long)f->augment->crop, (int)f->augment->crop_padding);
    }
    for (size_t i = 0; i < t->model->count; i++)
        text_addf(text, "%s %d\n", t->model->parameters[i].name, t->model->parameters[i].trainable);
}

static int add_feed(struct hasher *hasher, const struct feed *feed, struct error *err)
{
    if (hasher_add(hasher, feed->images, (size_t)(feed->count * feed->height * feed->width * 3),
                   err) < 0 ||
        hasher_add(hasher, feed->labels, (size_t)feed->count * sizeof(*feed->labels), err) < 0)
        return -1;
    if (feed->partner_count == 0)
        return 0;
    return hasher_add(hasher, feed->partners, (size_t)feed->partner_count * sizeof(int64_t), err);
}

static int find_owner(const struct training *t, struct digest *owner, struct error *err)
{
    struct text text = {0};
    struct hasher *hasher = hasher_new(err);
    describe(t, &text);
    int result = hasher == NULL || network_describe(t->network, &text, err) < 0 ? -1 : 0;
    if (result == 0)
        result = hasher_add(hasher, text.data, text.size, err);
    for (size_t i = 0; result == 0 && i < t->model->count; i++)
        result = hasher_add(hasher, t->model->parameters[i].value,
                            (size_t)t->model->parameters[i].count * sizeof(float), err);
    if (result == 0)
        result = add_feed(hasher, t->data.train, err);
    /* Both are mostly parts of one dataset. */
    if (result == 0 && t->data.val->images != t->data.train->images)
        result = add_feed(hasher, t->data.val, err);
    if (result == 0)
        result = hasher_add(hasher, t->data.train_samples,
                            (size_t)t->data.train_count * sizeof(int64_t), err);
    if (result == 0)
        result = hasher_add(hasher, t->data.val_samples,
                            (size_t)t->data.val_count * sizeof(int64_t), err);
    if (result == 0)
        result = hasher_finish(hasher, owner, err);
    hasher_free(hasher);
    text_release(&text);
    return result;
}

int fit_save(struct training *t, struct error *err)
{
    if (t->options->checkpoint_folder == NULL)
        return 0;
    const double begin = fit_now();
    t->checkpoint.state.careful = network_is_careful(t->network);
    if (network_get_moments(t->network, t->checkpoint.m, t->checkpoint.v, err) < 0 ||
        network_get_averages(t->network, t->checkpoint.averages, err) < 0)
        return -1;
    fit_weights_gather(t->model, t->checkpoint.weights);
    struct fit_checkpoint with_history = t->checkpoint;
    with_history.history = *t->history;
    if (fit_checkpoint_save(t->options->checkpoint_folder, &with_history, err) < 0)
        return -1;
    t->saved = fit_now();
    t->seconds_to_save = t->saved - begin;
    t->saving += t->seconds_to_save;
    t->checkpoints++;
    t->saved_epoch = t->checkpoint.state.epoch;
    t->saved_step = t->checkpoint.state.step;
    return 0;
}

/* What was read becomes the history so far. */
static void take_history(struct training *t)
{
    history_release(t->history);
    *t->history = t->checkpoint.history;
    t->checkpoint.history = (struct history){0};
}

/* The model's weights, and what the optimizer carries on. */
static int load_network(struct training *t, struct error *err)
{
    const struct fit_checkpoint *c = &t->checkpoint;
    if ((c->state.careful && !network_is_careful(t->network) &&
         network_be_careful(t->network, err) < 0) ||
        network_load(t->network, t->model, err) < 0 ||
        network_set_averages(t->network, c->averages, err) < 0)
        return -1;
    return network_set_moments(t->network, c->m, c->v, err);
}

int fit_resume(struct training *t, struct error *err)
{
    struct fit_checkpoint *c = &t->checkpoint;
    bool found = false;
    const char *why = NULL;
    if (t->options->checkpoint_folder == NULL)
        return 0;
    if (find_owner(t, &c->owner, err) < 0 ||
        fit_checkpoint_load(t->options->checkpoint_folder, c, &found, &why, err) < 0)
        return -1;
    if (why != NULL)
        fit_note(t, why);
    if (!found)
        return 0;
    take_history(t);
    fit_weights_scatter(c->weights, t->model);
    t->saved_epoch = c->state.epoch;
    t->saved_step = c->state.step;
    char text[96];
    snprintf(text, sizeof(text), "resuming after %lld epochs and %lld steps",
             (long long)c->state.epoch, (long long)c->state.step);
    fit_note(t, text);
    return load_network(t, err);
}

/* ---- a state ---- */

int fit_describe(const struct training *t, struct text *words, struct error *err)
{
    const struct fit_options *o = t->options;
    const struct fit_identity identity = {.model = t->model,
                                          .train = t->data.train,
                                          .val = t->data.val,
                                          .train_samples = t->data.train_samples,
                                          .val_samples = t->data.val_samples,
                                          .train_count = t->data.train_count,
                                          .val_count = t->data.val_count,
                                          .batch = o->batch,
                                          .shard = o->shard,
                                          .steps = t->steps,
                                          .norm = o->norm,
                                          .dtype = o->dtype,
                                          .seed = o->seed,
                                          .optimizer = o->optimizer,
                                          .early_stopping = o->early_stopping};
    return fit_identity_describe(&identity, words, err);
}

int fit_compare_state(const struct training *t, int64_t *epochs, struct error *err)
{
    struct text words = {0};
    int result = fit_checkpoint_words(t->options->state, &words, epochs, err);
    if (result == 0)
        result = fit_identity_compare(text_string(&words), text_string(&t->identity), err);
    text_release(&words);
    return result;
}

/* The weights that a state keeps and those that it goes on with; the model ends with the latter. */
static int check_weights(struct training *t, struct error *err)
{
    const struct weight_check check = {.large_pass = t->model->large_pass};
    fit_weights_scatter(t->checkpoint.kept, t->model);
    if (weight_check_model(&check, t->model, err) < 0)
        return -1;
    fit_weights_scatter(t->checkpoint.weights, t->model);
    return weight_check_model(&check, t->model, err);
}

/* What the options of this call change of a state. */
static void adapt_state(struct training *t)
{
    struct fit_state *s = &t->checkpoint.state;
    const struct fit_options *o = t->options;
    if (s->stopped) {
        fit_note(t, "the training that ends in the state stopped early: its patience counts anew");
        s->stopper.wait = 0;
        s->stopped = false;
    }
    if (s->scheduled || s->told_rate < o->learning_rate || s->told_rate > o->learning_rate)
        s->learning_rate = (float)o->learning_rate;
    s->told_rate = o->learning_rate;
    s->scheduled = o->cosine_decay.on;
}

int fit_go_on(struct training *t, struct error *err)
{
    struct fit_checkpoint *c = &t->checkpoint;
    char text[96];
    if (t->options->state == NULL)
        return 0;
    if (fit_compare_state(t, &t->first_epoch, err) < 0 ||
        fit_checkpoint_read(t->options->state, c, err) < 0 || check_weights(t, err) < 0)
        return -1;
    t->state = c->owner;
    take_history(t);
    snprintf(text, sizeof(text), "going on after the %lld epochs of the state",
             (long long)t->first_epoch);
    fit_note(t, text);
    adapt_state(t);
    return load_network(t, err);
}

int fit_write_state(struct training *t, struct error *err)
{
    struct fit_checkpoint state = t->checkpoint;
    if (t->options->state_out == NULL)
        return 0;
    state.state.careful = network_is_careful(t->network);
    if (network_get_moments(t->network, state.m, state.v, err) < 0 ||
        network_get_averages(t->network, state.averages, err) < 0)
        return -1;
    fit_weights_gather(t->model, state.weights);
    state.owner = (struct digest){0};
    state.words = t->identity;
    state.history = *t->history;
    return fit_checkpoint_write(t->options->state_out, &state, err);
}
