#include "fit_bed.h"

#include "base/file.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static bool on_step(void *arg, int64_t epoch, int64_t done, int64_t total,
                    const struct batch_result *so_far, int64_t images)
{
    struct bed *bed = arg;
    assert_true(epoch >= 0 && done >= 1 && done <= total);
    assert_true(images <= TRAIN && so_far->hits <= images && isfinite(so_far->loss));
    if (++bed->steps == bed->die_after_steps)
        kill(getpid(), SIGKILL);
    return bed->steps != bed->stop_after_steps;
}

static bool on_validation(void *arg, int64_t epoch, int64_t done, int64_t total)
{
    struct bed *bed = arg;
    assert_true(epoch >= 0 && done <= total);
    return ++bed->validations != bed->stop_after_validations;
}

static void on_epoch(void *arg, int64_t epoch, const struct epoch_record *record)
{
    struct bed *bed = arg;
    assert_true(epoch >= 0 && isfinite(record->loss));
    bed->epochs++;
}

static void on_note(void *arg, const char *text)
{
    struct bed *bed = arg;
    const bool of_time = strncmp(text, "trained ", strlen("trained ")) == 0;
    snprintf(of_time ? bed->time : bed->notes, sizeof(bed->notes), "%s", text);
}

int fit_bed_make(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    uint32_t noise = 1;
    for (int i = 0; i < COUNT; i++) {
        bed->samples[i] = i;
        bed->labels[i] = (uint16_t)(i % CLASSES);
        for (int k = 0; k < PICTURE; k++) {
            noise = noise * 1664525 + 1013904223;
            /* The class is the brightest channel. */
            bed->images[i * PICTURE + k] =
                (uint8_t)((k % 3 == i % CLASSES ? 150 : 50) + (noise >> 26));
        }
    }
    bed->augment =
        (struct augment){.flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 2, .mixup = 0.2f};
    bed->val = (struct feed){.images = bed->images,
                             .labels = bed->labels,
                             .count = COUNT,
                             .height = SIZE,
                             .width = SIZE,
                             .classes = CLASSES,
                             .image_size = 16,
                             .partners = bed->samples,
                             .partner_count = TRAIN,
                             .preprocess = {PREPROCESS_TF, 255},
                             .seed = 5};
    bed->train = bed->val;
    bed->train.augment = &bed->augment;
    bed->options = (struct fit_options){
        .epochs = EPOCHS,
        .batch = 8,
        .shard = 3,
        .norm = NORM_BATCH,
        .seed = 5,
        .learning_rate = 1e-2,
        .early_stopping = {.patience = 5},
        .reduce = {.factor = 0.5, .patience = 1, .minimum = 1e-6, .min_delta = 1e-4, .cooldown = 1},
        .checkpoint_folder = bed->folder};
    snprintf(bed->folder, sizeof(bed->folder), "/tmp/reprise-fit-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->architecture = (struct architecture){.name = "resnet8",
                                              .alpha = 1,
                                              .image_size = 16,
                                              .classes = CLASSES,
                                              .hidden = 8,
                                              .dropout = 0.2};
    bed->preprocess = (struct preprocess){PREPROCESS_TF, 255};
    bed->model_seed = 3;
    bed->unfrozen = "conv4";
    bed->observer = (struct fit_observer){bed, on_step, on_validation, on_epoch, on_note};
    *state = bed;
    return 0;
}

int fit_bed_free(void **state)
{
    struct bed *bed = *state;
    struct error err;
    history_release(&bed->history);
    model_free(bed->model);
    device_close(bed->device);
    file_remove(bed->folder, &err);
    free(bed);
    return 0;
}

void fit_bed_forget(struct bed *bed)
{
    struct error err;
    assert_int_equal(file_remove(bed->folder, &err), 0);
}

struct fit_data fit_bed_data(const struct bed *bed)
{
    return (struct fit_data){&bed->train,          &bed->val, bed->samples,
                             bed->samples + TRAIN, TRAIN,     COUNT - TRAIN};
}

int fit_bed_try(struct bed *bed, int threads, struct error *err)
{
    device_close(bed->device);
    model_free(bed->model);
    history_release(&bed->history);
    bed->device = NULL;
    bed->model = NULL;
    bed->steps = bed->validations = bed->epochs = 0;
    bed->notes[0] = '\0';
    if ((bed->open ? bed->open(threads, &bed->device, err)
                   : device_open("cpu", threads, &bed->device, err)) < 0 ||
        model_new(&bed->architecture, &bed->preprocess, bed->model_seed, &bed->model, err) < 0 ||
        model_set_trainable(bed->model, &bed->unfrozen, bed->unfrozen != NULL, err) < 0)
        return -1;
    if (bed->steps_at_once > 0)
        bed->device->steps_at_once = bed->steps_at_once;
    const struct fit_data data = fit_bed_data(bed);
    return fit(bed->model, bed->device, &data, &bed->options, &bed->observer, &bed->history, err);
}

void fit_bed_train(struct bed *bed, int threads)
{
    struct error err;
    if (fit_bed_try(bed, threads, &err) < 0)
        fail_msg("%s", err.message);
}

struct bits fit_bed_bits(const struct bed *bed)
{
    struct bits bits = {0, NULL};
    FILE *stream = open_memstream(&bits.data, &bits.size);
    for (size_t i = 0; i < bed->model->count; i++)
        fwrite(bed->model->parameters[i].value, sizeof(float),
               (size_t)bed->model->parameters[i].count, stream);
    fwrite(bed->history.epochs, sizeof(struct epoch_record), bed->history.count, stream);
    fprintf(stream, "%d %d %d", (int)bed->history.best_epoch, (int)bed->history.checkpoint_epoch,
            bed->history.stopped_early);
    fclose(stream);
    return bits;
}

void fit_bed_assert_bits(const struct bits *bits, const struct bed *bed)
{
    struct bits now = fit_bed_bits(bed);
    assert_int_equal(bits->size, now.size);
    assert_memory_equal(bits->data, now.data, now.size);
    free(now.data);
}

void fit_bed_assert_dies(struct bed *bed, int threads)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct error err;
        bed->die_after_steps = 5;
        fit_bed_try(bed, threads, &err);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void fit_bed_assert_goes_on(struct bed *bed, int threads)
{
    fit_bed_train(bed, threads);
    assert_string_equal(bed->notes, "resuming after 1 epochs and 0 steps");
    assert_int_equal(bed->epochs, EPOCHS - 1);
    struct bits resumed = fit_bed_bits(bed);
    fit_bed_forget(bed);
    fit_bed_train(bed, threads);
    assert_int_equal(bed->epochs, EPOCHS);
    fit_bed_assert_bits(&resumed, bed);
    free(resumed.data);
}

void fit_bed_assert_learns(struct bed *bed, int threads)
{
    bed->options.epochs = 12;
    bed->options.norm = NORM_INFERENCE;
    bed->train.augment = NULL;
    fit_bed_train(bed, threads);
    const struct epoch_record *epochs = bed->history.epochs;
    assert_true(epochs[bed->history.count - 1].loss < 0.5 * epochs[0].loss);
    assert_true(epochs[bed->history.best_epoch].val_accuracy > 0.8);
}
