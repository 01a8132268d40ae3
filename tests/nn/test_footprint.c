/* The memory of a training: stated before it begins, kept, and the same however long it goes on. */
#include "nn/footprint.h"

#include "base/file.h"
#include "base/text.h"
#include "nn/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formula.h"
#include "tap.h"

enum { MIB = 1 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* A training of a model from the formula on pictures from there. */
struct bed {
    struct device *device;
    struct model *model;
    struct pictures pictures;
    struct feed train;
    struct augment augment;
    struct fit_options options;
    struct fit_data data;
};

enum { TRAINED = 40, VALIDATED = 8 };

static void open_bed(struct bed *bed, const char *architecture, int64_t size, const char *pattern)
{
    struct error err = {0};
    *bed = (struct bed){.augment = {.flip = true, .rotation = 0.1f}};
    bed->model = formula_model(architecture, size, 10, 8, 0.2);
    ok(model_set_trainable(bed->model, &pattern, pattern != NULL, &err), &err);
    ok(device_open("cpu", 2, &bed->device, &err), &err);
    formula_pictures(&bed->pictures, TRAINED + VALIDATED, size, 10);
    bed->train = bed->pictures.feed;
    bed->train.augment = &bed->augment;
    bed->train.partners = bed->pictures.samples;
    bed->train.partner_count = TRAINED;
    bed->options = (struct fit_options){.epochs = 2,
                                        .batch = 32,
                                        .shard = 8,
                                        .learning_rate = 1e-4,
                                        .early_stopping = {.patience = -1},
                                        .remember_bytes = (size_t)1 << 30};
    bed->data = (struct fit_data){.train = &bed->train,
                                  .val = &bed->pictures.feed,
                                  .train_samples = bed->pictures.samples,
                                  .val_samples = bed->pictures.samples + TRAINED,
                                  .train_count = TRAINED,
                                  .val_count = VALIDATED};
}

static void close_bed(struct bed *bed)
{
    formula_release(&bed->pictures);
    model_free(bed->model);
    device_close(bed->device);
}

static size_t foreseen(struct bed *bed)
{
    struct error err = {0};
    struct footprint footprint;
    struct text words = {0};
    ok(fit_foresee(bed->model, bed->device, &bed->data, &bed->options, &footprint, &err), &err);
    ok(footprint_state(&footprint, &words, &err), &err);
    print_message("# %s\n", text_string(&words));
    text_release(&words);
    return footprint_total(&footprint);
}

/* ResNet50 of the notebook's second phase. */
static void resnet50_phase2_at_batch_32_stays_below_3_gib(void **state)
{
    (void)state;
    if (SANITIZED)
        skip_because("a sanitizer has memory of its own");
    struct bed bed;
    open_bed(&bed, "resnet50", 224, "conv5");
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++)
        for (int norm = 0; norm < 2; norm++) {
            bed.options.dtype = (enum dtype)dtype;
            bed.options.norm = norm ? NORM_BATCH : NORM_INFERENCE;
            if (dtype == DTYPE_BF16 && bed.device->no_bf16)
                print_message("# no bf16 here: %s\n", bed.device->no_bf16);
            else
                assert_in_range(foreseen(&bed), 1, (size_t)3 << 30);
        }
    close_bed(&bed);
}

/* Part by part, to the byte. */
static void network_foreseen_takes_what_the_one_made_takes(void **state)
{
    static const char *const ways[][2] = {{"resnet8", "conv4"},
                                          {"resnet8", ""},
                                          {"resnet8+conv1_relu", NULL},
                                          {"mobilenet_v2", "block_16"},
                                          {"efficientnet_lite0", ""}};
    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof ways[0] * 2; way++) {
        struct error err = {0};
        struct bed bed;
        struct network *network;
        struct footprint before = {0}, made = {0};
        open_bed(&bed, ways[way / 2][0], 32, ways[way / 2][1]);
        const struct optimizer optimizer = {.averages = way % 2 == 1, .ema_momentum = 0.9};
        const struct network_options options = {
            .batch = 20, .rest = 11, .shard = 8, .norm = way % 2 ? NORM_BATCH : NORM_INFERENCE};
        const struct network_use use = {.optimizer = &optimizer,
                                        .feed = &bed.train,
                                        .remembered = &bed.pictures.feed,
                                        .remember_bytes = 1 << 16,
                                        .plain = VALIDATED};
        ok(network_foresee(bed.model, bed.device, &options, &use, &before, &err), &err);
        ok(network_new(bed.model, bed.device, &options, &network, &err), &err);
        ok(network_set_optimizer(network, &optimizer, &err), &err);
        ok(network_remember(network, use.remembered, use.remember_bytes, &err), &err);
        network_measure(network, &use, &made);
        assert_memory_equal(&before, &made, sizeof made);
        assert_true(made.bytes[FOOTPRINT_WEIGHTS] > 0 && made.bytes[FOOTPRINT_GRADIENTS] > 0);
        assert_int_equal(made.bytes[FOOTPRINT_PROGRAM], 0);
        network_free(network);
        close_bed(&bed);
    }
}

/* ---- what a process really takes ---- */

struct taken {
    size_t stated, peak; /* MiB, bytes */
};

