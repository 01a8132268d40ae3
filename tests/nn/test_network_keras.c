/* Whole networks against Keras: forward, gradients in both modes of batch
 * norm, moving statistics, and a step of Keras' own fit(), which uses batch
 * statistics in layers that may train although the base was called with
 * training=False. Six images in shards of four and two.
 */
#include "nn/network.h"

#include "formula.h"
#include "known_text.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 6, CLASSES = 5, SHARD = 4 };

struct known_network {
    const char *name;
    int64_t size, hidden;
    const char *patterns[4];
    size_t pattern_count;
};

static const struct known_network resnet8 = {"resnet8", 16, 0, {""}, 1};
static const struct known_network pooled = {
    "resnet8+conv3_block1_1_relu+conv1_relu+conv3_block1_out",
    16,
    8,
    {"conv1", "conv3", "conv4_block1_2"},
    3};
static const struct known_network mobilenet = {
    "mobilenet", 32, 16, {"conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"}, 4};
static const struct known_network resnet50 = {"resnet50", 64, 8, {"conv5"}, 1};
/* Of torchvision, timm (at an odd size, so that padding is not symmetric) and Keras. */
static const struct known_network resnet50_v15 = {"resnet50_v1.5", 49, 0, {""}, 1};
static const struct known_network efficientnet = {"efficientnet_lite0", 45, 0, {""}, 1};
static const struct known_network mobilenet_v2 = {"mobilenet_v2", 33, 0, {""}, 1};

struct fixture {
    const struct known_network *known;
    struct device *device;
    struct model *model;
    struct network *network;
    struct pictures pictures;
    char path[64];
};

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static void golden_path(struct fixture *f, const char *what)
{
    const int length = (int)strcspn(f->known->name, "+");
    snprintf(f->path, sizeof f->path, "tests/golden/network/%.*s%s%s.txt", length, f->known->name,
             f->known->name[length] ? "_pooled" : "", what);
}

static void open_fixture(struct fixture *f, const struct known_network *known, enum norm_mode norm)
{
    struct error err = {0};
    struct network_options options = {.batch = IMAGES, .shard = SHARD, .norm = norm};
    *f = (struct fixture){.known = known};
    golden_path(f, "");
    f->model = formula_model(known->name, known->size, CLASSES, known->hidden, 0.0);
    ok(model_set_trainable(f->model, known->patterns, known->pattern_count, &err), &err);
    ok(device_open("cpu", 2, &f->device, &err), &err);
    ok(network_new(f->model, f->device, &options, &f->network, &err), &err);
    formula_pictures(&f->pictures, IMAGES, known->size, CLASSES);
}

static void close_fixture(struct fixture *f)
{
    formula_release(&f->pictures);
    network_free(f->network);
    model_free(f->model);
    device_close(f->device);
}

static void near(const char *what, double value, double expected, double scale, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance * scale))
        fail_msg("%s: %.9g, Keras has %.9g", what, value, expected);
}

/* Norm and probe of a tensor, relative to its norm (a probe of n numbers moves with the root of n/3
 * of its norm). */
static void same_summary(const char *what, const float *values, size_t count, double norm,
                         double probe, double tolerance)
{
    double own_norm, own_probe;
    formula_summary(values, count, &own_norm, &own_probe);
    near(what, own_norm, norm, norm + 1e-6, tolerance);
    near(what, own_probe, probe, norm + 1e-6, tolerance);
}

static const struct parameter *find_parameter(const struct model *model, const char *name)
{
    for (size_t p = 0; p < model->count; p++)
        if (strcmp(model->parameters[p].name, name) == 0)
            return &model->parameters[p];
    fail_msg("no parameter '%s'", name);
    return NULL;
}

