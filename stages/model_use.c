#include "model_use.h"

#include "base/text.h"
#include "data/class_names.h"

#include <stdio.h>
#include <string.h>

int model_use_fingerprint(const char *device, struct error *err)
{
    return device_fingerprint(device, stdout, err);
}

int model_use_device(struct stage *stage, struct device **device, struct error *err)
{
    if (device_open(stage_device(stage), stage_threads(stage), device, err) < 0)
        return -1;
    (*device)->scratch = stage_scratch(stage);
    (*device)->scratch_out = stage_scratch_out(stage);
    const char *no_gpu = (*device)->no_gpu;
    stage_note(stage, "device %s%s%s", (*device)->description, *no_gpu != '\0' ? "; " : "", no_gpu);
    return 0;
}

int model_use_precision(struct stage *stage, const struct device *device, enum precision precision,
                        enum dtype *dtype, struct error *err)
{
    if (device_precision(device, precision, dtype, err) < 0)
        return error_prefix(err, "parameter 'train.precision': ");
    stage_note(stage, "precision %s%s", dtype_name(*dtype),
               precision == PRECISION_AUTO ? ", taken by auto" : "");
    return 0;
}

int model_use_keep_memory(struct stage *stage, const struct footprint *footprint, const char *ways,
                          struct error *err)
{
    const size_t limit = stage_memory(stage), needed = footprint_total(footprint);
    if (limit == 0 || footprint_fits(footprint, limit))
        return 0;
    return error_set(err, ERR_USAGE,
                     "it needs %zu MiB of memory, and 'resources' gives it %zu: %s, or say memory: "
                     "%zuM there",
                     footprint_mebibytes(needed), limit >> 20, ways, footprint_mebibytes(needed));
}

static int keep_inference(struct stage *stage, struct model *model, struct device *device,
                          const struct network_options *options, const struct network_use *use,
                          struct error *err)
{
    struct footprint footprint = {0};
    if (stage_memory(stage) == 0)
        return 0;
    if (network_foresee(model, device, options, use, &footprint, err) < 0)
        return -1;
    footprint_add_process(&footprint, 0);
    return model_use_keep_memory(stage, &footprint, "fewer 'threads' there need less", err);
}

static int state_inference(struct stage *stage, const struct network *network,
                           const struct network_use *use, struct error *err)
{
    struct footprint footprint = {0};
    struct text words = {0};
    network_measure_process(network, use, &footprint);
    const int result = footprint_state(&footprint, &words, err);
    if (result == 0)
        stage_note(stage, "%s", text_string(&words));
    text_release(&words);
    return result;
}

int model_use_network(struct stage *stage, struct model *model, struct device *device,
                      const struct feed *feed, struct network **network, struct error *err)
{
    /* A shard is of training alone. */
    const struct network_options options = {.shard = 8, .norm = NORM_INFERENCE};
    const struct network_use use = {.feed = feed};
    if (!network_measures(device))
        return network_new(model, device, &options, network, err);
    if (keep_inference(stage, model, device, &options, &use, err) < 0 ||
        network_new(model, device, &options, network, err) < 0)
        return -1;
    if (state_inference(stage, *network, &use, err) == 0)
        return 0;
    network_free(*network);
    *network = NULL;
    return -1;
}

static void note_weight(void *stage, const char *text)
{
    stage_note(stage, "%s (weights.check: warn lets it pass)", text);
}

int model_use_check(struct stage *stage, struct weight_check *check, struct error *err)
{
    static const char *const ways[] = {"stop", "warn"};
    int way = 0;
    if (stage_choice_or_null(stage, "weights.check", ways, 2, &way, err) < 0)
        return -1;
    *check = (struct weight_check){.large_pass = way == 1, .note = note_weight, .arg = stage};
    return 0;
}

struct feed model_use_pictures(const struct dataset *dataset, enum dataset_half half)
{
    const struct npy *images = half == TRAIN_HALF ? &dataset->train_images : &dataset->test_images;
    const struct npy *labels = half == TRAIN_HALF ? &dataset->train_labels : &dataset->test_labels;
    return (struct feed){.images = images->data,
                         .labels = labels->data,
                         .count = images->shape[0],
                         .height = dataset->height,
                         .width = dataset->width,
                         .classes = dataset->class_count};
}

int model_use_feed(const struct model *model, const struct dataset *dataset, enum dataset_half half,
                   struct feed *feed, struct error *err)
{
    if (model->architecture.classes != dataset->class_count)
        return error_set(err, ERR_STAGE, "the model tells %lld classes apart, the dataset has %lld",
                         (long long)model->architecture.classes, (long long)dataset->class_count);
    if (model->class_names != NULL &&
        class_names_compare((const char *const *)model->class_names,
                            (const char *const *)dataset->classes, dataset->class_count, err) < 0)
        return -1;
    *feed = model_use_pictures(dataset, half);
    feed->image_size = model->architecture.image_size;
    feed->preprocess = model->preprocess;
    return 0;
}
