#include "naive.h"

#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* n, h, w, c, k, r, s, stride, pads, groups */
static const struct conv_shape shapes[] = {
    {2, 5, 6, 3, 8, 3, 3, 1, 1, 1, 1, 1, 1},    /* three channels */
    {1, 20, 20, 3, 16, 7, 7, 2, 3, 3, 3, 3, 1}, /* conv1 of ResNet50 */
    {2, 9, 8, 16, 32, 3, 3, 2, 0, 1, 0, 1, 1},  /* Keras' "same" with stride 2 */
    {2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1},  /* ResNet-20 */
    {3, 7, 6, 32, 16, 1, 1, 1, 0, 0, 0, 0, 1},  /* 1x1 */
    {3, 7, 7, 16, 48, 1, 1, 2, 0, 0, 0, 0, 1},  /* 1x1, stride 2, odd size */
    {2, 9, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 16}, /* depthwise */
    {2, 8, 8, 8, 8, 3, 3, 2, 0, 1, 0, 1, 8},    /* depthwise, stride 2 */
    {1, 6, 6, 24, 24, 3, 3, 1, 1, 1, 1, 1, 24}, /* depthwise, half a vector left over */
    {3, 7, 9, 32, 32, 5, 5, 1, 2, 2, 2, 2, 32}, /* depthwise, 5x5 */
    {2, 8, 8, 16, 16, 5, 5, 2, 1, 2, 1, 2, 16}, /* depthwise, 5x5, stride 2 */
    {2, 4, 2, 16, 16, 5, 5, 1, 2, 2, 2, 2, 16}, /* depthwise, wider than the picture */
    {2, 9, 7, 16, 16, 3, 3, 2, 0, 1, 0, 1, 16}, /* depthwise, stride 2, odd size */
    {1, 3, 5, 16, 16, 2, 3, 1, 0, 1, 2, 0, 16}, /* depthwise, nothing symmetrical */
    {2, 6, 6, 16, 16, 4, 4, 1, 1, 2, 1, 2, 16}, /* depthwise, 4x4 */
    {4, 1, 1, 64, 10, 1, 1, 1, 0, 0, 0, 0, 1},  /* dense */
    {2, 5, 5, 6, 10, 3, 3, 1, 1, 1, 1, 1, 1},   /* odd numbers of channels */
    {2, 5, 5, 8, 12, 3, 3, 1, 1, 1, 1, 1, 2},   /* two groups */
    {1, 4, 9, 5, 7, 3, 2, 1, 0, 2, 1, 0, 1},    /* nothing symmetrical */
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* A convolution with all its operands; the shards of a parallel call share the inputs and have an
 * output each. */
struct bench {
    struct cpu *cpu;
    struct conv *conv;
    struct conv_shape shape;
    struct conv_options options;
    size_t shards;
    float *x, *kernel, *scale, *bias, *residual, *dy; /* scale NULL: none */
    void *packed, *packed_backward;
    float *y, *dx, *dbias, *dkernel; /* [shards] of each */
    char *dw;
};

static int bench_pack(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct bench *b = arg;
    if (shard == 0)
        return conv_pack(lane, b->conv, CONV_FORWARD, b->kernel, b->scale, b->packed, err);
    return conv_pack(lane, b->conv, CONV_BACKWARD_DATA, b->kernel, NULL, b->packed_backward, err);
}

static int bench_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct bench *b = arg;
    int64_t i = (int64_t)shard;
    void *dw = b->dw + shard * conv_packed_size(b->conv, CONV_BACKWARD_WEIGHTS);
    if (conv_forward(lane, b->conv, b->x, b->packed, b->bias, b->residual,
                     b->y + i * naive_count_y(&b->shape), err) != 0 ||
        conv_backward_data(lane, b->conv, b->dy, b->packed_backward,
                           b->dx + i * naive_count_x(&b->shape), err) != 0 ||
        conv_backward_weights(lane, b->conv, b->x, b->dy, dw, b->dbias + i * b->shape.k, err) != 0)
        return -1;
    return conv_unpack_gradient(lane, b->conv, dw, b->dkernel + i * naive_count_w(&b->shape), err);
}