/* Calls `check` for each summary whose name starts with `kind`. Returns how many there were. */
static int each_summary(struct fixture *f, const char *kind,
                        void (*check)(struct fixture *f, const char *name, double norm,
                                      double probe, void *arg),
                        void *arg)
{
    struct known_text golden;
    const char *word;
    int seen = 0;
    known_open(&golden, f->path);
    while ((word = known_word(&golden)) != NULL) {
        char name[128];
        snprintf(name, sizeof name, "%s", word);
        int count = (int)known_number(&golden);
        double numbers[64];
        assert_true(count <= 64);
        for (int i = 0; i < count; i++)
            numbers[i] = known_number(&golden);
        if (count != 2 || strncmp(name, kind, strlen(kind)) != 0)
            continue;
        check(f, name + strlen(kind), numbers[0], numbers[1], arg);
        seen++;
    }
    known_close(&golden);
    return seen;
}

/* Each logit, relative to the largest. */
static void same_logits(const struct fixture *f, const char *name, const float *logits,
                        double tolerance)
{
    float expected[IMAGES * CLASSES];
    double largest = 0.0;
    known_array(f->path, name, expected, IMAGES * CLASSES);
    for (int i = 0; i < IMAGES * CLASSES; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    known_near(logits, expected, IMAGES * CLASSES, tolerance * largest);
}

static void check_output(struct fixture *f, const char *name, double norm, double probe, void *arg)
{
    struct error err = {0};
    int node = graph_find(&f->model->graph, name);
    (void)arg;
    assert_true(node > 0);
    const struct node *n = &f->model->graph.nodes[node];
    size_t count = (size_t)(IMAGES * n->height * n->width * n->channels);
    float *maps = malloc(count * sizeof *maps);
    assert_non_null(maps);
    ok(network_infer(f->network, &f->pictures.feed, f->pictures.samples, IMAGES, NULL, NULL, node,
                     maps, NULL, &err),
       &err);
    same_summary(name, maps, count, norm, probe, 1e-4);
    free(maps);
}

static void forward_is_keras(const struct known_network *known)
{
    struct fixture f;
    struct error err = {0};
    float logits[IMAGES * CLASSES];
    open_fixture(&f, known, NORM_INFERENCE);
    ok(network_infer(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, logits, NULL, -1,
                     NULL, NULL, &err),
       &err);
    same_logits(&f, "logits", logits, 1e-4);
    assert_true(each_summary(&f, "output:", check_output, NULL) >= 4);
    close_fixture(&f);
}

struct gradients {
    float **values;
    bool batch;
    double tolerance;
    int checked;
};

/* The gradient of a bias, or of the beta of a norm without activation, in front of another batch
 * norm is noise around zero. */
static bool is_noise(const struct fixture *f, const struct parameter *parameter, double norm,
                     bool batch)
{
    return batch && (norm < 1e-4 || (parameter->role == PARAMETER_BIAS &&
                                     f->model->graph.nodes[parameter->node].norm[0]));
}

static void check_gradient(struct fixture *f, const char *name, double norm, double probe,
                           void *arg)
{
    struct gradients *gradients = arg;
    if (strcmp(name, "loss") == 0 || strstr(name, "/moving_"))
        return;
    const struct parameter *parameter = find_parameter(f->model, name);
    gradients->checked++;
    assert_true(parameter->trainable);
    if (!is_noise(f, parameter, norm, gradients->batch))
        same_summary(name, gradients->values[parameter - f->model->parameters],
                     (size_t)parameter->count, norm, probe, gradients->tolerance);
}

static void gradients_are_keras(const struct known_network *known, enum norm_mode norm,
                                double tolerance)
{
    struct fixture f;
    struct error err = {0};
    struct batch_result result;
    struct gradients gradients = {.batch = norm == NORM_BATCH, .tolerance = tolerance};
    int trainable = 0;
    float loss;
    open_fixture(&f, known, norm);
    gradients.values = calloc(f.model->count, sizeof *gradients.values);
    assert_non_null(gradients.values);
    for (size_t p = 0; p < f.model->count; p++) {
        trainable += f.model->parameters[p].trainable;
        gradients.values[p] = calloc((size_t)f.model->parameters[p].count, sizeof(float));
        assert_non_null(gradients.values[p]);
    }
    ok(network_gradients(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, 0, 0,
                         gradients.values, &result, &err),
       &err);
    known_array(f.path, gradients.batch ? "batch:loss" : "inference:loss", &loss, 1);
    near("loss", result.loss / IMAGES, (double)loss, 1.0 + (double)loss, 1e-4);
    each_summary(&f, gradients.batch ? "batch:" : "inference:", check_gradient, &gradients);
    assert_int_equal(gradients.checked, trainable);
    for (size_t p = 0; p < f.model->count; p++)
        free(gradients.values[p]);
    free(gradients.values);
    close_fixture(&f);
}

static void check_moving(struct fixture *f, const char *name, double norm, double probe, void *arg)
{
    int *checked = arg;
    if (!strstr(name, "/moving_"))
        return;
    const struct parameter *parameter = find_parameter(f->model, name);
    same_summary(name, parameter->value, (size_t)parameter->count, norm, probe, 1e-5);
    ++*checked;
}

/* One step of fit(): its loss is that of batch statistics, and moving statistics move. */
static void step_is_keras_fit(const struct known_network *known)
{
    struct fixture f;
    struct error err = {0};
    struct batch_result result;
    int checked = 0;
    float loss, logits[IMAGES * CLASSES];
    open_fixture(&f, known, NORM_BATCH);
    ok(network_train(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, 0, 0, 1e-3f, &result,
                     &err),
       &err);
    ok(network_store(f.network, f.model, &err), &err);
    known_array(f.path, "fit:loss", &loss, 1);
    near("loss", result.loss / IMAGES, (double)loss, 1.0 + (double)loss, 1e-4);
    each_summary(&f, "fit:", check_moving, &checked);
    assert_true(checked >= 8);
    ok(network_infer(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, logits, NULL, -1,
                     NULL, NULL, &err),
       &err);
    same_logits(&f, "fit:logits", logits, 1e-3);
    close_fixture(&f);
}

/* Ten steps from what the model holds, as `kind` in the golden file has them. */
static void ten_steps_are_keras(struct fixture *f, enum norm_mode norm, const char *kind,
                                double tolerance)
{
    enum { STEPS = 10 };
    const struct network_options options = {.batch = IMAGES, .shard = SHARD, .norm = norm};
    struct error err = {0};
    struct batch_result result;
    float losses[STEPS], logits[IMAGES * CLASSES];
    char name[64];
    network_free(f->network);
    f->network = NULL;
    ok(network_new(f->model, f->device, &options, &f->network, &err), &err);
    snprintf(name, sizeof name, "%s:losses", kind);
    known_array(f->path, name, losses, STEPS);
    for (int i = 0; i < STEPS; i++) {
        ok(network_train(f->network, &f->pictures.feed, f->pictures.samples, IMAGES, 0, i, 1e-3f,
                         &result, &err),
           &err);
        near(name, result.loss / IMAGES, (double)losses[i], (double)losses[i], tolerance);
    }
    ok(network_store(f->network, f->model, &err), &err);
    snprintf(name, sizeof name, "%s:logits", kind);
    ok(network_infer(f->network, &f->pictures.feed, f->pictures.samples, IMAGES, logits, NULL, -1,
                     NULL, NULL, &err),
       &err);
    same_logits(f, name, logits, tolerance);
}

static void phases_are_keras(const struct known_network *known, enum norm_mode norm,
                             double tolerance)
{
    struct fixture f;
    struct error err = {0};
    open_fixture(&f, known, norm);
    golden_path(&f, "_phases");
    ok(model_set_trainable(f.model, NULL, 0, &err), &err);
    ten_steps_are_keras(&f, norm, "phase1", 1e-4);
    ok(model_set_trainable(f.model, known->patterns, known->pattern_count, &err), &err);
    ten_steps_are_keras(&f, norm, norm == NORM_BATCH ? "phase2_batch" : "phase2_inference",
                        tolerance);
    close_fixture(&f);
}

static void network_forward_is_keras(void **state)
{
    (void)state;
    forward_is_keras(&resnet8);
    forward_is_keras(&mobilenet);
}

static void network_forward_is_keras_resnet50(void **state)
{
    (void)state;
    forward_is_keras(&resnet50);
}

static void network_gradients_are_keras_inference_norm(void **state)
{
    (void)state;
    gradients_are_keras(&resnet8, NORM_INFERENCE, 1e-3);
    gradients_are_keras(&mobilenet, NORM_INFERENCE, 1e-3);
    gradients_are_keras(&resnet50, NORM_INFERENCE, 1e-3);
}

static void network_gradients_are_keras_batch_norm(void **state)
{
    (void)state;
    gradients_are_keras(&resnet8, NORM_BATCH, 1e-3);
    gradients_are_keras(&mobilenet, NORM_BATCH, 1e-3);
    /* Statistics of 24 values: another order of sums (another instruction set, oneDNN 3) moves a
     * value across a ReLU's corner, and a gradient by up to 1% of its norm. */
    gradients_are_keras(&resnet50, NORM_BATCH, 2e-2);
}

/* All layers may train: through so many ReLUs the few values at a corner, which each instruction
 * set puts on one side or the other, move the first gradients by some percent. */
static void same_network(const struct known_network *known)
{
    forward_is_keras(known);
    gradients_are_keras(known, NORM_INFERENCE, 5e-2);
    gradients_are_keras(known, NORM_BATCH, 5e-2);
}

static void network_is_torchvision_resnet50(void **state)
{
    (void)state;
    same_network(&resnet50_v15);
}

static void network_is_timm_efficientnet_lite0(void **state)
{
    (void)state;
    same_network(&efficientnet);
}

/* Not its fit(): Adam makes whole steps of the noise around zero, each library other ones. */
static void network_is_keras_mobilenet_v2(void **state)
{
    (void)state;
    same_network(&mobilenet_v2);
}

static void network_step_is_keras_fit(void **state)
{
    (void)state;
    step_is_keras_fit(&resnet8);
    step_is_keras_fit(&mobilenet);
}

static void ten_steps_of_both_phases_are_keras(void **state)
{
    (void)state;
    phases_are_keras(&resnet8, NORM_INFERENCE, 1e-3);
    phases_are_keras(&resnet8, NORM_BATCH, 1e-3);
    phases_are_keras(&mobilenet, NORM_INFERENCE, 1e-3);
    phases_are_keras(&mobilenet, NORM_BATCH, 1e-3);
}

/* The averages of three layers beside the last map's, in another order than they are computed. */
static void network_with_pooled_layers_is_keras(void **state)
{
    (void)state;
    forward_is_keras(&pooled);
    gradients_are_keras(&pooled, NORM_INFERENCE, 1e-3);
    gradients_are_keras(&pooled, NORM_BATCH, 1e-3);
    step_is_keras_fit(&pooled);
    phases_are_keras(&pooled, NORM_INFERENCE, 1e-3);
    phases_are_keras(&pooled, NORM_BATCH, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_forward_is_keras),
        cmocka_unit_test(network_forward_is_keras_resnet50),
        cmocka_unit_test(network_gradients_are_keras_inference_norm),
        cmocka_unit_test(network_gradients_are_keras_batch_norm),
        cmocka_unit_test(network_step_is_keras_fit),
        cmocka_unit_test(ten_steps_of_both_phases_are_keras),
        cmocka_unit_test(network_with_pooled_layers_is_keras),
        cmocka_unit_test(network_is_torchvision_resnet50),
        cmocka_unit_test(network_is_timm_efficientnet_lite0),
        cmocka_unit_test(network_is_keras_mobilenet_v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
