#include "nn/fit.h"

#include "base/memory.h"
#include "base/philox.h"
#include "base/text.h"
#include "nn/callbacks.h"
#include "nn/divergence.h"
#include "nn/fit_parts.h"
#include "nn/fit_weights.h"
#include "nn/weight_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Images of a validation batch; sums are rounded to f32 after each. */
enum { VALIDATION_BATCH = 256 };

/* The most steps that are asked for in one call. */
enum { STEPS_AT_ONCE = 64 };

/* A kill costs at most so much, however long an epoch takes. */
enum { SECONDS_BETWEEN_CHECKPOINTS = 120 };

/* What checkpoints after epochs may take of the time. */
static const double share_of_checkpoints = 0.0025;

void fit_shuffle(uint32_t seed, uint32_t epoch, int64_t *samples, int64_t count)
{
    struct philox block = {{0}};
    for (int64_t i = count - 1, draw = 0; i > 0; i--, draw++) {
        if (draw % 4 == 0)
            block = philox_at(seed, RANDOM_SHUFFLE, epoch, 0, (uint32_t)(draw / 4));
        int64_t j = philox_below(block.words[draw % 4], (uint32_t)i + 1);
        int64_t other = samples[i];
        samples[i] = samples[j];
        samples[j] = other;
    }
}

/* Stops the training: step `step` of the epoch, from 1, gave a number that no training goes on
 * from. */
static int diverge(struct training *t, const char *what, double value, int64_t step,
                   struct error *err)
{
    const struct fit_state *s = &t->checkpoint.state;
    const struct divergence divergence = {
        .what = what,
        .value = value,
        .epoch = s->epoch + 1,
        .step = step,
        .steps = t->steps,
        .learning_rate = (double)s->learning_rate,
        .saved_epoch = t->saved_epoch,
        .saved_step = t->saved_step,
    };
    const int64_t first = (step - 1) * t->options->batch, left = t->data.train_count - first;
    return divergence_tell(&divergence, t->network, t->model, t->data.train, t->order + first,
                           left < t->options->batch ? left : t->options->batch, err);
}

double fit_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The model receives the weights, which must be sound. */
static int take_weights(struct training *t, double loss, struct error *err)
{
    const struct weight_check check = {.large_pass = t->model->large_pass};
    struct error ignored;
    if (network_store(t->network, t->model, err) < 0)
        return -1;
    if (weight_check_model(&check, t->model, &ignored) == 0)
        return 0;
    const int64_t step = t->checkpoint.state.step;
    return diverge(t, "a weight is bad although the training loss", loss, step > 0 ? step : 1, err);
}

static double loss_so_far(const struct training *t)
{
    const struct fit_state *s = &t->checkpoint.state;
    return s->images > 0 ? (double)(s->loss / (float)s->images) : 0;
}

static int save_within_epoch(struct training *t, struct error *err)
{
    return take_weights(t, loss_so_far(t), err) < 0 ? -1 : fit_save(t, err);
}

static int interrupt(struct training *t, struct error *err)
{
    if (save_within_epoch(t, err) < 0)
        return -1;
    return error_set(err, ERR_INTERRUPTED, "interrupted");
}

/* ---- an epoch ---- */

int fit_evaluate(struct network *network, const struct feed *feed, const int64_t *samples,
                 int64_t count, int64_t epoch, const struct fit_observer *observer,
                 float *probabilities, struct fit_evaluation *evaluation, struct error *err)
{
    float total = 0;
    int64_t hits = 0;
    for (int64_t done = 0; done < count;) {
        const int64_t n = count - done < VALIDATION_BATCH ? count - done : VALIDATION_BATCH;
        struct batch_result result = {0};
        float *p = probabilities != NULL ? probabilities + done * feed->classes : NULL;
        if (network_infer(network, feed, samples + done, n, NULL, p, -1, NULL, &result, err) < 0)
            return -1;
        total += (float)(result.loss / (double)n) * (float)n;
        hits += result.hits;
        done += n;
        if (observer != NULL && observer->validation != NULL &&
            !observer->validation(observer->arg, epoch, done, count))
            return error_set(err, ERR_INTERRUPTED, "interrupted");
    }
    evaluation->loss = (double)(total / (float)count);
    evaluation->accuracy = (double)((float)hits / (float)count);
    return 0;
}