static void bench_init(struct bench *b, int lanes, const struct conv_shape *shape,
                       const struct conv_options *options, bool scaled, size_t shards)
{
    struct error err = {0};
    int64_t n = (int64_t)shards;
    *b = (struct bench){.shape = *shape, .options = *options, .shards = shards};
    b->options.passes = CONV_FORWARD | CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS;
    b->x = naive_filled(naive_count_x(shape), 1);
    b->kernel = naive_filled(naive_count_w(shape), 2);
    b->scale = scaled ? naive_filled(shape->k, 3) : NULL;
    b->bias = options->bias ? naive_filled(shape->k, 4) : NULL;
    b->residual = options->residual ? naive_filled(naive_count_y(shape), 5) : NULL;
    b->dy = naive_filled(naive_count_y(shape), 6);
    if (cpu_open(lanes, &b->cpu, &err) != 0 ||
        conv_new(b->cpu, shape, &b->options, &b->conv, &err) != 0)
        fail_msg("%s", err.message);
    b->packed = naive_new((int64_t)conv_packed_size(b->conv, CONV_FORWARD), 1);
    b->packed_backward = naive_new((int64_t)conv_packed_size(b->conv, CONV_BACKWARD_DATA), 1);
    b->dw = naive_new(n * (int64_t)conv_packed_size(b->conv, CONV_BACKWARD_WEIGHTS), 1);
    b->y = naive_new(n * naive_count_y(shape), sizeof(float));
    b->dx = naive_new(n * naive_count_x(shape), sizeof(float));
    b->dbias = naive_new(n * shape->k, sizeof(float));
    b->dkernel = naive_new(n * naive_count_w(shape), sizeof(float));
    if (cpu_parallel(b->cpu, 2, bench_pack, b, &err) != 0)
        fail_msg("%s", err.message);
}

static void bench_run(struct bench *b)
{
    struct error err = {0};
    if (cpu_parallel(b->cpu, b->shards, bench_shard, b, &err) != 0)
        fail_msg("%s", err.message);
}

