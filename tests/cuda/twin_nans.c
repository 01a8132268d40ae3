/* A network on the twin of a card, whose fused activations make 0 of a NaN, has a loss that is not
 * finite where the CPU has one; and a sound network stays fused. */
#include "twin.h"

#include "base/text.h"
#include "formula.h"
#include "nn/cuda/cuda_executor.h"
#include "nn/network.h"
#include "on_lane.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A batch is what the prefix takes of such small pictures at once, so that it works ahead by one.
 */
enum { IMAGES = 6, BLACK = 4, AT_ONCE = 1, BATCH = 16, CLASSES = 4, HIDDEN = 8, STEPS = 4 };
enum { CPU, TWIN };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* The same network on both. */
struct bed {
    struct device *devices[2];
    struct model *model;
    struct network *networks[2];
    struct pictures pictures;
    int64_t order[STEPS * BATCH];
};

/* `pattern` NULL: the head alone trains. */
static void open_bed(struct bed *bed, const char *architecture, const char *pattern,
                     enum dtype dtype)
{
    struct error err = {0};
    const struct network_options options = {.batch = BATCH, .shard = BATCH, .dtype = dtype};
    const int64_t size = strncmp(architecture, "mobilenet", 9) == 0 ? 32 : 16;
    *bed = (struct bed){.model = formula_model(architecture, size, CLASSES, HIDDEN, 0.2)};
    ok(model_set_trainable(bed->model, &pattern, pattern != NULL, &err), &err);
    ok(device_open("cpu", 1, &bed->devices[CPU], &err), &err);
    ok(twin_open(AT_ONCE, &bed->devices[TWIN], &err), &err);
    for (int i = 0; i < 2; i++)
        ok(network_new(bed->model, bed->devices[i], &options, &bed->networks[i], &err), &err);
    assert_int_equal(network_executor(bed->networks[TWIN])->inference_batch, BATCH);
    formula_pictures(&bed->pictures, IMAGES, size, CLASSES);
    for (int i = 0; i < STEPS * BATCH; i++)
        bed->order[i] = i < 2 * BATCH   ? i % BLACK
                        : i < 3 * BATCH ? BLACK + i % (IMAGES - BLACK)
                                        : i % IMAGES;
}

static void close_bed(struct bed *bed)
{
    formula_release(&bed->pictures);
    for (int i = 0; i < 2; i++) {
        network_free(bed->networks[i]);
        device_close(bed->devices[i]);
    }
    model_free(bed->model);
    assert_int_equal(twin_held(), 0);
}

static void load(struct bed *bed)
{
    struct error err = {0};
    for (int i = 0; i < 2; i++)
        ok(network_load(bed->networks[i], bed->model, &err), &err);
}

static bool is_careful(const struct bed *bed)
{
    return network_is_careful(bed->networks[TWIN]);
}

static size_t measured(const struct bed *bed)
{
    size_t count = 0;
    for (size_t i = 0; i < bed->model->graph.count; i++)
        count += network_executor(bed->networks[TWIN])->guard.measures[i];
    return count;
}

/* By the plans that it has: those of a careful network have no activation. */
static void assert_fused(const struct bed *bed)
{
    struct text words = {0};
    struct error err = {0};
    assert_false(is_careful(bed));
    ok(network_describe(bed->networks[TWIN], &words, &err), &err);
    assert_non_null(strstr(words.data, "bias relu: "));
    assert_non_null(strstr(words.data, "bias residual relu: "));
    assert_null(strstr(words.data, "bias residual: "));
    text_release(&words);
}

static struct parameter *parameter_of(const struct bed *bed, const char *name)
{
    for (size_t p = 0; p < bed->model->count; p++)
        if (strcmp(bed->model->parameters[p].name, name) == 0)
            return &bed->model->parameters[p];
    fail_msg("there is no '%s'", name);
    return NULL;
}

static void multiply(struct parameter *parameter, float by)
{
    for (int64_t i = 0; i < parameter->count; i++)
        parameter->value[i] *= by;
}

static void assert_alike(double twin, double cpu)
{
    if (!isfinite(twin) != !isfinite(cpu))
        fail_msg("%g on the twin, %g on the CPU", twin, cpu);
}

