/* Images a second on a GPU, by what the stages call: ResNet50 at 224 from pictures of 32 x 32 with
 * the notebook's augmentation, batch 32. Three numbers: the head on the frozen base (phase 1),
 * conv5 unfrozen (phase 2), and evaluation. tests/bench/gpu_pytorch.py does the same work in
 * PyTorch.
 *
 *     gpu_train [bf16|f32 [steps]]     prints one JSON object
 *     gpu_train weights FILE           fresh weights of that ResNet50, as Keras saves a model
 */
#include "bench/made_feed.h"
#include "nn/export.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 10000, BATCH = 32, AT_ONCE = 32 };

struct bench {
    struct device *device;
    struct feed feed;
    struct augment augment;
    int64_t samples[PICTURES];
    enum dtype dtype;
    int64_t steps;
};

static const struct architecture architecture = {.name = "resnet50",
                                                 .alpha = 1,
                                                 .image_size = 224,
                                                 .classes = MADE_CLASSES,
                                                 .hidden = 256,
                                                 .dropout = 0.3};

/* Fresh weights whose outputs do not grow from block to block, as those of a trained base do not.
 */
static int make_model(const struct preprocess *preprocess, struct model **model, struct error *err)
{
    static const char last[] = "_3_bn/gamma";
    if (model_new(&architecture, preprocess, 1, model, err))
        return -1;
    for (size_t p = 0; p < (*model)->count; p++) {
        struct parameter *parameter = &(*model)->parameters[p];
        const size_t length = strlen(parameter->name);
        if (length < sizeof last || strcmp(parameter->name + length + 1 - sizeof last, last) != 0)
            continue;
        for (int64_t i = 0; i < parameter->count; i++)
            parameter->value[i] = 0.1f;
    }
    return 0;
}

static int write_weights(const char *path, struct error *err)
{
    const struct preprocess caffe = {PREPROCESS_CAFFE, 255};
    struct model *model;
    if (make_model(&caffe, &model, err))
        return -1;
    int result = export_keras(model, path, err);
    model_free(model);
    return result;
}

static int make_network(struct bench *bench, const char *unfrozen, struct model **model,
                        struct network **network, struct error *err)
{
    const struct network_options options = {
        .batch = BATCH, .shard = BATCH, .seed = 1, .dtype = bench->dtype};
    return make_model(&bench->feed.preprocess, model, err) ||
                   model_set_trainable(*model, &unfrozen, unfrozen != NULL, err) ||
                   network_new(*model, bench->device, &options, network, err)
               ? -1
               : 0;
}

/* Seconds of `steps` steps, after some that load and capture. */
static int time_training(struct bench *bench, struct network *network, double *seconds,
                         struct error *err)
{
    struct train_step steps[AT_ONCE];
    struct batch_result results[AT_ONCE];
    size_t done;
    double start = made_now();
    bench->feed.augment = &bench->augment;
    for (int i = 0; i < AT_ONCE; i++)
        steps[i] = (struct train_step){BATCH, 1e-4f};
    for (int64_t step = -AT_ONCE; step < bench->steps; step += AT_ONCE) {
        const int64_t first = (step + AT_ONCE) % (PICTURES / BATCH - AT_ONCE) * BATCH;
        if (step == 0)
            start = made_now();
        if (network_train_steps(network, &bench->feed, bench->samples + first, steps, AT_ONCE, 0,
                                step + AT_ONCE, results, &done, err))
            return -1;
    }
    *seconds = made_now() - start;
    return 0;
}

static int time_evaluation(struct bench *bench, struct network *network, double *seconds,
                           struct error *err)
{
    struct batch_result result;
    bench->feed.augment = NULL;
    for (int run = 0; run < 2; run++) {
        const double start = made_now();
        if (network_infer(network, &bench->feed, bench->samples, PICTURES, NULL, NULL, -1, NULL,
                          &result, err))
            return -1;
        *seconds = made_now() - start;
    }
    return 0;
}

static int measure(struct bench *bench, const char *unfrozen, const char *name, bool evaluates,
                   struct error *err)
{
    struct model *model = NULL;
    struct network *network = NULL;
    double opened = made_now(), seconds, evaluation;
    int status = make_network(bench, unfrozen, &model, &network, err);
    opened = made_now() - opened;
    if (status == 0)
        status = time_training(bench, network, &seconds, err);
    if (status == 0 && evaluates)
        status = time_evaluation(bench, network, &evaluation, err);
    if (status == 0)
        printf(", \"%s\": %.1f, \"%s_made_in_s\": %.3f", name,
               (double)((bench->steps + AT_ONCE - 1) / AT_ONCE * AT_ONCE * BATCH) / seconds, name,
               opened);
    if (status == 0 && evaluates)
        printf(", \"evaluation\": %.1f", PICTURES / evaluation);
    network_free(network);
    model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.augment = {.flip = true, .rotation = 0.1f, .zoom = 0.1f}};
    struct error err = {0};
    if (argc == 3 && strcmp(argv[1], "weights") == 0) {
        if (write_weights(argv[2], &err))
            fprintf(stderr, "gpu_train: %s\n", err.message);
        return err.kind != ERR_NONE;
    }
    bench.dtype = argc > 1 && strcmp(argv[1], "f32") == 0 ? DTYPE_F32 : DTYPE_BF16;
    bench.steps = argc > 2 ? strtol(argv[2], NULL, 10) : 512;
    if (made_feed(&bench.feed, PICTURES, bench.samples, 224, PREPROCESS_CAFFE, &err) ||
        device_open("cuda", 1, &bench.device, &err)) {
        fprintf(stderr, "gpu_train: %s\n", err.message);
        return 1;
    }
    printf("{\"program\": \"reprise\", \"device\": \"%s\", \"precision\": \"%s\"",
           bench.device->description, dtype_name(bench.dtype));
    if (measure(&bench, NULL, "phase1", true, &err) ||
        measure(&bench, "conv5", "phase2", false, &err)) {
        printf("}\n");
        fprintf(stderr, "gpu_train: %s\n", err.message);
        return 1;
    }
    printf("}\n");
    device_close(bench.device);
    return 0;
}