static void bench_release(struct bench *b)
{
    conv_free(b->conv);
    cpu_close(b->cpu);
    void *all[] = {b->x,  b->kernel, b->scale,           b->bias, b->residual,
                   b->dy, b->packed, b->packed_backward, b->dw,   b->y,
                   b->dx, b->dbias,  b->dkernel};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static void check_forward(const struct bench *b)
{
    const struct conv_shape *s = &b->shape;
    double *x = naive_widen(b->x, naive_count_x(s)),
           *kernel = naive_widen(b->kernel, naive_count_w(s));
    double *bias = b->bias ? naive_widen(b->bias, s->k) : NULL;
    double *residual = b->residual ? naive_widen(b->residual, naive_count_y(s)) : NULL;
    double *y = naive_new(naive_count_y(s), sizeof(*y));
    for (int64_t i = 0; b->scale != NULL && i < naive_count_w(s); i++)
        kernel[i] *= (double)b->scale[i % s->k];
    naive_conv_forward(s, x, kernel, bias, residual, b->options.activation, y);
    assert_true(naive_distance(b->y, y, naive_count_y(s)) < 1e-5);
    free(x), free(kernel), free(bias), free(residual), free(y);
}

static void check_backward(const struct bench *b)
{
    const struct conv_shape *s = &b->shape;
    double *x = naive_widen(b->x, naive_count_x(s)), *dy = naive_widen(b->dy, naive_count_y(s));
    double *kernel = naive_widen(b->kernel, naive_count_w(s));
    double *dx = naive_new(naive_count_x(s), sizeof(*dx));
    double *dkernel = naive_new(naive_count_w(s), sizeof(*dkernel));
    double *dbias = naive_new(s->k, sizeof(*dbias));
    naive_conv_backward_data(s, dy, kernel, dx);
    naive_conv_backward_weights(s, x, dy, dkernel, dbias);
    assert_true(naive_distance(b->dx, dx, naive_count_x(s)) < 1e-5);
    assert_true(naive_distance(b->dkernel, dkernel, naive_count_w(s)) < 1e-5);
    if (b->options.bias)
        assert_true(naive_distance(b->dbias, dbias, s->k) < 1e-5);
    free(x), free(dy), free(kernel), free(dx), free(dkernel), free(dbias);
}

static void conv_equals_reference(void **state)
{
    (void)state;
    static const enum activation activations[] = {ACTIVATION_NONE, ACTIVATION_RELU,
                                                  ACTIVATION_RELU6};
    for (size_t i = 0; i < SHAPES; i++)
        for (int j = 0; j < 4; j++) {
            struct bench b;
            struct conv_options options = {
                .bias = j != 0, .residual = j >= 2, .activation = activations[(i + (size_t)j) % 3]};
            bench_init(&b, 1, &shapes[i], &options, j == 3, 1);
            bench_run(&b);
            check_forward(&b);
            check_backward(&b);
            bench_release(&b);
        }
}

struct quotient {
    const struct conv_shape *shape;
    double *x, *kernel;
};

static void of_x(void *arg, const double *x, double *y)
{
    struct quotient *q = arg;
    naive_conv_forward(q->shape, x, q->kernel, NULL, NULL, ACTIVATION_NONE, y);
}

static void of_kernel(void *arg, const double *kernel, double *y)
{
    struct quotient *q = arg;
    naive_conv_forward(q->shape, q->x, kernel, NULL, NULL, ACTIVATION_NONE, y);
}

static void reference_gradients_equal_difference_quotients(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct conv_shape *s = &shapes[i];
        float *fx = naive_filled(naive_count_x(s), 1), *fw = naive_filled(naive_count_w(s), 2),
              *fy = naive_filled(naive_count_y(s), 3);
        struct quotient q = {s, naive_widen(fx, naive_count_x(s)),
                             naive_widen(fw, naive_count_w(s))};
        double *dy = naive_widen(fy, naive_count_y(s)),
               *y = naive_new(naive_count_y(s), sizeof(*y));
        double *dx = naive_new(naive_count_x(s), sizeof(*dx)),
               *dw = naive_new(naive_count_w(s), sizeof(*dw));
        double *dbias = naive_new(s->k, sizeof(*dbias));
        naive_conv_backward_data(s, dy, q.kernel, dx);
        naive_conv_backward_weights(s, q.x, dy, dw, dbias);
        for (int64_t j = 0; j < 10; j++) {
            int64_t at = j * 7919 % naive_count_x(s), weight = j * 7919 % naive_count_w(s);
            assert_float_equal(
                naive_difference_quotient(of_x, &q, q.x, at, y, naive_count_y(s), dy), dx[at],
                1e-6);
            assert_float_equal(
                naive_difference_quotient(of_kernel, &q, q.kernel, weight, y, naive_count_y(s), dy),
                dw[weight], 1e-6);
        }
        free(fx), free(fw), free(fy), free(q.x), free(q.kernel), free(dy), free(y);
        free(dx), free(dw), free(dbias);
    }
}

static void assert_shards_equal(const struct bench *b, const struct bench *reference)
{
    for (int64_t i = 0; i < (int64_t)b->shards; i++) {
        assert_memory_equal(b->y + i * naive_count_y(&b->shape), reference->y,
                            (size_t)naive_count_y(&b->shape) * sizeof(float));
        assert_memory_equal(b->dx + i * naive_count_x(&b->shape), reference->dx,
                            (size_t)naive_count_x(&b->shape) * sizeof(float));
        assert_memory_equal(b->dkernel + i * naive_count_w(&b->shape), reference->dkernel,
                            (size_t)naive_count_w(&b->shape) * sizeof(float));
        assert_memory_equal(b->dbias + i * b->shape.k, reference->dbias,
                            (size_t)b->shape.k * sizeof(float));
    }
}

static void conv_bits_do_not_depend_on_lanes_or_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct bench one, many;
        struct conv_options options = {.bias = true, .residual = true};
        bench_init(&one, 1, &shapes[i], &options, false, 1);
        bench_init(&many, 3, &shapes[i], &options, false, 7);
        bench_run(&one);
        for (int run = 0; run < 2; run++) {
            bench_run(&many);
            assert_shards_equal(&many, &one);
        }
        bench_release(&one);
        bench_release(&many);
    }
}