/* The twin's loss; it and the logits are finite where the CPU's are. */
static double infer(const struct bed *bed)
{
    struct error err = {0};
    struct batch_result results[2];
    float logits[2][IMAGES * CLASSES];
    for (int i = 0; i < 2; i++)
        ok(network_infer(bed->networks[i], &bed->pictures.feed, bed->pictures.samples, IMAGES,
                         logits[i], NULL, -1, NULL, &results[i], &err),
           &err);
    for (int i = 0; i < IMAGES * CLASSES; i++)
        assert_alike((double)logits[TWIN][i], (double)logits[CPU][i]);
    assert_alike(results[TWIN].loss, results[CPU].loss);
    return results[TWIN].loss;
}

/* ---- weights that are bad ---- */

enum defect { DEFECT_NAN, DEFECT_INFINITY, DEFECT_LARGE, DEFECTS };

/* One weight of the parameter, or all of it and of the kernel behind it: their product is far more
 * than an f32 can be, in whatever order it is added up. */
static void spoil(struct bed *bed, size_t p, enum defect defect)
{
    struct parameter *parameters = bed->model->parameters, *parameter = &parameters[p];
    if (defect != DEFECT_LARGE) {
        parameter->value[parameter->count / 2] = defect == DEFECT_NAN ? NAN : INFINITY;
        return;
    }
    multiply(parameter, 1e25f);
    for (size_t next = p + 1; next < bed->model->count; next++)
        if (parameters[next].role == PARAMETER_KERNEL) {
            multiply(&parameters[next], 1e25f);
            return;
        }
}

/* Each in a network of its own, since a careful one stays so; sound before and after. */
static void check_spoilt(const char *architecture, enum dtype dtype, size_t p, enum defect defect)
{
    struct bed bed;
    open_bed(&bed, architecture, NULL, dtype);
    assert_true(isfinite(infer(&bed)));
    assert_false(is_careful(&bed));
    spoil(&bed, p, defect);
    load(&bed);
    const double loss = infer(&bed);
    if (defect == DEFECT_NAN && isfinite(loss))
        fail_msg("%s: '%s' with a NaN has a loss", architecture, bed.model->parameters[p].name);
    formula_fill(bed.model);
    load(&bed);
    assert_true(isfinite(infer(&bed)));
    close_bed(&bed);
}

static void inference_is_finite_where_the_cpus_is(void **state)
{
    static const struct {
        const char *architecture;
        size_t parameters, apart; /* of which so many lie between two that are tried */
    } kinds[] = {{"resnet8", 49, 13}, {"resnet8+conv1_relu", 49, 17}, {"mobilenet", 139, 31}};
    (void)state;
    for (int defect = 0; defect < DEFECTS; defect++)
        for (int dtype = 0; dtype < on_lane_dtypes(); dtype++)
            for (size_t k = 0; k < (defect == DEFECT_LARGE ? 2 : 3); k++) /* ReLU6 makes 6 of it */
                for (size_t p = (size_t)(defect + dtype) * 3; p < kinds[k].parameters;
                     p += kinds[k].apart)
                    check_spoilt(kinds[k].architecture, (enum dtype)dtype, p, (enum defect)defect);
}

static void observation_is_finite_where_the_cpus_is(void **state)
{
    (void)state;
    for (int defect = 0; defect < DEFECTS; defect++) {
        struct bed bed;
        struct error err = {0};
        double seen[2][2][64];
        open_bed(&bed, "resnet8", NULL, DTYPE_F32);
        spoil(&bed, 0, (enum defect)defect);
        load(&bed);
        for (int node = 1; node < (int)bed.model->graph.count; node++) {
            const struct node *n = &bed.model->graph.nodes[node];
            for (int i = 0; i < 2 && n->norm[0]; i++)
                ok(network_observe(bed.networks[i], &bed.pictures.feed, bed.pictures.samples,
                                   IMAGES, node, seen[i][0], seen[i][1], &err),
                   &err);
            for (int64_t c = 0; c < n->channels && n->norm[0]; c++)
                assert_alike(seen[TWIN][0][c], seen[CPU][0][c]);
        }
        assert_true(is_careful(&bed));
        close_bed(&bed);
    }
}

/* ---- training ---- */

