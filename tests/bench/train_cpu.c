/* Images a second in training and evaluation on a CPU, by what the stages call: pictures of 32 x 32
 * resized and preprocessed on the way. tests/bench/train_cpu.py does the same work in PyTorch,
 * tests/bench/train.sh has both take turns.
 *
 *     train_cpu NETWORK WORK f32|bf16 [THREADS]
 *
 * NETWORK is resnet50, mobilenet (alpha 0.25), efficientnet_lite0 or resnet20; WORK is head (steps
 * on a frozen base), top (an epoch with the last layers unfrozen: training and validation), all
 * (steps of every layer on the statistics of the batch) or evaluate. Prints `ready` and the GFLOP
 * of an image's way through the convolutions, then for each line of its input the images a second
 * of one more round.
 *
 *     train_cpu peak product f32|bf16 [THREADS]
 *
 * The same, with GFLOP/s of one large product of matrices in each thread: what the machine has.
 */
#include "base/memory.h"
#include "bench/made_feed.h"
#include "nn/cpu/cpu.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 2048 };

static const struct subject {
    const char *name;
    double alpha;
    int64_t image_size, hidden;
    enum preprocess_mode preprocess;
    const char *top[5]; /* layers of the base that phase 2 unfreezes */
    int64_t batch, steps;
    int64_t train, validate; /* images of the epoch */
} subjects[] = {
    {"resnet50", 1, 224, 256, PREPROCESS_CAFFE, {"conv5"}, 32, 4, 320, 80},
    {"mobilenet",
     0.25,
     224,
     0,
     PREPROCESS_TF,
     {"conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"},
     32,
     50,
     1600,
     400},
    {"efficientnet_lite0", 1, 224, 0, PREPROCESS_LITE, {"block7", "top"}, 32, 12, 800, 200},
    {"resnet20", 1, 32, 0, PREPROCESS_TF, {""}, 128, 12, 1536, 512},
};

struct bench {
    const struct subject *subject;
    const char *work;
    struct device *device;
    struct feed feed;
    int64_t samples[PICTURES];
    struct model *model;
    struct network *network;
    int64_t step;
};

static int make_network(struct bench *bench, enum dtype dtype, struct error *err)
{
    const struct subject *s = bench->subject;
    struct architecture architecture = {.alpha = s->alpha,
                                        .image_size = s->image_size,
                                        .classes = MADE_CLASSES,
                                        .hidden = s->hidden};
    const bool all = strcmp(bench->work, "all") == 0, top = strcmp(bench->work, "top") == 0;
    static const char *const everything[] = {""};
    size_t count = 0;
    snprintf(architecture.name, sizeof(architecture.name), "%s", s->name);
    while (top && count < sizeof(s->top) / sizeof(s->top[0]) && s->top[count])
        count++;
    const struct network_options options = {.batch =
                                                strcmp(bench->work, "evaluate") == 0 ? 0 : s->batch,
                                            .shard = bench->device->shard,
                                            .norm = all ? NORM_BATCH : NORM_INFERENCE,
                                            .seed = 1,
                                            .dtype = dtype};
    if (model_new(&architecture, &bench->feed.preprocess, 1, &bench->model, err) ||
        model_set_trainable(bench->model, all ? everything : s->top, all ? 1 : count, err) ||
        network_new(bench->model, bench->device, &options, &bench->network, err))
        return -1;
    return 0;
}

static int train(struct bench *bench, int64_t images, struct error *err)
{
    struct batch_result result;
    const int64_t batch = bench->subject->batch;
    for (int64_t i = 0; i < images; i += batch, bench->step++)
        if (network_train(bench->network, &bench->feed, bench->samples + i % (PICTURES - batch),
                          batch, 0, bench->step, 1e-4f, &result, err))
            return -1;
    return 0;
}

static int evaluate(struct bench *bench, int64_t images, struct error *err)
{
    struct batch_result result;
    return network_infer(bench->network, &bench->feed, bench->samples, images, NULL, NULL, -1, NULL,
                         &result, err);
}

/* *images: of the round. */
static int run_round(struct bench *bench, int64_t *images, struct error *err)
{
    const struct subject *s = bench->subject;
    *images = s->batch * s->steps;
    if (strcmp(bench->work, "evaluate") == 0)
        return evaluate(bench, *images, err);
    if (strcmp(bench->work, "top") != 0)
        return train(bench, *images, err);
    *images = s->train + s->validate;
    return train(bench, s->train, err) || evaluate(bench, s->validate, err) ? -1 : 0;
}

static double gflop_of_image(const struct graph *graph)
{
    double sum = 0;
    for (size_t i = 0; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->kind != NODE_CONV && node->kind != NODE_DENSE)
            continue;
        const struct node *input = &graph->nodes[node->input];
        sum += 2e-9 * (double)(node->height * node->width * node->channels * node->kernel *
                               node->kernel * (input->channels / node->groups));
    }
    return sum;
}