/* Layers as they are, where blocking could depend on the number of images. */
static const struct conv_shape layers[] = {
    {1, 224, 224, 3, 64, 7, 7, 2, 3, 3, 3, 3, 1},  {1, 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 56, 56, 64, 256, 1, 1, 1, 0, 0, 0, 0, 1},  {1, 28, 28, 512, 128, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 56, 56, 256, 512, 1, 1, 2, 0, 0, 0, 0, 1}, {1, 14, 14, 1024, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1},   {1, 7, 7, 2048, 512, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 32, 32, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1},   {1, 16, 16, 32, 64, 3, 3, 2, 0, 1, 0, 1, 1},
    {1, 112, 112, 8, 16, 1, 1, 1, 0, 0, 0, 0, 1},  {1, 56, 56, 32, 32, 3, 3, 1, 1, 1, 1, 1, 32},
    {1, 7, 7, 256, 256, 1, 1, 1, 0, 0, 0, 0, 1},   {1, 1, 1, 2048, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 1, 1, 256, 10, 1, 1, 1, 0, 0, 0, 0, 1},    {1, 28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1},
};

struct forward {
    struct cpu *cpu;
    struct conv *conv;
    const float *x, *kernel, *residual;
    float *y;
};

static int forward_work(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct forward *f = arg;
    (void)shard;
    void *packed = naive_new((int64_t)conv_packed_size(f->conv, CONV_FORWARD), 1);
    int status = conv_pack(lane, f->conv, CONV_FORWARD, f->kernel, NULL, packed, err);
    if (status == 0)
        status = conv_forward(lane, f->conv, f->x, packed, NULL, f->residual, f->y, err);
    free(packed);
    return status;
}

/* y of images [first, first + n) in one convolution over n. */
static void forward_images(struct cpu *cpu, struct conv_shape shape, int64_t first, int64_t n,
                           const float *x, const float *kernel, const float *residual, float *y)
{
    struct error err = {0};
    int64_t in = naive_count_x(&shape), out = naive_count_y(&shape);
    struct conv_options options = {
        .passes = CONV_FORWARD, .residual = residual != NULL, .activation = ACTIVATION_RELU};
    struct forward f = {.cpu = cpu,
                        .x = x + first * in,
                        .kernel = kernel,
                        .residual = residual ? residual + first * out : NULL,
                        .y = y + first * out};
    shape.n = n;
    if (conv_new(cpu, &shape, &options, &f.conv, &err) != 0 ||
        cpu_parallel(cpu, 1, forward_work, &f, &err) != 0)
        fail_msg("%s", err.message);
    conv_free(f.conv);
}

static void conv_forward_bits_do_not_depend_on_the_shard(void **state)
{
    (void)state;
    enum { IMAGES = 9 };
    static const int64_t cuts[][4] = {{9}, {1, 8}, {2, 3, 4}};
    struct error err = {0};
    struct cpu *cpu;
    assert_int_equal(cpu_open(1, &cpu, &err), 0);
    for (size_t i = 0; i < 2 * sizeof(layers) / sizeof(layers[0]); i++) {
        const struct conv_shape *s = &layers[i / 2];
        int64_t out = IMAGES * naive_count_y(s);
        float *x = naive_filled(IMAGES * naive_count_x(s), 1),
              *kernel = naive_filled(naive_count_w(s), 2);
        /* A dense layer has no residual. */
        float *residual = i % 2 == 0 || s->h == 1 ? NULL : naive_filled(out, 3);
        float *y[3];
        for (int cut = 0; cut < 3; cut++) {
            y[cut] = naive_new(out, sizeof(float));
            for (int64_t part = 0, at = 0; at < IMAGES; at += cuts[cut][part++])
                forward_images(cpu, *s, at, cuts[cut][part], x, kernel, residual, y[cut]);
        }
        assert_memory_equal(y[0], y[1], (size_t)out * sizeof(float));
        assert_memory_equal(y[0], y[2], (size_t)out * sizeof(float));
        free(x), free(kernel), free(residual), free(y[0]), free(y[1]), free(y[2]);
    }
    cpu_close(cpu);
}

