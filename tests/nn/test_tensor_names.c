/* PyTorch's names become ours: each tensor of a network of torchvision or timm finds its place,
 * with its values where our layout has them. */
#include "nn/tensor_names.h"

#include "base/file.h"
#include "data/weights.h"
#include "formula.h"
#include "nn/export.h"
#include "nn/keras_layers.h"
#include "nn/weight_check.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* Element i of tensor t is (t + 1) * 0.001 + i * 1e-6; variances are 1 more. */
static float value_of(size_t tensor, int64_t i)
{
    return (float)((double)(tensor + 1) * 0.001 + (double)i * 1e-6);
}

/* The tensors that tests/golden/torch_names lists. */
static void read_list(const char *name, const char *prefix, struct safetensors *set)
{
    char path[128], line[256], full[256];
    struct error err = {0};
    snprintf(path, sizeof path, "tests/golden/torch_names/%s.txt", name);
    FILE *list = fopen(path, "re");
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        int64_t shape[4] = {0};
        char tensor[128];
        int got = sscanf(line, "%127s %ld %ld %ld %ld", tensor, &shape[0], &shape[1], &shape[2],
                         &shape[3]);
        assert_true(got >= 2);
        snprintf(full, sizeof full, "%s%s", prefix, tensor);
        ok(safetensors_add(set, full, got - 1, shape, NULL, &err), &err);
        struct safetensor *made = &set->tensors[set->count - 1];
        for (int64_t i = 0; i < made->count; i++)
            made->data[i] =
                value_of(set->count - 1, i) + (strstr(tensor, "running_var") ? 1.0f : 0.0f);
    }
    fclose(list);
}

/* Its values are 0; NULL where there is no such architecture. */
static struct model *new_model(const char *name)
{
    struct architecture architecture = {.alpha = 1, .image_size = 64, .classes = 3};
    const struct preprocess preprocess = {PREPROCESS_TORCH, 255};
    struct error err = {0};
    struct model *model = NULL;
    formula_name(&architecture, name);
    return model_new_blank(&architecture, &preprocess, &model, &err) ? NULL : model;
}

/* Every parameter of the base is there with its shape; nothing else is. */
static void expect_all(const struct model *model, struct safetensors *set)
{
    size_t base = 0;
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        if (model->graph.nodes[parameter->node].head)
            continue;
        const struct safetensor *tensor = safetensors_find(set, parameter->name);
        if (!tensor || tensor->rank != parameter->rank ||
            memcmp(tensor->shape, parameter->shape, sizeof(int64_t) * (size_t)tensor->rank) != 0)
            fail_msg("'%s' is not there with its shape", parameter->name);
        base++;
    }
    assert_int_equal(set->count, base);
}

static void maps(const char *list, const char *architecture, const char *prefix, bool around)
{
    struct error err = {0};
    struct safetensors set = {0};
    struct text note = {0};
    struct model *model = new_model(architecture);
    if (!model)
        return; /* an architecture to come */
    read_list(list, prefix, &set);
    ok(tensor_names_map(model, &set, &note, &err), &err);
    expect_all(model, &set);
    assert_true(model->architecture.pad_around == around);
    assert_non_null(strstr(note.data, "left out, as no part of the base: "));
    text_release(&note);
    safetensors_release(&set);
    model_free(model);
}

static void names_of_torchvision_and_timm_become_ours(void **state)
{
    (void)state;
    maps("resnet18", "resnet18", "", false);
    maps("resnet18", "resnet18", "module.", false);
    maps("resnet18", "resnet18_v1.5", "", false);
    maps("resnet50_v1.5", "resnet50_v1.5", "", false);
    maps("mobilenet", "mobilenet", "", true);
    maps("mobilenet_v2", "mobilenet_v2", "", true);
    maps("mobilenet_v2.timm", "mobilenet_v2", "", true);
    maps("efficientnet_lite0", "efficientnet_lite0", "model.", true);
    maps("efficientnet_lite2", "efficientnet_lite2", "", true);
}

static const struct safetensor *find(const struct safetensors *set, const char *name)
{
    const struct safetensor *tensor = safetensors_find(set, name);
    if (!tensor)
        fail_msg("no '%s'", name);
    return tensor;
}

/* OIHW to HWIO; of depthwise convolutions to [r,s,c,1]; no bias is a bias of 0. */
static void kernels_are_transposed(void **state)
{
    struct error err = {0};
    struct safetensors set = {0}, before = {0};
    struct text note = {0};
    struct model *model = new_model("resnet18");
    (void)state;
    read_list("resnet18", "", &before);
    read_list("resnet18", "", &set);
    ok(tensor_names_map(model, &set, &note, &err), &err);
    const float *theirs = find(&before, "layer2.0.conv1.weight")->data; /* [128,64,3,3] */
    const float *ours = find(&set, "conv3_block1_1_conv/kernel")->data; /* [3,3,64,128] */
    for (int k = 0; k < 128; k++)
        for (int c = 0; c < 64; c++)
            for (int at = 0; at < 9; at++)
                assert_true(ours[(at * 64 + c) * 128 + k] == theirs[(k * 64 + c) * 9 + at]);
    assert_true(find(&set, "conv3_block1_1_conv/bias")->data[5] == 0.0f);
    assert_true(find(&set, "conv3_block1_0_bn/moving_mean")->data[5] ==
                find(&before, "layer2.0.downsample.1.running_mean")->data[5]);
    /* gamma / sqrt(v + 1e-5) is kept with an epsilon of 1.001e-5. */
    const double gamma = (double)find(&before, "bn1.weight")->data[3];
    const double variance = (double)find(&before, "bn1.running_var")->data[3];
    const double kept = (double)find(&set, "conv1_bn/gamma")->data[3] / sqrt(variance + 1.001e-5);
    assert_true(fabs(kept / (gamma / sqrt(variance + 1e-5)) - 1) < 1e-6);
    text_release(&note);
    safetensors_release(&set);
    safetensors_release(&before);
    model_free(model);
}