static int run(struct bench *bench, enum dtype dtype, int threads, struct error *err)
{
    char line[64];
    int64_t images;
    if (made_feed(&bench->feed, PICTURES, bench->samples, bench->subject->image_size,
                  bench->subject->preprocess, err) ||
        device_open("cpu", threads, &bench->device, err) || make_network(bench, dtype, err) ||
        run_round(bench, &images, err))
        return -1;
    printf("ready %.3f\n", gflop_of_image(&bench->model->graph));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        const double start = made_now();
        if (run_round(bench, &images, err))
            return -1;
        printf("%.1f\n", (double)images / (made_now() - start));
        fflush(stdout);
    }
    network_free(bench->network);
    model_free(bench->model);
    device_close(bench->device);
    return 0;
}

/* ---- the machine's peak ---- */

/* A product [PRODUCT,PRODUCT] x [PRODUCT,PRODUCT] in each lane, as a convolution of 1 x 1. */
enum { PRODUCT = 1024, PRODUCTS = 40 };

struct peak {
    struct conv *conv;
    void *x, *y, *packed;
};

static int multiply(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct peak *peak = arg;
    const size_t bytes = (size_t)PRODUCT * PRODUCT * sizeof(float);
    void *y = (char *)peak->y + (size_t)lane->index * bytes;
    (void)shard;
    for (int i = 0; i < PRODUCTS; i++)
        if (conv_forward(lane, peak->conv, peak->x, peak->packed, NULL, NULL, y, err))
            return -1;
    return 0;
}

static int pack_product(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct peak *peak = arg;
    (void)shard;
    return conv_pack(lane, peak->conv, CONV_FORWARD, peak->x, NULL, peak->packed, err);
}

static int measure_peak(enum dtype dtype, int threads, struct error *err)
{
    const struct conv_shape shape = {.n = 1,
                                     .h = 32,
                                     .w = PRODUCT / 32,
                                     .c = PRODUCT,
                                     .k = PRODUCT,
                                     .r = 1,
                                     .s = 1,
                                     .stride = 1,
                                     .groups = 1};
    const struct conv_options options = {.passes = CONV_FORWARD, .dtype = dtype, .y = dtype};
    struct peak peak = {0};
    struct cpu *cpu;
    char line[64];
    if (cpu_open(threads, &cpu, err) || conv_new(cpu, &shape, &options, &peak.conv, err))
        return -1;
    const size_t lanes = (size_t)cpu_lanes(cpu), bytes = (size_t)PRODUCT * PRODUCT * sizeof(float);
    peak.x = memory_new_aligned(bytes, 1, err);
    peak.y = memory_new_aligned(bytes, lanes, err);
    peak.packed = memory_new_aligned(conv_packed_size(peak.conv, CONV_FORWARD), 1, err);
    if (!peak.x || !peak.y || !peak.packed || cpu_parallel(cpu, 1, pack_product, &peak, err))
        return -1;
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        const double start = made_now();
        if (cpu_parallel(cpu, lanes, multiply, &peak, err))
            return -1;
        printf("%.1f\n", 2e-9 * PRODUCT * PRODUCT * PRODUCT * PRODUCTS * (double)lanes /
                             (made_now() - start));
        fflush(stdout);
    }
    conv_free(peak.conv);
    cpu_close(cpu);
    free(peak.x);
    free(peak.y);
    free(peak.packed);
    return 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

int main(int argc, char **argv)
{
    static const char *const works[] = {"head", "top", "all", "evaluate", "product", NULL},
                             *const precisions[] = {"f32", "bf16", NULL};
    static struct bench bench;
    struct error err = {0};
    for (size_t i = 0; argc > 3 && i < sizeof(subjects) / sizeof(subjects[0]); i++)
        if (strcmp(subjects[i].name, argv[1]) == 0)
            bench.subject = &subjects[i];
    if (argc == 2 && strcmp(argv[1], "about") == 0) {
        if (device_open("cpu", 0, &bench.device, &err))
            return 1;
        printf("%s\n", bench.device->description);
        device_close(bench.device);
        return 0;
    }
    const bool peak = argc > 3 && strcmp(argv[1], "peak") == 0;
    if ((!bench.subject && !peak) || !is_one_of(argv[2], works) ||
        !is_one_of(argv[3], precisions)) {
        fprintf(stderr, "usage: train_cpu resnet50|mobilenet|efficientnet_lite0|resnet20 "
                        "head|top|all|evaluate f32|bf16 [THREADS]\n");
        return 2;
    }
    bench.work = argv[2];
    const enum dtype dtype = strcmp(argv[3], "f32") == 0 ? DTYPE_F32 : DTYPE_BF16;
    const int threads = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 0;
    if (peak ? measure_peak(dtype, threads, &err) : run(&bench, dtype, threads, &err)) {
        fprintf(stderr, "train_cpu: %s\n", err.message);
        return 1;
    }
    return 0;
}
