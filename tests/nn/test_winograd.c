/* Convolution by Winograd: near the reference, and nothing taken that it would spoil. */
#include "naive.h"

#include "nn/cpu/winograd_cpu.h"
#include "on_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* n, h, w, c, k, r, s, stride, pads, groups */
static const struct conv_shape shapes[] = {
    {1, 16, 16, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1},  /* whole tiles */
    {2, 14, 14, 64, 48, 3, 3, 1, 1, 1, 1, 1, 1},  /* half a tile left over */
    {3, 13, 19, 32, 64, 3, 3, 1, 1, 1, 1, 1, 1},  /* a place and three left over */
    {1, 36, 35, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1},  /* two blocks, one not full */
    {1, 1, 64, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1},   /* a row */
    {1, 28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1} /* ResNet50 */
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

struct operands {
    struct conv_shape shape;
    float *x, *kernel, *scale, *bias, *residual, *dy;
};

static void operands_init(struct operands *o, const struct conv_shape *shape)
{
    *o = (struct operands){*shape,
                           naive_filled(naive_count_x(shape), 1),
                           naive_filled(naive_count_w(shape), 2),
                           naive_filled(shape->k, 3),
                           naive_filled(shape->k, 4),
                           naive_filled(naive_count_y(shape), 5),
                           naive_filled(naive_count_y(shape), 6)};
}

static void operands_release(struct operands *o)
{
    free(o->x), free(o->kernel), free(o->scale), free(o->bias), free(o->residual), free(o->dy);
}

/* A pass of the operands' convolution: y, dx (with x in dy's place) or dw; `*taken` as winograd_run
 * has it. */
static float *computed(const struct operands *o, enum conv_pass pass, enum activation activation,
                       const float *scale, bool *taken)
{
    struct error err = {0};
    struct lane *lane;
    struct winograd *winograd;
    struct cpu *cpu = on_lane_open(&lane);
    const struct conv_options options = {
        .passes = pass, .bias = true, .residual = true, .activation = activation};
    assert_true(winograd_takes(&o->shape, &options));
    if (winograd_new(cpu, &o->shape, &options, pass, &winograd, &err) != 0)
        fail_msg("%s", err.message);
    float *result;
    int status;
    if (pass == CONV_BACKWARD_WEIGHTS) {
        result = naive_new(naive_count_w(&o->shape), sizeof(*result));
        status = winograd_gradient(lane, winograd, o->x, o->dy, result, taken, &err);
    } else {
        const bool forward = pass == CONV_FORWARD;
        result = naive_new(forward ? naive_count_y(&o->shape) : naive_count_x(&o->shape),
                           sizeof(*result));
        void *packed = naive_new((int64_t)winograd_packed_size(winograd), 1);
        status = winograd_pack(lane, winograd, o->kernel, scale, packed, &err);
        if (status == 0)
            status = winograd_run(lane, winograd, forward ? o->x : o->dy, packed, o->bias,
                                  o->residual, result, taken, &err);
        free(packed);
    }
    if (status != 0)
        fail_msg("%s", err.message);
    winograd_free(winograd);
    cpu_close(cpu);
    return result;
}

static double largest_of(const double *values, int64_t count)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

static void winograd_equals_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int a = ACTIVATION_NONE; a <= ACTIVATION_RELU6; a++) {
            struct operands o;
            operands_init(&o, &shapes[i]);
            const float *scale = a == ACTIVATION_RELU ? o.scale : NULL;
            bool taken;
            float *y = computed(&o, CONV_FORWARD, (enum activation)a, scale, &taken);
            assert_true(taken);
            double *x = naive_widen(o.x, naive_count_x(&o.shape));
            double *kernel = naive_widen(o.kernel, naive_count_w(&o.shape));
            double *bias = naive_widen(o.bias, o.shape.k);
            double *residual = naive_widen(o.residual, naive_count_y(&o.shape));
            double *known = naive_new(naive_count_y(&o.shape), sizeof(*known));
            for (int64_t j = 0; scale != NULL && j < naive_count_w(&o.shape); j++)
                kernel[j] *= (double)scale[j % o.shape.k];
            naive_conv_forward(&o.shape, x, kernel, bias, residual, ACTIVATION_NONE, known);
            const double largest = largest_of(known, naive_count_y(&o.shape));
            for (int64_t j = 0; j < naive_count_y(&o.shape); j++) {
                const double right = naive_activation(known[j], (enum activation)a);
                assert_true(fabs((double)y[j] - right) <= 3e-6 * largest);
            }
            free(y), free(x), free(kernel), free(bias), free(residual), free(known);
            operands_release(&o);
        }
}