/* Steps on a device, so many asked for at once. */
static size_t take_steps(const struct bed *bed, int which, size_t at_once,
                         struct batch_result results[STEPS])
{
    struct train_step steps[STEPS];
    struct error err = {0};
    size_t all = 0, done;
    for (size_t i = 0; i < STEPS; i++)
        steps[i] = (struct train_step){BATCH, 1e-2f};
    do {
        ok(network_train_steps(bed->networks[which], &bed->pictures.feed, bed->order + all * BATCH,
                               steps + all, at_once, 0, (int64_t)all, results + all, &done, &err),
           &err);
        all += done;
    } while (all < STEPS && isfinite(results[all - 1].loss));
    return all;
}

/* Steps that both took; their losses are finite where the CPU's are. */
static size_t train(const struct bed *bed, struct batch_result results[STEPS])
{
    struct batch_result expected[STEPS];
    const size_t done = take_steps(bed, TWIN, STEPS, results);
    assert_int_equal(take_steps(bed, CPU, 1, expected), done);
    for (size_t i = 0; i < done; i++)
        assert_alike(results[i].loss, expected[i].loss);
    return done;
}

/* A kernel that every step moves. */
static void get_head(const struct bed *bed, float values[HIDDEN * CLASSES])
{
    struct error err = {0};
    const struct parameter *parameter = parameter_of(bed, "dense_1/kernel");
    ok(network_store(bed->networks[TWIN], bed->model, &err), &err);
    assert_int_equal(parameter->count, HIDDEN * CLASSES);
    memcpy(values, parameter->value, HIDDEN * CLASSES * sizeof *values);
}

/* The frozen first layer is spoilt. */
static void check_training(const char *pattern, bool remembers, enum defect defect)
{
    struct bed bed;
    struct error err = {0};
    struct batch_result results[STEPS];
    float before[HIDDEN * CLASSES], after[HIDDEN * CLASSES];
    open_bed(&bed, "resnet8", pattern, DTYPE_F32);
    assert_false(bed.model->parameters[0].trainable);
    for (int i = 0; i < 2 && remembers; i++)
        ok(network_remember(bed.networks[i], &bed.pictures.feed, 1 << 20, &err), &err);
    for (int again = 0; again < 2; again++) { /* the second has the prefix remembered */
        assert_int_equal(train(&bed, results), STEPS);
        assert_true(isfinite(infer(&bed)));
        assert_fused(&bed);
    }
    get_head(&bed, before);
    spoil(&bed, 0, defect);
    load(&bed);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(train(&bed, results), 1);
        assert_false(isfinite(results[0].loss));
        assert_true(is_careful(&bed));
        assert_false(isfinite(infer(&bed)));
        get_head(&bed, after);
        assert_memory_equal(after, before, sizeof after);
    }
    close_bed(&bed);
}

static void training_stops_where_the_cpus_does(void **state)
{
    (void)state;
    for (int defect = 0; defect < DEFECTS; defect++)
        for (int remembers = 0; remembers < 2; remembers++) {
            check_training(NULL, remembers, (enum defect)defect);
            check_training("conv4", remembers, (enum defect)defect);
        }
}

static void gradients_are_finite_where_the_cpus_are(void **state)
{
    struct bed bed;
    struct error err = {0};
    struct batch_result results[2];
    (void)state;
    open_bed(&bed, "resnet8", NULL, DTYPE_F32);
    float **none = calloc(bed.model->count, sizeof *none);
    assert_non_null(none);
    for (int defect = -1; defect < DEFECTS; defect++) {
        formula_fill(bed.model);
        if (defect >= 0)
            spoil(&bed, 0, (enum defect)defect);
        load(&bed);
        for (int i = 0; i < 2; i++)
            ok(network_gradients(bed.networks[i], &bed.pictures.feed, bed.order, BATCH, 0, 0, none,
                                 &results[i], &err),
               &err);
        assert_alike(results[TWIN].loss, results[CPU].loss);
        assert_true(isfinite(results[TWIN].loss) == (defect < 0));
    }
    free(none);
    close_bed(&bed);
}

/* ---- sound networks ---- */

/* A network in which black pictures come to 0 before a layer of very large weights, and others to
 * what is still an f32 behind it, though its bound need not be; the next layer takes it back. */
static void open_large(struct bed *bed)
{
    open_bed(bed, "resnet8", NULL, DTYPE_F32);
    multiply(parameter_of(bed, "conv1_bn/beta"), 0.0f);
    multiply(parameter_of(bed, "conv1_bn/moving_mean"), 0.0f);
    multiply(parameter_of(bed, "conv2_block1_1_conv/kernel"), 1e36f);
    multiply(parameter_of(bed, "conv2_block1_2_conv/kernel"), 1e-36f);
    load(bed);
    const int64_t picture = bed->pictures.feed.height * bed->pictures.feed.width * 3;
    memset(bed->pictures.images, 0, (size_t)(BLACK * picture)); /* of the first two steps */
}