static bool goes_on(struct training *t)
{
    const struct fit_state *s = &t->checkpoint.state;
    const struct batch_result so_far = {(double)s->loss, s->hits};
    if (t->observer == NULL || t->observer->step == NULL)
        return true;
    const double begin = fit_now();
    const bool more =
        t->observer->step(t->observer->arg, s->epoch, s->step, t->steps, &so_far, s->images);
    t->telling += fit_now() - begin;
    return more;
}

static bool validation_goes_on(void *arg, int64_t epoch, int64_t done, int64_t total)
{
    struct training *t = arg;
    if (t->observer == NULL || t->observer->validation == NULL)
        return true;
    const double begin = fit_now();
    const bool more = t->observer->validation(t->observer->arg, epoch, done, total);
    t->telling += fit_now() - begin;
    return more;
}

static void tell_epoch(struct training *t, const struct epoch_record *record)
{
    if (t->observer == NULL || t->observer->epoch == NULL)
        return;
    const double begin = fit_now();
    t->observer->epoch(t->observer->arg, t->checkpoint.state.epoch, record);
    t->telling += fit_now() - begin;
}

/* The next steps of the epoch, no more than the device likes to have at once. */
static size_t plan_steps(const struct training *t, struct train_step steps[STEPS_AT_ONCE])
{
    const struct fit_state *s = &t->checkpoint.state;
    const int64_t most =
        t->steps_at_once < STEPS_AT_ONCE ? (int64_t)t->steps_at_once : STEPS_AT_ONCE;
    const int64_t count = t->steps - s->step < most ? t->steps - s->step : most;
    for (int64_t i = 0; i < count; i++) {
        const int64_t left = t->data.train_count - (s->step + i) * t->options->batch;
        const int64_t number = s->epoch * t->steps + s->step + i;
        steps[i].n = left < t->options->batch ? left : t->options->batch;
        steps[i].learning_rate = t->cosine_decay.on
                                     ? cosine_decay_at(&t->cosine_decay, t->options->learning_rate,
                                                       number - t->cosine_start)
                                     : s->learning_rate;
    }
    return (size_t)count;
}

/* Results come in the order of the steps, whose sums are rounded one after the other. The observer
 * may say at any of them that it is enough: *enough. */
static int train_steps(struct training *t, bool *enough, struct error *err)
{
    struct fit_state *s = &t->checkpoint.state;
    struct train_step steps[STEPS_AT_ONCE];
    struct batch_result results[STEPS_AT_ONCE];
    const size_t count = plan_steps(t, steps);
    size_t done;
    if (network_train_steps(t->network, t->data.train, t->order + s->step * t->options->batch,
                            steps, count, (uint32_t)s->epoch, s->epoch * t->steps + s->step,
                            results, &done, err) < 0)
        return -1;
    *enough = false;
    for (size_t i = 0; i < done; i++) {
        const double n = (double)steps[i].n;
        s->learning_rate = steps[i].learning_rate;
        if (!isfinite(results[i].loss))
            return diverge(t, "the training loss", results[i].loss, s->step + 1, err);
        s->loss += (float)(results[i].loss / n) * (float)steps[i].n;
        s->hits += results[i].hits;
        s->images += steps[i].n;
        s->step++;
        *enough = !goes_on(t) || *enough;
    }
    return 0;
}

static int train_epoch(struct training *t, struct error *err)
{
    struct fit_state *s = &t->checkpoint.state;
    memcpy(t->order, t->data.train_samples, (size_t)t->data.train_count * sizeof(int64_t));
    if (!t->options->balanced)
        fit_shuffle(t->options->seed, (uint32_t)s->epoch, t->order, t->data.train_count);
    else if (fit_draw_balanced(t->options->seed, (uint32_t)s->epoch, t->data.train,
                               t->data.train_samples, t->data.train_count, t->order, err) < 0)
        return -1;
    while (s->step < t->steps) {
        bool enough;
        if (train_steps(t, &enough, err) < 0)
            return -1;
        if (enough)
            return interrupt(t, err);
        if (fit_now() - t->saved > SECONDS_BETWEEN_CHECKPOINTS && save_within_epoch(t, err) < 0)
            return -1;
    }
    return 0;
}

/* After an epoch: the first is saved, of those after it what takes no more than a small share of
 * the time. The last is one of them: its outs follow at once, and no more is lost than of another.
 */
