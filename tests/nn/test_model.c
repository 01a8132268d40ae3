/* Models: initial weights, files, what trains. */
#include "nn/model.h"

#include "base/file.h"
#include "base/memory.h"
#include "data/safetensors.h"

#include "formula.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct preprocess caffe = {PREPROCESS_CAFFE, 255};
static const struct architecture small = {
    .name = "resnet8", .alpha = 1, .image_size = 16, .classes = 4, .hidden = 8, .dropout = 0.25};

struct folder {
    char path[64], file[96];
};

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return -1;
    snprintf(folder->path, sizeof folder->path, "/tmp/test_model_XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof folder->file, "%s/model.safetensors", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    struct error err;
    int status = file_remove(folder->path, &err);
    free(folder);
    return status;
}

static struct model *new_model(const struct architecture *architecture, uint32_t seed)
{
    struct model *model;
    struct error err = {0};
    ok(model_new(architecture, &caffe, seed, &model, &err), &err);
    return model;
}

static const struct parameter *find(const struct model *model, const char *name)
{
    for (size_t p = 0; p < model->count; p++)
        if (strcmp(model->parameters[p].name, name) == 0)
            return &model->parameters[p];
    fail_msg("no parameter '%s'", name);
    return NULL;
}

static bool equal(const struct model *a, const struct model *b, bool base_only)
{
    for (size_t p = 0; p < a->count; p++)
        if (!(base_only && a->graph.nodes[a->parameters[p].node].head) &&
            memcmp(a->parameters[p].value, b->parameters[p].value,
                   (size_t)a->parameters[p].count * sizeof(float)) != 0)
            return false;
    return true;
}

/* Mean, deviation and largest magnitude of a kernel. */
static void spread(const struct parameter *parameter, double *mean, double *deviation,
                   double *largest)
{
    double sum = 0, squares = 0;
    *largest = 0;
    for (int64_t i = 0; i < parameter->count; i++) {
        double v = (double)parameter->value[i];
        sum += v;
        squares += v * v;
        *largest = fabs(v) > *largest ? fabs(v) : *largest;
    }
    *mean = sum / (double)parameter->count;
    *deviation = sqrt(squares / (double)parameter->count - *mean * *mean);
}

static void model_draws_convolutions_he_normal(void **state)
{
    double mean, deviation, largest, wanted = sqrt(2.0 / (64 * 9));
    struct model *model = new_model(&small, 42);
    const struct parameter *kernel = find(model, "conv4_block1_2_conv/kernel");
    (void)state;
    spread(kernel, &mean, &deviation, &largest);
    assert_true(fabs(mean) < 4 * wanted / sqrt((double)kernel->count));
    assert_true(fabs(deviation / wanted - 1) < 0.02);
    assert_true(largest <= 2 * wanted / 0.8796 && largest > 1.99 * wanted / 0.8797);
    /* P(|x| < 1 | |x| < 2) of a normal */
    int64_t inner = 0;
    for (int64_t i = 0; i < kernel->count; i++)
        inner += fabs((double)kernel->value[i]) < wanted / 0.87962566;
    assert_true(fabs((double)inner / (double)kernel->count - 0.68269 / 0.9545) < 0.01);
    model_free(model);
}

static void model_draws_dense_glorot_uniform(void **state)
{
    double mean, deviation, largest, limit = sqrt(6.0 / (64 + 256));
    struct architecture wide = small;
    (void)state;
    wide.hidden = 256;
    struct model *model = new_model(&wide, 42);
    spread(find(model, "dense/kernel"), &mean, &deviation, &largest);
    assert_true(largest <= limit && largest > 0.999 * limit);
    assert_true(fabs(deviation / (limit / sqrt(3)) - 1) < 0.02);
    spread(find(model, "dense/bias"), &mean, &deviation, &largest);
    assert_true(largest == 0.0);
    spread(find(model, "conv1_bn/gamma"), &mean, &deviation, &largest);
    assert_true(mean == 1.0 && deviation == 0.0);
    spread(find(model, "conv1_bn/moving_variance"), &mean, &deviation, &largest);
    assert_true(mean == 1.0);
    model_free(model);
}