/* However many steps are put in at once, those that were taken stay, and all have the same bits. */
static void training_goes_on_from_the_step_that_was_not_taken(void **state)
{
    struct bed bed;
    struct batch_result results[STEPS], expected[STEPS], single[STEPS];
    float head[2][HIDDEN * CLASSES];
    (void)state;
    for (int i = 0; i < 2; i++) {
        open_large(&bed);
        assert_int_equal(take_steps(&bed, TWIN, i == 0 ? STEPS : 1, i == 0 ? results : single),
                         STEPS);
        assert_int_equal(take_steps(&bed, CPU, 1, expected), STEPS);
        assert_true(is_careful(&bed));
        get_head(&bed, head[i]);
        close_bed(&bed);
    }
    for (int s = 0; s < STEPS; s++) {
        assert_true(expected[s].loss > 0 && single[s].loss == results[s].loss);
        if (fabs(results[s].loss - expected[s].loss) > 1e-4 * expected[s].loss)
            fail_msg("step %d: %.9g is not %.9g", s, results[s].loss, expected[s].loss);
    }
    assert_memory_equal(head[0], head[1], sizeof head[0]);
}

/* A step's loss stops a training while the prefix is at the pictures of the step after it. */
static void what_the_prefix_hid_ahead_of_a_stop_is_forgotten(void **state)
{
    const struct train_step steps[] = {{BATCH, 1e30f}, {BATCH, 0.0f}, {BATCH, 0.0f}};
    struct bed bed;
    struct error err = {0};
    struct batch_result results[3];
    size_t done;
    (void)state;
    open_large(&bed);
    struct network *network = bed.networks[TWIN];
    ok(network_remember(network, &bed.pictures.feed, 1 << 20, &err), &err);
    ok(network_train_steps(network, &bed.pictures.feed, bed.order, steps, 3, 0, 0, results, &done,
                           &err),
       &err);
    assert_int_equal(done, 2);
    assert_false(isfinite(results[1].loss));
    assert_true(is_careful(&bed));
    assert_int_equal(network_executor(network)->used, 0);
    close_bed(&bed);
}

static void a_bound_that_some_pictures_pass_leaves_the_others_fused(void **state)
{
    struct bed bed;
    struct error err = {0};
    struct batch_result result;
    (void)state;
    open_large(&bed);
    assert_in_range(measured(&bed), 1, 3);
    ok(network_infer(bed.networks[TWIN], &bed.pictures.feed, bed.order, BLACK, NULL, NULL, -1, NULL,
                     &result, &err),
       &err);
    assert_true(isfinite(result.loss));
    assert_fused(&bed);
    assert_true(isfinite(infer(&bed)));
    assert_true(is_careful(&bed));
    close_bed(&bed);
}

/* Bounds grow by a factor a layer: they are measured long before a sound network looks bad. */
static void a_deep_network_is_measured_and_stays_fused(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < on_lane_dtypes(); dtype++) {
        struct bed bed;
        struct batch_result results[STEPS];
        open_bed(&bed, "resnet56", NULL, (enum dtype)dtype);
        print_message("# %zu outputs of %zu are measured\n", measured(&bed),
                      bed.model->graph.count);
        assert_in_range(measured(&bed), 1, bed.model->graph.count / 5);
        assert_true(isfinite(infer(&bed)));
        assert_int_equal(train(&bed, results), STEPS);
        assert_fused(&bed);
        close_bed(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_is_finite_where_the_cpus_is),
        cmocka_unit_test(observation_is_finite_where_the_cpus_is),
        cmocka_unit_test(training_stops_where_the_cpus_does),
        cmocka_unit_test(gradients_are_finite_where_the_cpus_are),
        cmocka_unit_test(training_goes_on_from_the_step_that_was_not_taken),
        cmocka_unit_test(what_the_prefix_hid_ahead_of_a_stop_is_forgotten),
        cmocka_unit_test(a_bound_that_some_pictures_pass_leaves_the_others_fused),
        cmocka_unit_test(a_deep_network_is_measured_and_stays_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