static bool is_due(const struct training *t)
{
    return t->saved_epoch < 0 || fit_now() - t->saved >= t->seconds_to_save / share_of_checkpoints;
}

/* The callbacks, in Keras' order. */
static int finish_epoch(struct training *t, struct epoch_record *record, struct error *err)
{
    struct fit_state *s = &t->checkpoint.state;
    record->learning_rate = (double)s->learning_rate;
    struct early_stopping_advice advice = early_stopping_epoch(
        &s->stopper, s->epoch,
        s->stopper.mode == MONITOR_MIN ? record->val_loss : record->val_accuracy);
    s->learning_rate = reduce_on_plateau_epoch(&s->reducer, record->val_loss, s->learning_rate);
    best_checkpoint_epoch(&s->saver, s->epoch, record->val_accuracy);
    if (advice.keep_weights)
        fit_weights_gather(t->model, t->checkpoint.kept);
    if (history_add(t->history, record, err) < 0)
        return -1;
    tell_epoch(t, record);
    s->epoch++;
    s->step = s->hits = s->images = 0;
    s->loss = 0;
    s->stopped = advice.stop;
    if (t->options->optimizer.averages && (network_swap_averages(t->network, err) < 0 ||
                                           network_store(t->network, t->model, err) < 0))
        return -1;
    return is_due(t) ? fit_save(t, err) : 0;
}

static int run_epoch(struct training *t, struct error *err)
{
    const struct fit_state *s = &t->checkpoint.state;
    const struct fit_observer validation = {.arg = t, .validation = validation_goes_on};
    struct epoch_record record = {0};
    struct fit_evaluation evaluation;
    if (train_epoch(t, err) < 0)
        return -1;
    if (network_swap_averages(t->network, err) < 0)
        return -1;
    if (fit_evaluate(t->network, t->data.val, t->data.val_samples, t->data.val_count, s->epoch,
                     &validation, NULL, &evaluation, err) < 0)
        return err->kind == ERR_INTERRUPTED && network_swap_averages(t->network, err) == 0
                   ? interrupt(t, err)
                   : -1;
    record.val_loss = evaluation.loss;
    record.val_accuracy = evaluation.accuracy;
    record.loss = (double)(s->loss / (float)s->images);
    record.accuracy = (double)((float)s->hits / (float)s->images);
    if (!isfinite(record.val_loss))
        return diverge(t, "the validation loss", record.val_loss, s->step, err);
    if (!isfinite(record.loss))
        return diverge(t, "the epoch's mean loss", record.loss, s->step, err);
    if (take_weights(t, record.loss, err) < 0)
        return -1;
    return finish_epoch(t, &record, err);
}

/* A cosine to the end has the epochs of this call alone. */
static void start_cosine(struct training *t)
{
    t->cosine_decay = t->options->cosine_decay;
    if (t->cosine_decay.decay_steps > 0)
        return;
    t->cosine_decay.decay_steps =
        cosine_decay_rest(&t->cosine_decay, t->options->epochs * t->steps);
    t->cosine_start = t->first_epoch * t->steps;
}

/* What training took beside training. */
static void tell_time(const struct training *t, double seconds)
{
    char text[128];
    snprintf(text, sizeof(text), "trained %.1f s: progress took %.2f%%, %lld checkpoint%s %.2f%%",
             seconds, 100 * t->telling / seconds, (long long)t->checkpoints,
             t->checkpoints == 1 ? "" : "s", 100 * t->saving / seconds);
    fit_note(t, text);
}

static int run(struct training *t, struct error *err)
{
    struct fit_state *s = &t->checkpoint.state;
    const struct fit_options *o = t->options;
    s->learning_rate = (float)o->learning_rate;
    s->stopper = o->early_stopping;
    s->reducer = o->reduce;
    early_stopping_start(&s->stopper);
    reduce_on_plateau_start(&s->reducer);
    best_checkpoint_init(&s->saver);
    s->told_rate = o->learning_rate;
    s->scheduled = o->cosine_decay.on;
    const double begin = t->saved = fit_now();
    if (fit_go_on(t, err) < 0)
        return -1;
    start_cosine(t);
    if (fit_resume(t, err) < 0)
        return -1;
    while (s->epoch < t->first_epoch + o->epochs && !s->stopped)
        if (run_epoch(t, err) < 0)
            return -1;
    tell_time(t, fit_now() - begin);
    if (fit_write_state(t, err) < 0)
        return -1;
    if (t->history->count > 0)
        fit_weights_scatter(t->checkpoint.kept, t->model);
    t->history->best_epoch = s->stopper.best_epoch;
    t->history->kept_epoch = o->early_stopping.patience < 0 ? s->epoch - 1 : s->stopper.best_epoch;
    t->history->checkpoint_epoch = s->saver.epoch;
    t->history->stopped_early = s->stopped;
    return 0;
}