/* With REPRISE_LIST set, prints what oneDNN took for each layer. */
static void conv_of_every_layer_has_a_fast_kernel(void **state)
{
    (void)state;
    struct error err = {0};
    struct cpu *cpu;
    assert_int_equal(cpu_open(1, &cpu, &err), 0);
    for (size_t i = 0; i < 2 * sizeof(layers) / sizeof(layers[0]); i++) {
        struct conv_shape shape = layers[i / 2];
        struct conv_options options = {.passes = CONV_FORWARD | CONV_BACKWARD_DATA |
                                                 CONV_BACKWARD_WEIGHTS,
                                       .bias = true,
                                       .residual = i % 2 == 1,
                                       .activation = ACTIVATION_RELU};
        struct conv *conv;
        shape.n = 4;
        if (conv_new(cpu, &shape, &options, &conv, &err) != 0)
            fail_msg("%s", err.message);
        const char *names[] = {conv_implementation(conv, CONV_FORWARD),
                               conv_implementation(conv, CONV_BACKWARD_DATA),
                               conv_implementation(conv, CONV_BACKWARD_WEIGHTS)};
        if (getenv("REPRISE_LIST") != NULL)
            fprintf(stderr, "%3lldx%-4lld %4lld -> %-4lld %lldx%lld%s: %s, %s, %s\n",
                    (long long)shape.h, (long long)shape.w, (long long)shape.c, (long long)shape.k,
                    (long long)shape.r, (long long)shape.s, options.residual ? " residual" : "",
                    names[0], names[1], names[2]);
        for (int j = 0; j < 3; j++) {
            assert_null(strstr(names[j], "ref"));
            assert_non_null(strstr(names[j], ":"));
        }
        conv_free(conv);
    }
    cpu_close(cpu);
}

/* Returns how many allocations it has. */
static unsigned fail_each_allocation(struct cpu *cpu, const struct conv_shape *shape, bool bias)
{
    struct error err = {0};
    const struct conv_options options = {
        .passes = CONV_FORWARD | CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS, .bias = bias};
    for (unsigned after = 1;; after++) {
        struct conv *conv = NULL;
        memory_fail_after(after);
        int status = conv_new(cpu, shape, &options, &conv, &err);
        if (memory_fail_after(0) == 0) {
            assert_int_equal(status, 0);
            conv_free(conv);
            return after - 1;
        }
        assert_int_equal(status, -1);
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(conv);
    }
}

static void conv_new_survives_failed_allocations(void **state)
{
    (void)state;
    static const struct conv_shape by_winograd = {1, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1};
    struct error err = {0};
    struct cpu *cpu;
    assert_int_equal(cpu_open(1, &cpu, &err), 0);
    /* The convolution and six primitives, by Winograd three convolutions and five more. */
    const unsigned direct = fail_each_allocation(cpu, &shapes[0], true);
    assert_true(direct >= 7);
    assert_true(fail_each_allocation(cpu, &by_winograd, false) >= direct + 8);
    cpu_close(cpu);
}

static void conv_error_names_the_shape(void **state)
{
    (void)state;
    struct error err = {0};
    struct cpu *cpu;
    struct conv *conv = NULL;
    struct conv_shape wrong = shapes[0];
    wrong.c = -3;
    assert_int_equal(cpu_open(1, &cpu, &err), 0);
    assert_int_equal(
        conv_new(cpu, &wrong, &(struct conv_options){.passes = CONV_FORWARD}, &conv, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_non_null(strstr(err.message, "5x6x-3"));
    assert_null(conv);
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_gradients_equal_difference_quotients),
        cmocka_unit_test(conv_equals_reference),
        cmocka_unit_test(conv_bits_do_not_depend_on_lanes_or_run),
        cmocka_unit_test(conv_forward_bits_do_not_depend_on_the_shard),
        cmocka_unit_test(conv_of_every_layer_has_a_fast_kernel),
        cmocka_unit_test(conv_new_survives_failed_allocations),
        cmocka_unit_test(conv_error_names_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
