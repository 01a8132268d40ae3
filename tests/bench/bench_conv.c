/* Speed of the CPU backend: GFLOP/s of each convolution of ResNet50, ResNet-20, MobileNet
 * (alpha 0.25) and EfficientNet-Lite0 with the kernel that was taken, and GB/s of our
 * own loops. One lane; the best of several runs. Usage: bench_conv [images [bf16]] */
#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct conv_shape layers[] = {
    {1, 224, 224, 3, 64, 7, 7, 2, 3, 3, 3, 3, 1},    {1, 56, 56, 64, 64, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1},     {1, 56, 56, 64, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 56, 56, 256, 64, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 56, 56, 256, 512, 1, 1, 2, 0, 0, 0, 0, 1},
    {1, 28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1},   {1, 28, 28, 128, 512, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1},   {1, 14, 14, 256, 1024, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 14, 14, 1024, 256, 1, 1, 1, 0, 0, 0, 0, 1},  {1, 7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 7, 7, 512, 2048, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 7, 7, 2048, 512, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 32, 32, 3, 16, 3, 3, 1, 1, 1, 1, 1, 1},      {1, 32, 32, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 32, 32, 16, 32, 3, 3, 2, 0, 1, 0, 1, 1},     {1, 16, 16, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 8, 8, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1},       {1, 224, 224, 3, 8, 3, 3, 2, 0, 1, 0, 1, 1},
    {1, 112, 112, 8, 8, 3, 3, 1, 1, 1, 1, 1, 8},     {1, 112, 112, 8, 16, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 56, 56, 32, 32, 3, 3, 1, 1, 1, 1, 1, 32},    {1, 28, 28, 64, 64, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 14, 14, 128, 128, 3, 3, 1, 1, 1, 1, 1, 128}, {1, 7, 7, 256, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 1, 1, 2048, 256, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 112, 112, 16, 96, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 56, 56, 144, 24, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 28, 28, 40, 240, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 28, 28, 240, 40, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 14, 14, 80, 480, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 14, 14, 480, 80, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 14, 14, 672, 112, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 7, 7, 192, 1152, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 7, 7, 1152, 192, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 7, 7, 320, 1280, 1, 1, 1, 0, 0, 0, 0, 1},
};