static void model_weights_follow_the_seed(void **state)
{
    (void)state;
    struct model *a = new_model(&small, 1), *b = new_model(&small, 1), *c = new_model(&small, 2);
    assert_true(equal(a, b, false));
    assert_false(equal(a, c, false));
    assert_true(memcmp(find(a, "dense/kernel")->value, find(a, "dense_1/kernel")->value, 64) != 0);
    model_free(a);
    model_free(b);
    model_free(c);
}

static void model_file_round_trip(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct model *model = formula_model("mobilenet", 32, 7, 16, 0.3), *back;
    model->preprocess = (struct preprocess){PREPROCESS_TF, 1};
    ok(model_write(model, folder->file, &err), &err);
    ok(model_read(folder->file, NULL, &back, &err), &err);
    assert_true(model->count == back->count && equal(model, back, false));
    assert_string_equal(back->architecture.name, "mobilenet");
    assert_true(back->architecture.alpha == 0.25);
    assert_int_equal(back->architecture.image_size, 32);
    assert_int_equal(back->architecture.classes, 7);
    assert_int_equal(back->architecture.hidden, 16);
    assert_true(back->architecture.dropout == 0.3);
    assert_int_equal(back->preprocess.mode, PREPROCESS_TF);
    assert_true(back->preprocess.pixel_range == 1.0f);
    model_free(model);
    model_free(back);
}

static void model_file_keeps_what_pictures_became(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct model *back, *model = new_model(&small, 42);
    model->pictures = (struct model_pictures){"pad", 40, 30};
    ok(model_write(model, folder->file, &err), &err);
    ok(model_read(folder->file, NULL, &back, &err), &err);
    assert_string_equal(back->pictures.fit, "pad");
    assert_int_equal(back->pictures.height, 40);
    assert_int_equal(back->pictures.width, 30);
    model_free(back);
    model->pictures = (struct model_pictures){"stretch", 40, 30};
    ok(model_write(model, folder->file, &err), &err);
    assert_int_equal(model_read(folder->file, NULL, &back, &err), -1);
    assert_non_null(strstr(err.message, "pictures must have fit, height and width"));
    model_free(model);
}

static void model_file_names_the_card_that_trained_it(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct model *back, *model = new_model(&small, 42);
    struct safetensors set;
    model->trained_on = memory_copy_text("device cuda\ncard of a test\n", &err);
    ok(model_write(model, folder->file, &err), &err);
    ok(safetensors_read(folder->file, &set, &err), &err);
    assert_string_equal(safetensors_description(&set, "trained_on"), model->trained_on);
    safetensors_release(&set);
    ok(model_read(folder->file, NULL, &back, &err), &err);
    assert_true(equal(model, back, false));
    model_free(model);
    model_free(back);
}

/* One that names what no network has is told by its path. */
static void model_file_of_unknown_layers_is_refused_by_name(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct safetensors set = {0};
    struct model *back = NULL;
    ok(safetensors_describe(&set, "reprise",
                            "{\"architecture\": {\"name\": \"resnet8\", \"alpha\": 1, "
                            "\"image_size\": 32, \"classes\": 2, \"hidden\": 0, \"dropout\": 0, "
                            "\"pooled_layers\": [\"conv1_rel\"]}, "
                            "\"preprocess\": {\"mode\": \"tf\", \"pixel_range\": 255.0}}",
                            &err),
       &err);
    ok(safetensors_write(folder->file, &set, &err), &err);
    safetensors_release(&set);
    assert_int_equal(model_read(folder->file, NULL, &back, &err), -1);
    assert_null(back);
    assert_int_equal(strncmp(err.message, folder->file, strlen(folder->file)), 0);
    assert_non_null(strstr(err.message, ": pooled_layers: 'resnet8' has no layer 'conv1_rel', did "
                                        "you mean 'conv1_relu'?"));
}