static void gradient_by_winograd_equals_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        struct operands o;
        bool taken;
        operands_init(&o, &shapes[i / 2]);
        const float *scale = i % 2 == 0 ? NULL : o.scale;
        float *dx = computed(&o, CONV_BACKWARD_DATA, ACTIVATION_RELU, scale, &taken);
        assert_true(taken);
        double *dy = naive_widen(o.dy, naive_count_y(&o.shape));
        double *kernel = naive_widen(o.kernel, naive_count_w(&o.shape));
        double *known = naive_new(naive_count_x(&o.shape), sizeof(*known));
        for (int64_t j = 0; scale != NULL && j < naive_count_w(&o.shape); j++)
            kernel[j] *= (double)scale[j % o.shape.k];
        naive_conv_backward_data(&o.shape, dy, kernel, known);
        const double largest = largest_of(known, naive_count_x(&o.shape));
        for (int64_t j = 0; j < naive_count_x(&o.shape); j++)
            assert_true(fabs((double)dx[j] - known[j]) <= 3e-6 * largest);
        free(dx), free(dy), free(kernel), free(known);
        operands_release(&o);
    }
}

static void kernel_gradient_by_winograd_equals_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct operands o;
        bool taken;
        operands_init(&o, &shapes[i]);
        float *dw = computed(&o, CONV_BACKWARD_WEIGHTS, ACTIVATION_NONE, NULL, &taken);
        assert_true(taken);
        double *x = naive_widen(o.x, naive_count_x(&o.shape)),
               *dy = naive_widen(o.dy, naive_count_y(&o.shape));
        double *known = naive_new(naive_count_w(&o.shape), sizeof(*known));
        double *dbias = naive_new(o.shape.k, sizeof(*dbias));
        naive_conv_backward_weights(&o.shape, x, dy, known, dbias);
        const double largest = largest_of(known, naive_count_w(&o.shape));
        for (int64_t j = 0; j < naive_count_w(&o.shape); j++)
            assert_true(fabs((double)dw[j] - known[j]) <= 3e-6 * largest);
        free(dw), free(x), free(dy), free(known), free(dbias);
        operands_release(&o);
    }
}

static bool is_taken(const struct operands *o, enum conv_pass pass)
{
    bool taken;
    free(computed(o, pass, ACTIVATION_NONE, NULL, &taken));
    return taken;
}

/* What could spread over a tile, or overflow in one, at the first and the last place of each
 * operand. */
static void winograd_takes_nothing_that_could_overflow(void **state)
{
    static const float wrong[] = {NAN, INFINITY, -INFINITY, 3e37f, -1e35f};
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct operands o;
        operands_init(&o, &shapes[i]);
        struct {
            float *values;
            int64_t count;
            unsigned passes; /* that have it */
        } const into[] = {
            {o.x, naive_count_x(&o.shape), CONV_FORWARD | CONV_BACKWARD_WEIGHTS},
            {o.dy, naive_count_y(&o.shape), CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS},
            {o.kernel, naive_count_w(&o.shape), CONV_FORWARD | CONV_BACKWARD_DATA},
        };
        for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]) * 6; j++) {
            float *values = into[j % 3].values;
            const int64_t at = j / 3 % 2 == 0 ? 0 : into[j % 3].count - 1;
            const float right = values[at];
            values[at] = wrong[j / 6];
            for (unsigned pass = CONV_FORWARD; pass <= CONV_BACKWARD_WEIGHTS; pass *= 2)
                assert_int_equal(is_taken(&o, (enum conv_pass)pass),
                                 (into[j % 3].passes & pass) == 0);
            values[at] = right;
        }
        operands_release(&o);
    }
}

static void winograd_takes_what_is_large_but_safe(void **state)
{
    (void)state;
    struct operands o;
    bool taken;
    operands_init(&o, &shapes[0]);
    for (int64_t i = 0; i < naive_count_x(&o.shape); i++)
        o.x[i] *= 1e29f;
    float *y = computed(&o, CONV_FORWARD, ACTIVATION_NONE, NULL, &taken);
    assert_true(taken);
    for (int64_t i = 0; i < naive_count_y(&o.shape); i++)
        assert_true(isfinite(y[i]));
    free(y);
    operands_release(&o);
}