static void refuses(const char *list, const char *architecture, size_t left_out, const char *words)
{
    struct error err = {0};
    struct safetensors set = {0};
    struct text note = {0};
    struct model *model = new_model(architecture);
    read_list(list, "", &set);
    if (left_out > 0)
        snprintf(set.tensors[left_out].name, strlen(set.tensors[left_out].name) + 1, "x");
    assert_int_equal(tensor_names_map(model, &set, &note, &err), -1);
    if (!strstr(err.message, words))
        fail_msg("'%s' lacks '%s'", err.message, words);
    text_release(&note);
    safetensors_release(&set);
    model_free(model);
}

static void weights_of_another_network_are_refused_by_name(void **state)
{
    (void)state;
    refuses("resnet50_v1.5", "resnet50", 0, "take model.architecture 'resnet50_v1.5'");
    refuses("mobilenet", "resnet18", 0, "not those that torchvision or timm has for 'resnet18'");
    refuses("resnet18", "resnet34", 0, "there is no tensor 'layer1.2.conv1.weight'");
    refuses("resnet18", "resnet18", 7, "there is no tensor 'layer1.0.bn1.bias'");
}

/* A deeper network's weights hold a shallower one's names: what is left over tells. */
static void convolutions_that_are_left_over_are_no_classifier(void **state)
{
    (void)state;
    struct error err = {0};
    struct safetensors set = {0};
    struct text note = {0};
    const int64_t kernel[] = {64, 64, 3, 3};
    struct model *model = new_model("resnet18");
    read_list("resnet18", "", &set);
    ok(safetensors_add(&set, "layer1.2.conv1.weight", 4, kernel, NULL, &err), &err);
    ok(tensor_names_map(model, &set, &note, &err), &err);
    assert_non_null(safetensors_find(&set, "layer1.2.conv1.weight"));
    assert_non_null(safetensors_find(&set, "fc.weight"));
    text_release(&note);
    safetensors_release(&set);
    model_free(model);
}

/* ---- export ---- */

static void exported_models_are_read_again_and_keep_their_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet8", "mobilenet", "resnet50",
                                        "resnet8+conv3_block1_1_relu+conv1_relu"};
    char keras[] = "/tmp/reprise-export-XXXXXX";
    close(mkstemp(keras));
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct architecture a = {.alpha = 0.5, .image_size = 32, .classes = 3, .hidden = 4};
        const struct preprocess preprocess = {PREPROCESS_CAFFE, 255};
        struct error err = {0};
        struct model *model = NULL, *again = NULL;
        char *first, *second;
        size_t size, other;
        formula_name(&a, names[n]);
        ok(model_new(&a, &preprocess, 5, &model, &err), &err);
        ok(model_new(&a, &preprocess, 6, &again, &err), &err);
        for (int format = 0; format < 2; format++) {
            int (*export)(const struct model *, const char *, struct error *) =
                format == 0 ? export_onnx : export_keras;
            ok(export(model, keras, &err), &err);
            ok(file_read(keras, 1 << 30, &first, &size, &err), &err);
            ok(export(model, keras, &err), &err);
            ok(file_read(keras, 1 << 30, &second, &other, &err), &err);
            assert_int_equal(size, other);
            assert_memory_equal(first, second, size);
            free(first);
            free(second);
        }
        ok(model_load_base(again, keras, NULL, NULL, &err), &err);
        for (size_t p = 0; p < model->count; p++)
            if (!model->graph.nodes[model->parameters[p].node].head)
                assert_memory_equal(again->parameters[p].value, model->parameters[p].value,
                                    (size_t)model->parameters[p].count * sizeof(float));
        model_free(model);
        model_free(again);
    }
    unlink(keras);
}

/* Weights of a base that only numbers its layers are found by Keras' numbers, which must be those
 * of the base alone whatever layer the head sees. */
static void pooled_layers_do_not_renumber_the_base(void **state)
{
    static const char *const names[] = {"resnet8",       "resnet18",     "resnet50",
                                        "resnet50_v1.5", "mobilenet_v2", "efficientnet_lite0"};
    (void)state;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct model *plain = new_model(names[n]);
        struct keras_layers own = {0};
        struct error err = {0};
        ok(keras_layers_make(plain, &own, &err), &err);
        for (int m = 1; m < graph_last_map(&plain->graph); m++) {
            char name[2 * NODE_NAME_SIZE];
            struct keras_layers layers = {0};
            snprintf(name, sizeof name, "%s+%s", names[n], plain->graph.nodes[m].output);
            struct model *pooled = new_model(name);
            ok(keras_layers_make(pooled, &layers, &err), &err);
            assert_int_equal(layers.count, own.count + 2);
            for (size_t i = 0, j = 0; i < own.count; i++) {
                if (own.list[i].kind == KERAS_AVERAGE_POOL)
                    continue;
                while (strcmp(layers.list[j].name, own.list[i].name) != 0)
                    assert_true(++j < layers.count); /* in the same order */
                assert_int_equal(layers.list[j].number, own.list[i].number);
            }
            keras_layers_release(&layers);
            model_free(pooled);
        }
        keras_layers_release(&own);
        model_free(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_torchvision_and_timm_become_ours),
        cmocka_unit_test(kernels_are_transposed),
        cmocka_unit_test(weights_of_another_network_are_refused_by_name),
        cmocka_unit_test(convolutions_that_are_left_over_are_no_classifier),
        cmocka_unit_test(pooled_layers_do_not_renumber_the_base),
        cmocka_unit_test(exported_models_are_read_again_and_keep_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