static int check(const struct training *t, struct error *err)
{
    const struct fit_options *o = t->options;
    if (t->data.train_count < 1 || t->data.val_count < 1)
        return error_set(err, ERR_USAGE, "training needs images to train on and to validate on");
    if (o->batch < 1 || o->shard < 1 || o->epochs < 0 || o->steps_per_epoch < 0)
        return error_set(err, ERR_USAGE, "batch, shard and epochs must be positive");
    if (t->data.train_count > UINT32_MAX)
        return error_set(err, ERR_USAGE, "more images than can be shuffled");
    return 0;
}

static int64_t steps_of_epoch(const struct fit_options *options, int64_t train_count)
{
    const int64_t steps = (train_count + options->batch - 1) / options->batch;
    return options->steps_per_epoch > 0 && options->steps_per_epoch < steps
               ? options->steps_per_epoch
               : steps;
}

int fit_check_state(const struct model *model, const struct fit_data *data,
                    const struct fit_options *options, int64_t *epochs, struct error *err)
{
    struct training t = {.model = (struct model *)(uintptr_t)model, /* it is only read */
                         .data = *data,
                         .options = options};
    int result = check(&t, err);
    if (result == 0) {
        t.steps = steps_of_epoch(options, data->train_count);
        result = fit_describe(&t, &t.identity, err);
    }
    if (result == 0)
        result = fit_compare_state(&t, epochs, err);
    text_release(&t.identity);
    return result;
}

/* Before the first step. */
static int state_memory(const struct training *t, struct error *err)
{
    struct text words = {0};
    int result = network_state_memory(t->network, &words, err);
    if (result == 0 && network_measures(t->device)) {
        struct footprint footprint;
        fit_measure(t, &footprint);
        result = footprint_state(&footprint, &words, err);
    }
    if (result == 0 && words.size > 0 && t->observer != NULL && t->observer->note != NULL)
        t->observer->note(t->observer->arg, text_string(&words));
    text_release(&words);
    return result;
}

int fit(struct model *model, struct device *device, const struct fit_data *data,
        const struct fit_options *options, const struct fit_observer *observer,
        struct history *history, struct error *err)
{
    struct history made = {.best_epoch = -1, .kept_epoch = -1, .checkpoint_epoch = -1};
    struct training t = {.model = model,
                         .device = device,
                         .data = *data,
                         .options = options,
                         .observer = observer,
                         .history = &made,
                         .steps_at_once = device->steps_at_once,
                         .saved_epoch = -1};
    int result = -1;
    if (check(&t, err) < 0)
        return -1;
    t.steps = steps_of_epoch(options, data->train_count);
    const struct network_options network_options = fit_network_options(options, data->train_count);
    const bool identified = options->state != NULL || options->state_out != NULL;
    if ((!identified || fit_describe(&t, &t.identity, err) == 0) &&
        (t.order = memory_new((size_t)data->train_count, sizeof(int64_t), err)) != NULL &&
        network_new(model, device, &network_options, &t.network, err) == 0 &&
        network_remember(t.network, data->val, options->remember_bytes, err) == 0 &&
        network_set_optimizer(t.network, &options->optimizer, err) == 0 &&
        state_memory(&t, err) == 0 &&
        fit_checkpoint_init(
            &t.checkpoint, fit_weights_count(model), network_moment_count(t.network),
            options->optimizer.averages ? network_moment_count(t.network) : 0, err) == 0)
        result = run(&t, err);
    if (result == 0) {
        *history = made;
        made = (struct history){0};
    }
    history_release(&made);
    fit_checkpoint_release(&t.checkpoint);
    text_release(&t.identity);
    network_free(t.network);
    free(t.order);
    return result;
}