/* A file says which layers are pooled where some are; of other models it has not a byte more. */
static void model_file_keeps_pooled_layers(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct model *back,
        *model = formula_model("resnet8+conv3_block1_out+conv1_relu", 16, 4, 8, 0.1);
    struct safetensors set;
    ok(model_write(model, folder->file, &err), &err);
    ok(model_read(folder->file, NULL, &back, &err), &err);
    assert_true(model->count == back->count && equal(model, back, false));
    assert_int_equal(back->architecture.pooled_count, 2);
    assert_string_equal(back->architecture.pooled_layers[0], "conv3_block1_out");
    assert_string_equal(back->architecture.pooled_layers[1], "conv1_relu");
    assert_int_equal(find(back, "dense/kernel")->shape[0], 32 + 16 + 64);
    model_free(back);
    ok(safetensors_read(folder->file, &set, &err), &err);
    assert_non_null(strstr(safetensors_description(&set, "reprise"),
                           "\"pooled_layers\":[\"conv3_block1_out\",\"conv1_relu\"]"));
    safetensors_release(&set);
    struct model *plain = new_model(&small, 1);
    ok(model_write(plain, folder->file, &err), &err);
    ok(safetensors_read(folder->file, &set, &err), &err);
    assert_null(strstr(safetensors_description(&set, "reprise"), "pooled"));
    safetensors_release(&set);
    /* a base of either serves the other */
    ok(model_load_base(model, folder->file, NULL, NULL, &err), &err);
    assert_memory_equal(find(model, "conv1_conv/kernel")->value,
                        find(plain, "conv1_conv/kernel")->value, 432 * sizeof(float));
    ok(model_write(model, folder->file, &err), &err);
    ok(model_load_base(plain, folder->file, NULL, NULL, &err), &err);
    model_free(plain);
    model_free(model);
}

static void model_file_same_bytes(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    char *a, *b;
    size_t a_size, b_size;
    struct model *model = new_model(&small, 3);
    ok(model_write(model, folder->file, &err), &err);
    ok(file_read(folder->file, 1 << 24, &a, &a_size, &err), &err);
    ok(model_write(model, folder->file, &err), &err);
    ok(file_read(folder->file, 1 << 24, &b, &b_size, &err), &err);
    assert_true(a_size == b_size && memcmp(a, b, a_size) == 0);
    free(a);
    free(b);
    model_free(model);
}

/* A base goes to another head; a whole model's file serves as a base, its head ignored. */
static void model_base_goes_to_another_head(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct architecture other = small;
    other.classes = 9;
    other.hidden = 0;
    struct model *from = new_model(&small, 1);
    for (int whole = 0; whole < 2; whole++) {
        struct model *to = new_model(&other, 2), *untouched = new_model(&other, 2);
        ok((whole ? model_write : model_write_base)(from, folder->file, &err), &err);
        assert_false(equal(to, from, true));
        ok(model_load_base(to, folder->file, NULL, NULL, &err), &err);
        assert_true(equal(to, from, true));
        assert_true(memcmp(find(to, "dense/kernel")->value, find(untouched, "dense/kernel")->value,
                           9 * 64 * sizeof(float)) == 0);
        model_free(to);
        model_free(untouched);
    }
    model_free(from);
}

/* Writes the base of a small model with one tensor left out, renamed or of another shape. */
static void write_damaged(const char *path, const char *name, const char *new_name, bool reshape)
{
    struct error err = {0};
    struct safetensors set = {0};
    struct model *model = new_model(&small, 1);
    for (size_t p = 0; p < model->count; p++) {
        struct parameter *parameter = &model->parameters[p];
        const char *as = parameter->name;
        if (model->graph.nodes[parameter->node].head)
            continue;
        if (strcmp(as, name) == 0 && !new_name && !reshape)
            continue;
        if (strcmp(as, name) == 0 && new_name)
            as = new_name;
        if (strcmp(parameter->name, name) == 0 && reshape)
            parameter->shape[0] = parameter->count, parameter->rank = 1;
        ok(safetensors_add(&set, as, parameter->rank, parameter->shape, parameter->value, &err),
           &err);
    }
    ok(safetensors_write(path, &set, &err), &err);
    safetensors_release(&set);
    model_free(model);
}