/* What a convolution makes of the first of two images, by either pass; free() it. */
static float *first_image(const struct operands *o, enum conv_pass pass)
{
    struct error err = {0};
    struct lane *lane;
    struct conv *conv;
    struct cpu *cpu = on_lane_open(&lane);
    const struct conv_options options = {.passes = CONV_FORWARD | CONV_BACKWARD_DATA,
                                         .bias = true,
                                         .residual = true,
                                         .activation = ACTIVATION_RELU};
    if (conv_new(cpu, &o->shape, &options, &conv, &err) != 0)
        fail_msg("%s", err.message);
    const char *products, *own = conv_own(conv, pass, &products);
    assert_string_equal(own, "winograd");
    void *packed = naive_new((int64_t)conv_packed_size(conv, pass), 1);
    float *result = naive_new(naive_count_y(&o->shape) + naive_count_x(&o->shape), sizeof(*result));
    int status = conv_pack(lane, conv, pass, o->kernel, NULL, packed, &err);
    if (status == 0)
        status = pass == CONV_FORWARD
                     ? conv_forward(lane, conv, o->x, packed, o->bias, o->residual, result, &err)
                     : conv_backward_data(lane, conv, o->dy, packed, result, &err);
    if (status != 0)
        fail_msg("%s", err.message);
    free(packed);
    conv_free(conv);
    cpu_close(cpu);
    return result;
}

static void image_s_bits_do_not_depend_on_its_neighbour(void **state)
{
    static const float wrong[] = {NAN, -1e35f};
    (void)state;
    for (unsigned pass = CONV_FORWARD; pass <= CONV_BACKWARD_DATA; pass *= 2)
        for (int i = 0; i < 2; i++) {
            struct operands o;
            operands_init(&o, &shapes[1]);
            const bool forward = pass == CONV_FORWARD;
            const int64_t count = (forward ? naive_count_y : naive_count_x)(&o.shape) / 2;
            float *sound = first_image(&o, (enum conv_pass)pass);
            (forward ? o.x : o.dy)[(forward ? naive_count_x : naive_count_y)(&o.shape) - 1] =
                wrong[i];
            float *beside = first_image(&o, (enum conv_pass)pass);
            assert_memory_equal(sound, beside, (size_t)count * sizeof(*sound));
            assert_memory_not_equal(sound + count, beside + count, (size_t)count * sizeof(*sound));
            free(sound), free(beside);
            operands_release(&o);
        }
}

/* dw goes by the primitive then, and is in the same layout. */
static void convolution_has_the_gradient_that_winograd_does_not_take(void **state)
{
    (void)state;
    struct error err = {0};
    struct operands o;
    struct lane *lane;
    struct conv *conv;
    operands_init(&o, &shapes[2]);
    struct cpu *cpu = on_lane_open(&lane);
    const struct conv_options options = {.passes = CONV_BACKWARD_WEIGHTS};
    const int64_t count = naive_count_w(&o.shape);
    float *dw = naive_new(count, sizeof(*dw)), *kernel = naive_new(count, sizeof(*kernel));
    double *known = naive_new(count, sizeof(*known)), *dbias = naive_new(o.shape.k, sizeof(*dbias));
    for (int64_t i = 0; i < naive_count_x(&o.shape); i++)
        o.x[i] *= 1e30f;
    for (int64_t i = 0; i < naive_count_y(&o.shape); i++)
        o.dy[i] *= 1e5f;
    assert_false(is_taken(&o, CONV_BACKWARD_WEIGHTS));
    if (conv_new(cpu, &o.shape, &options, &conv, &err) != 0)
        fail_msg("%s", err.message);
    const char *products, *own = conv_own(conv, CONV_BACKWARD_WEIGHTS, &products);
    assert_string_equal(own, "winograd");
    assert_string_not_equal(products, "");
    assert_int_equal(conv_packed_size(conv, CONV_BACKWARD_WEIGHTS), (size_t)count * sizeof(*dw));
    if (conv_backward_weights(lane, conv, o.x, o.dy, dw, NULL, &err) != 0 ||
        conv_unpack_gradient(lane, conv, dw, kernel, &err) != 0)
        fail_msg("%s", err.message);
    double *x = naive_widen(o.x, naive_count_x(&o.shape)),
           *dy = naive_widen(o.dy, naive_count_y(&o.shape));
    naive_conv_backward_weights(&o.shape, x, dy, known, dbias);
    assert_true(naive_distance(kernel, known, count) < 1e-5);
    free(dw), free(kernel), free(known), free(dbias), free(x), free(dy);
    conv_free(conv);
    cpu_close(cpu);
    operands_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winograd_equals_the_reference),
        cmocka_unit_test(gradient_by_winograd_equals_the_reference),
        cmocka_unit_test(kernel_gradient_by_winograd_equals_the_reference),
        cmocka_unit_test(winograd_takes_nothing_that_could_overflow),
        cmocka_unit_test(winograd_takes_what_is_large_but_safe),
        cmocka_unit_test(image_s_bits_do_not_depend_on_its_neighbour),
        cmocka_unit_test(convolution_has_the_gradient_that_winograd_does_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