struct bench {
    struct cpu *cpu;
    struct conv *conv;
    struct conv_shape shape;
    bool residual;
    enum dtype dtype;
    float *x, *y, *other, *kernel, *packed; /* each large enough for all layers */
    double seconds[4];                      /* forward, backward data, backward weights, pack */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The best time of a statement, over at least three runs and a twentieth of a second. */
#define BEST(seconds, statement)                                                                   \
    do {                                                                                           \
        double begin = now();                                                                      \
        (seconds) = 1e9;                                                                           \
        for (int run = 0; run < 3 || (run < 50 && now() - begin < 0.05); run++) {                  \
            double start = now();                                                                  \
            statement;                                                                             \
            double took = now() - start;                                                           \
            if (took < (seconds))                                                                  \
                (seconds) = took;                                                                  \
        }                                                                                          \
    } while (0)

static int time_conv(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct bench *b = arg;
    int status = (int)shard;
    BEST(b->seconds[3],
         status |= conv_pack(lane, b->conv, CONV_FORWARD, b->kernel, NULL, b->packed, err));
    BEST(b->seconds[0], status |= conv_forward(lane, b->conv, b->x, b->packed, NULL,
                                               b->residual ? b->other : NULL, b->y, err));
    status |= conv_pack(lane, b->conv, CONV_BACKWARD_DATA, b->kernel, NULL, b->packed, err);
    BEST(b->seconds[1], status |= conv_backward_data(lane, b->conv, b->y, b->packed, b->x, err));
    BEST(b->seconds[2],
         status |= conv_backward_weights(lane, b->conv, b->x, b->y, b->packed, NULL, err));
    return status;
}

static const char *kernel_of(const struct bench *b, enum conv_pass pass)
{
    const char *products, *own = conv_own(b->conv, pass, &products);
    return own != NULL ? own : conv_implementation(b->conv, pass);
}

static int bench_layer(struct bench *b, struct error *err)
{
    const struct conv_shape *s = &b->shape;
    struct conv_options options = {.passes =
                                       CONV_FORWARD | CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS,
                                   .residual = b->residual,
                                   .activation = ACTIVATION_RELU,
                                   .dtype = b->dtype,
                                   .y = b->dtype};
    if (conv_new(b->cpu, s, &options, &b->conv, err) != 0)
        return -1;
    double work = 2e-9 * (double)(s->n * conv_out_height(s) * conv_out_width(s) * s->k * s->r *
                                  s->s * (s->c / s->groups));
    int status = cpu_parallel(b->cpu, 1, time_conv, b, err);
    printf("%3lldx%-3lld %4lld -> %-4lld %lldx%lld/%lld%s: %6.1f %6.1f %6.1f GFLOP/s  %s, %s, %s\n",
           (long long)s->h, (long long)s->w, (long long)s->c, (long long)s->k, (long long)s->r,
           (long long)s->s, (long long)s->stride, b->residual ? " +" : "  ", work / b->seconds[0],
           work / b->seconds[1], work / b->seconds[2], kernel_of(b, CONV_FORWARD),
           kernel_of(b, CONV_BACKWARD_DATA), kernel_of(b, CONV_BACKWARD_WEIGHTS));
    conv_free(b->conv);
    return status;
}

/* Our own loops on [rows,c], 16 MB and 256 kB; bytes are those read and written once. */
static int time_loops(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct bench *b = arg;
    int64_t rows = shard == 0 ? 65536 : 1024, c = 64;
    double t[6], d1[64], d2[64], gb = (double)(rows * c) * 1e-9 * (double)dtype_size(b->dtype);
    struct pool_shape pool = {
        1, shard == 0 ? 256 : 32, shard == 0 ? 256 : 32, c, 3, 2, 1, 1, 1, 1, true};
    BEST(t[0], norm_statistics(lane, b->dtype, rows, c, b->x, d1, d2, err));
    BEST(t[1], norm_apply(lane, b->dtype, rows, c, b->x, b->kernel, b->kernel, b->other,
                          ACTIVATION_RELU, b->y, err));
    BEST(t[2], norm_backward_sums(lane, b->dtype, rows, c, b->x, b->y, b->kernel, b->kernel, d1, d2,
                                  err));
    BEST(t[3], norm_backward_data(lane, b->dtype, rows, c, b->x, b->y, b->kernel, b->kernel,
                                  b->kernel, b->y, err));
    BEST(t[4], max_pool_forward(lane, b->dtype, &pool, b->x, b->y, err));
    BEST(t[5], adam_apply(lane, rows * c / 4, (struct adam_step){1e-3f}, b->x, b->y, b->other,
                          b->other + rows * c, err));
    printf("%5lld rows: statistics %.1f, apply %.1f, backward sums %.1f, backward data %.1f, "
           "max pool %.1f, adam %.1f GB/s\n",
           (long long)rows, gb / t[0], 3 * gb / t[1], 2 * gb / t[2], 3 * gb / t[3],
           1.25 * gb / t[4], 7e-9 * (double)(rows * c) / t[5]);
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct bench b = {.dtype = argc > 2 ? DTYPE_BF16 : DTYPE_F32};
    int64_t images = argc > 1 ? strtoll(argv[1], NULL, 10) : 8;
    size_t floats = (size_t)(images < 4 ? 4 : images) * 112 * 112 * 256;
    if (cpu_open(1, &b.cpu, &err) != 0)
        return fprintf(stderr, "%s\n", err.message), 1;
    float **all[] = {&b.x, &b.y, &b.other, &b.kernel, &b.packed};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        *all[i] = memory_new_aligned(floats, sizeof(float), &err);
        for (size_t j = 0; *all[i] != NULL && j < floats; j++)
            if (b.dtype == DTYPE_F32 || all[i] == &b.kernel)
                (*all[i])[j] = (float)(j % 13) * 0.01f;
            else
                ((uint16_t *)*all[i])[j] = bf16_from_f32((float)(j % 13) * 0.01f);
    }
    char isa[ONEDNN_ISA_SIZE];
    onednn_isa(isa);
    printf("%s; forward, backward data, backward weights; %lld images\n", isa, (long long)images);
    int status = b.packed == NULL ? -1 : 0;
    for (size_t i = 0; status == 0 && i < sizeof(layers) / sizeof(layers[0]); i++) {
        b.shape = layers[i];
        b.shape.n = images;
        b.residual = b.shape.r == 1 && b.shape.k == 4 * b.shape.c;
        status = bench_layer(&b, &err);
    }
    if (status == 0)
        status = cpu_parallel(b.cpu, 2, time_loops, &b, &err);
    if (status != 0)
        fprintf(stderr, "%s\n", err.message);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(*all[i]);
    cpu_close(b.cpu);
    return status == 0 ? 0 : 1;
}