static void on_note(void *arg, const char *text)
{
    struct taken *taken = arg;
    (void)sscanf(text, "memory %zu MiB", &taken->stated);
}

static size_t peak_of_process(void)
{
    char line[128];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        (void)sscanf(line, "VmHWM: %zu kB", &kib);
    if (file)
        fclose(file);
    return kib * 1024;
}

/* In a process of its own, which ends with it; goes on from a checkpoint in the folder, and from
 * `state`, unless that is NULL; `state_out` may be, too. */
static struct taken train_in(const char *folder, const char *state, const char *state_out,
                             const char *pattern, int64_t epochs)
{
    struct taken taken = {0};
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct bed bed;
        struct error err;
        struct history history = {0};
        const struct fit_observer observer = {.arg = &taken, .note = on_note};
        open_bed(&bed, "resnet18", 64, pattern);
        bed.options.checkpoint_folder = folder;
        bed.options.state = state;
        bed.options.state_out = state_out;
        bed.options.norm = NORM_BATCH;
        bed.options.epochs = epochs;
        bed.options.optimizer = (struct optimizer){.averages = true, .ema_momentum = 0.9};
        const int failed =
            fit(bed.model, bed.device, &bed.data, &bed.options, &observer, &history, &err);
        taken.peak = peak_of_process();
        _exit(failed || write(ends[1], &taken, sizeof taken) != sizeof taken);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &taken, sizeof taken), sizeof taken);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    print_message("# stated %zu MiB, took %zu\n", taken.stated, taken.peak / MIB);
    return taken;
}

static void skip_where_memory_is_not_told(void)
{
    if (SANITIZED)
        skip_because("a sanitizer has memory of its own");
    if (peak_of_process() == 0)
        skip_because("the kernel does not tell a process its peak");
}

static struct taken train_anew(const char *pattern, int64_t epochs)
{
    char folder[] = "/tmp/reprise-footprint-XXXXXX";
    struct error err;
    assert_non_null(mkdtemp(folder));
    const struct taken taken = train_in(folder, NULL, NULL, pattern, epochs);
    assert_int_equal(file_remove(folder, &err), 0);
    return taken;
}

static void training_takes_no_more_than_it_stated_however_many_epochs(void **state)
{
    enum { ALLOWANCE = 4 * MIB };
    static const char *const patterns[] = {"", "conv5"};
    (void)state;
    skip_where_memory_is_not_told();
    for (int i = 0; i < 2; i++) {
        const struct taken two = train_anew(patterns[i], 2), six = train_anew(patterns[i], 6);
        assert_in_range(two.peak, 1, two.stated * MIB);
        assert_in_range(six.peak, 1, six.stated * MIB);
        assert_in_range(six.peak, 1, two.peak + ALLOWANCE);
        /* And it is no guess that is far too high. */
        assert_in_range(two.stated * MIB, 1, two.peak + 64 * MIB);
    }
}

/* From its checkpoint, as after a kill, and from a state. */
static void training_that_goes_on_takes_no_more_than_it_stated(void **state)
{
    char folder[] = "/tmp/reprise-footprint-XXXXXX", first[64], second[64];
    struct error err;
    (void)state;
    skip_where_memory_is_not_told();
    assert_non_null(mkdtemp(folder));
    snprintf(first, sizeof first, "%s/first.state", folder);
    snprintf(second, sizeof second, "%s/second.state", folder);
    for (int i = 0; i < 2; i++) {
        const struct taken taken = train_in(folder, NULL, first, "", 1);
        assert_in_range(taken.peak, 1, taken.stated * MIB);
    }
    const struct taken more = train_in(folder, first, second, "", 1);
    assert_in_range(more.peak, 1, more.stated * MIB);
    assert_int_equal(file_remove(folder, &err), 0);
}

static void remembering_within_a_limit_keeps_it(void **state)
{
    struct error err = {0};
    struct footprint all, less;
    struct bed bed;
    (void)state;
    open_bed(&bed, "resnet8", 32, NULL);
    ok(fit_foresee(bed.model, bed.device, &bed.data, &bed.options, &all, &err), &err);
    assert_true(all.bytes[FOOTPRINT_FEATURES] > 0);
    const size_t part = all.bytes[FOOTPRINT_FEATURES] / 2;
    bed.options.remember_bytes = fit_remember_within(&bed.data, &all, footprint_total(&all) - part);
    ok(fit_foresee(bed.model, bed.device, &bed.data, &bed.options, &less, &err), &err);
    assert_in_range(less.bytes[FOOTPRINT_FEATURES], 1, all.bytes[FOOTPRINT_FEATURES] - part);
    assert_int_equal(
        fit_remember_within(&bed.data, &all, footprint_total(&all) - all.bytes[FOOTPRINT_FEATURES]),
        0);
    close_bed(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_foreseen_takes_what_the_one_made_takes),
        cmocka_unit_test(remembering_within_a_limit_keeps_it),
        cmocka_unit_test(training_takes_no_more_than_it_stated_however_many_epochs),
        cmocka_unit_test(training_that_goes_on_takes_no_more_than_it_stated),
        cmocka_unit_test(resnet50_phase2_at_batch_32_stays_below_3_gib),
    };
    return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