static void refuses(const char *path, const char *first, const char *second)
{
    struct error err = {0};
    struct model *model = new_model(&small, 2), *before = new_model(&small, 2);
    assert_int_equal(model_load_base(model, path, NULL, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    if (!strstr(err.message, first) || !strstr(err.message, second) || !strstr(err.message, path))
        fail_msg("message: %s", err.message);
    assert_true(equal(model, before, false));
    model_free(model);
    model_free(before);
}

static void model_base_rejects_missing_tensor(void **state)
{
    const struct folder *folder = *state;
    write_damaged(folder->file, "conv3_block1_0_bn/gamma", NULL, false);
    refuses(folder->file, "no tensor 'conv3_block1_0_bn/gamma'", "");
    write_damaged(folder->file, "conv3_block1_0_bn/gamma", "conv3_block1_0_bn/gama", false);
    refuses(folder->file, "no tensor 'conv3_block1_0_bn/gamma'", "nearest is");
}

static void model_base_rejects_wrong_shape(void **state)
{
    const struct folder *folder = *state;
    write_damaged(folder->file, "conv1_conv/kernel", NULL, true);
    refuses(folder->file, "'conv1_conv/kernel' has shape [432]", "wants [3,3,3,16]");
}

static void model_base_rejects_unknown_tensor(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct safetensors set = {0};
    const int64_t shape[] = {16};
    write_damaged(folder->file, "", NULL, false);
    ok(safetensors_read(folder->file, &set, &err), &err);
    ok(safetensors_add(&set, "conv1_bn/gamna", 1, shape, NULL, &err), &err);
    ok(safetensors_write(folder->file, &set, &err), &err);
    safetensors_release(&set);
    refuses(folder->file, "'conv1_bn/gamna'", "did you mean 'conv1_bn/gamma'");
}

static void model_read_rejects_a_base(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    struct model *model = new_model(&small, 1), *back = NULL;
    ok(model_write_base(model, folder->file, &err), &err);
    assert_int_equal(model_read(folder->file, NULL, &back, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_null(back);
    model_free(model);
}

static void model_unfreezes_by_name(void **state)
{
    struct error err = {0};
    int64_t trainable, frozen, head = 64 * 8 + 8 + 8 * 4 + 4;
    const char *conv4[] = {"conv4"}, *everything[] = {""}, *unknown[] = {"conv4", "conv9"};
    struct model *model = new_model(&small, 1);
    (void)state;
    model_count(model, &trainable, &frozen);
    assert_int_equal(trainable, head);
    ok(model_set_trainable(model, conv4, 1, &err), &err);
    model_count(model, &trainable, &frozen);
    /* three convolutions without bias, gamma and beta of three norms */
    assert_int_equal(trainable, head + 9 * 32 * 64 + 9 * 64 * 64 + 32 * 64 + 2 * 3 * 64);
    assert_false(find(model, "conv4_block1_1_bn/moving_mean")->trainable);
    assert_false(find(model, "conv3_block1_1_conv/kernel")->trainable);
    ok(model_set_trainable(model, everything, 1, &err), &err);
    assert_true(find(model, "conv1_conv/kernel")->trainable);
    assert_int_equal(model_set_trainable(model, unknown, 2, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.message, "'conv9'"));
    ok(model_set_trainable(model, NULL, 0, &err), &err);
    model_count(model, &trainable, &frozen);
    assert_int_equal(trainable, head);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_draws_convolutions_he_normal),
        cmocka_unit_test(model_draws_dense_glorot_uniform),
        cmocka_unit_test(model_weights_follow_the_seed),
        cmocka_unit_test_setup_teardown(model_file_round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(model_file_keeps_what_pictures_became, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(model_file_names_the_card_that_trained_it, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(model_file_keeps_pooled_layers, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(model_file_of_unknown_layers_is_refused_by_name,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(model_file_same_bytes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(model_base_goes_to_another_head, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(model_base_rejects_missing_tensor, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(model_base_rejects_wrong_shape, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(model_base_rejects_unknown_tensor, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(model_read_rejects_a_base, make_folder, remove_folder),
        cmocka_unit_test(model_unfreezes_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
