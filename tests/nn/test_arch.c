/* Architectures: layers as keras.applications names them, counts, and what is refused. */
#include "nn/model.h"

#include "formula.h"
#include "known_text.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static int64_t base_count(const struct model *model, const char *part, bool moving)
{
    int64_t count = 0;
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        if (!model->graph.nodes[parameter->node].head && strstr(parameter->name, part) &&
            (!moving || parameter->role >= PARAMETER_MOVING_MEAN))
            count += parameter->count;
    }
    return count;
}

static void shape_of(const struct parameter *parameter, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < parameter->rank; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "x" : "",
                                 (long long)parameter->shape[i]);
}

/* Every layer of Keras' list is there with its shape and the size of its output, and there are no
 * others. */
static void same_layers_at(const char *name, double alpha, int64_t size, int64_t layers)
{
    struct known_text golden;
    char path[80], shape[64];
    const char *word;
    int64_t seen = 0, own = 0;
    struct architecture architecture = {.alpha = alpha, .image_size = size, .classes = 10};
    struct preprocess preprocess = {PREPROCESS_UNIT, 255};
    struct error err = {0};
    struct model *model = NULL;
    snprintf(architecture.name, sizeof architecture.name, "%s", name);
    if (model_new_blank(&architecture, &preprocess, &model, &err))
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "tests/golden/architectures/%s.txt", name);
    known_open(&golden, path);
    while ((word = known_word(&golden)) != NULL) {
        size_t p = 0;
        while (p < model->count && strcmp(model->parameters[p].name, word) != 0)
            p++;
        if (p == model->count)
            fail_msg("%s: no parameter '%s'", name, word);
        const struct parameter *parameter = &model->parameters[p];
        shape_of(parameter, shape, sizeof shape);
        assert_string_equal(known_word(&golden), shape);
        assert_int_equal((int64_t)known_number(&golden),
                         model->graph.nodes[parameter->node].height);
        seen++;
    }
    for (size_t p = 0; p < model->count; p++)
        own += !model->graph.nodes[model->parameters[p].node].head &&
               model->parameters[p].role <= PARAMETER_GAMMA;
    assert_int_equal(seen, layers);
    assert_int_equal(own, layers);
    known_close(&golden);
    model_free(model);
}

static void same_layers(const char *name, int64_t layers)
{
    same_layers_at(name, strcmp(name, "mobilenet") == 0 ? 0.25 : 1.0, 224, layers);
}

static void arch_has_keras_layers_resnet50(void **state)
{
    (void)state;
    same_layers("resnet50", 159);
}

static void arch_has_keras_layers_resnet101_and_152(void **state)
{
    (void)state;
    same_layers("resnet101", 312);
    same_layers("resnet152", 465);
}

static void arch_has_keras_layers_mobilenet(void **state)
{
    (void)state;
    same_layers("mobilenet", 54);
}

static void arch_has_keras_layers_mobilenet_v2(void **state)
{
    (void)state;
    same_layers_at("mobilenet_v2", 1.4, 224, 104);
}

/* Lists made by timm, with layers named as keras.applications does. */
static void arch_has_the_layers_of_efficientnet_lite(void **state)
{
    (void)state;
    same_layers_at("efficientnet_lite0", 1.0, 224, 98);
    same_layers_at("efficientnet_lite1", 1.0, 240, 128);
    same_layers_at("efficientnet_lite2", 1.0, 260, 128);
    same_layers_at("efficientnet_lite3", 1.0, 280, 146);
    same_layers_at("efficientnet_lite4", 1.0, 300, 182);
}

/* Their counts without the last layer, moving statistics included, as torchvision prints them. */
static void arch_resnet_v15_counts(void **state)
{
    const struct {
        const char *name;
        int64_t trainable, moving;
    } known[] = {{"resnet18_v1.5", 11176512, 9600},
                 {"resnet34_v1.5", 21284672, 17024},
                 {"resnet50_v1.5", 23508032, 53120},
                 {"resnet101_v1.5", 42500160, 105344},
                 {"resnet152_v1.5", 58143808, 151424}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct model *model = formula_model(known[i].name, 64, 10, 0, 0.0);
        assert_int_equal(base_count(model, "", true), known[i].moving);
        assert_int_equal(base_count(model, "", false), known[i].trainable + known[i].moving);
        model_free(model);
    }
}

static void arch_resnet50_counts(void **state)
{
    int64_t trainable, frozen;
    struct error err = {0};
    const char *conv5[] = {"conv5"};
    (void)state;
    struct model *model = formula_model("resnet50", 224, 10, 256, 0.3);
    assert_int_equal(base_count(model, "", false), 23587712);
    assert_int_equal(base_count(model, "", true), 53120);
    assert_int_equal(base_count(model, "conv1_", false), 9728);
    assert_int_equal(base_count(model, "conv2_b", false), 220032);
    assert_int_equal(base_count(model, "conv3_b", false), 1230336);
    assert_int_equal(base_count(model, "conv4_b", false), 7129088);
    assert_int_equal(base_count(model, "conv5_b", false), 14998528);
    model_count(model, &trainable, &frozen);
    assert_int_equal(trainable, 527114);
    assert_int_equal(frozen, 23587712);
    assert_int_equal(model_set_trainable(model, conv5, 1, &err), 0);
    model_count(model, &trainable, &frozen);
    assert_int_equal(trainable, 15503114);
    assert_int_equal(frozen, 8611712);
    model_free(model);
}

/* He et al. 2015, table 6, to the last one: with shortcuts that have no weights and a dense layer
 * of 10 classes. Our two projections add 512 + 2048 weights and gamma and beta of 32 + 64 channels.
 */
static void arch_cifar_resnet_counts(void **state)
{
    const struct {
        const char *name;
        int64_t convs, count;
    } known[] = {{"resnet20", 19, 269722},
                 {"resnet32", 31, 464154},
                 {"resnet44", 43, 658586},
                 {"resnet56", 55, 853018}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int64_t convs = 0;
        struct model *model = formula_model(known[i].name, 32, 10, 0, 0.0);
        for (size_t n = 0; n < model->graph.count; n++)
            convs += model->graph.nodes[n].kind == NODE_CONV;
        assert_int_equal(convs, known[i].convs + 2);
        int64_t trainable = base_count(model, "", false) - base_count(model, "", true);
        assert_int_equal(trainable + 650 - (512 + 2048) - 2 * (32 + 64), known[i].count);
        int map = graph_last_map(&model->graph);
        assert_int_equal(model->graph.nodes[map].height, 8);
        assert_int_equal(model->graph.nodes[map].channels, 64);
        model_free(model);
    }
}

/* The counts of the widely used 18 and 34 layer nets without their last layer, plus a bias per
 * convolution's channel (11,176,512 and 21,284,672 trainable values there), plus the moving
 * statistics. */
static void arch_resnet18_and_34_counts(void **state)
{
    const struct {
        const char *name;
        int64_t trainable, channels;
    } known[] = {{"resnet18", 11176512, 4800}, {"resnet34", 21284672, 8512}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model *model = formula_model(known[i].name, 224, 10, 0, 0.0);
        assert_int_equal(base_count(model, "/moving_mean", false), known[i].channels);
        assert_int_equal(base_count(model, "", false), known[i].trainable + 3 * known[i].channels);
        model_free(model);
    }
}

static void arch_finds_layers_by_any_name(void **state)
{
    (void)state;
    struct model *model = formula_model("resnet50", 224, 10, 256, 0.3);
    const struct graph *graph = &model->graph;
    int node = graph_find(graph, "conv5_block3_3_conv");
    assert_true(node > 0);
    assert_int_equal(graph_find(graph, "conv5_block3_3_bn"), node);
    assert_int_equal(graph_find(graph, "conv5_block3_out"), node);
    assert_int_equal(graph_last_map(graph), node);
    assert_int_equal(graph_find(graph, "conv6_block3_out"), -1);
    assert_int_equal(graph_find(graph, ""), -1);
    assert_int_equal(graph->nodes[graph->count - 1].channels, 10);
    model_free(model);
}

static void arch_refuses_what_it_cannot_build(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    struct architecture a = {
        .name = "resnet5", .alpha = 1, .image_size = 32, .classes = 10, .hidden = 0, .dropout = 0};
    (void)state;
    assert_int_equal(graph_build(&a, &graph, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.message, "'resnet5'"));
    assert_non_null(strstr(err.message, "did you mean"));
    snprintf(a.name, sizeof a.name, "alexnet");
    assert_int_equal(graph_build(&a, &graph, &err), -1);
    assert_non_null(strstr(err.message, "mobilenet"));
    snprintf(a.name, sizeof a.name, "mobilenet");
    a.image_size = 16;
    assert_int_equal(graph_build(&a, &graph, &err), -1);
    assert_non_null(strstr(err.message, "too small"));
    a.image_size = 32;
    a.alpha = 0.03;
    assert_int_equal(graph_build(&a, &graph, &err), -1);
    a.alpha = 1;
    a.classes = 10001;
    assert_int_equal(graph_build(&a, &graph, &err), -1);
    assert_null(graph.nodes);
}

/* Any size that leaves a place in the last map, odd ones too. */
static void arch_takes_any_size(void **state)
{
    static const char *const names[] = {"mobilenet",          "mobilenet_v2", "efficientnet_lite0",
                                        "efficientnet_lite4", "resnet8",      "resnet18",
                                        "resnet50",           "resnet50_v1.5"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int64_t size = 8; size <= 300; size++) {
            struct graph graph = {0};
            struct error err = {0};
            struct architecture a = {.alpha = 1, .image_size = size, .classes = 10};
            snprintf(a.name, sizeof a.name, "%s", names[i]);
            if (graph_build(&a, &graph, &err)) {
                assert_true(i == 0 && size < 31);
                assert_non_null(strstr(err.message, "too small"));
                continue;
            }
            const struct node *map = &graph.nodes[graph_last_map(&graph)];
            assert_true(map->height >= 1 && map->width == map->height);
            graph_release(&graph);
        }
}

/* ---- pooled layers ---- */

static const char *const all_names[] = {"mobilenet",     "mobilenet_v2", "efficientnet_lite0",
                                        "resnet8",       "resnet18",     "resnet50",
                                        "resnet50_v1.5", "resnet20"};
enum { ALL_NAMES = sizeof all_names / sizeof all_names[0] };

/* Behind each map its pool, behind all the concatenation; what reads what is as without. */
static void arch_pools_each_layer_behind_its_map(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL_NAMES; i++) {
        struct graph plain, pooled;
        struct error err = {0};
        struct architecture a = {.alpha = 1, .image_size = 64, .classes = 10, .dropout = 0.1};
        snprintf(a.name, sizeof a.name, "%s", all_names[i]);
        assert_int_equal(graph_build(&a, &plain, &err), 0);
        int64_t channels = 0;
        /* every third layer, the last first */
        for (int m = graph_last_map(&plain) - 1; m > 0; m -= 3) {
            if (a.pooled_count == POOLED_LAYERS_MOST)
                break;
            assert_int_equal(architecture_pool(&a, plain.nodes[m].output, &err), 0);
            channels += plain.nodes[m].channels;
        }
        if (graph_build(&a, &pooled, &err))
            fail_msg("%s", err.message);
        assert_int_equal(pooled.count, plain.count + a.pooled_count + 1);
        const struct node *features = &pooled.nodes[graph_features(&pooled)];
        assert_int_equal(features->kind, NODE_CONCATENATE);
        assert_int_equal(node_inputs(features), a.pooled_count + 1);
        assert_int_equal(features->channels,
                         channels + plain.nodes[graph_features(&plain)].channels);
        for (size_t k = 0; k < a.pooled_count; k++) {
            const struct node *pool = &pooled.nodes[node_input(features, (int)k)];
            assert_int_equal(pool->kind, NODE_AVERAGE_POOL);
            assert_int_equal(pool->input, node_input(features, (int)k) - 1);
            assert_string_equal(pooled.nodes[pool->input].output, a.pooled_layers[k]);
        }
        for (size_t n = 1; n < plain.count; n++) {
            const struct node *own = &plain.nodes[n];
            const struct node *same = &pooled.nodes[graph_find(&pooled, own->output)];
            const bool first = own->input == graph_features(&plain);
            assert_string_equal(pooled.nodes[same->input].output,
                                first ? "concatenate" : plain.nodes[own->input].output);
            if (own->residual >= 0)
                assert_string_equal(pooled.nodes[same->residual].output,
                                    plain.nodes[own->residual].output);
            assert_true((same->residual < 0) == (own->residual < 0));
        }
        assert_string_equal(pooled.nodes[graph_last_map(&pooled)].output,
                            plain.nodes[graph_last_map(&plain)].output);
        graph_release(&plain);
        graph_release(&pooled);
    }
}

static void arch_refuses_layers_that_it_cannot_pool(void **state)
{
    static const struct {
        const char *layers[3], *message;
    } wrong[] = {
        {{"conv_pw_55_relu"},
         "'mobilenet' has no layer 'conv_pw_55_relu', did you mean 'conv_pw_5_relu'?"},
        {{"conv_pw_5_relu", "nonsense"}, "'mobilenet' has no layer 'nonsense' (docs/recipes.md"},
        {{""}, "'mobilenet' has no layer ''"},
        {{"conv_pw_5"}, "take its output 'conv_pw_5_relu'"},
        {{"conv_pw_5_bn"}, "take its output 'conv_pw_5_relu'"},
        {{"input"}, "'input' has no map"},
        {{"global_average_pooling2d"}, "'global_average_pooling2d' has no map"},
        {{"dropout"}, "'mobilenet' has no layer 'dropout'"},
        {{"conv_pw_5_relu", "conv1_relu", "conv_pw_5_relu"}, "'conv_pw_5_relu' is named twice"},
        {{"conv_pw_13_relu"}, "'conv_pw_13_relu' is the last map"},
    };
    struct error err = {0};
    struct graph graph = {0};
    char long_name[NODE_NAME_SIZE + 1] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct architecture a = {.alpha = 1, .image_size = 64, .classes = 10, .dropout = 0.1};
        snprintf(a.name, sizeof a.name, "mobilenet");
        for (int k = 0; k < 3 && wrong[i].layers[k]; k++)
            assert_int_equal(architecture_pool(&a, wrong[i].layers[k], &err), 0);
        assert_int_equal(graph_build(&a, &graph, &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        if (strncmp(err.message, "pooled_layers: ", 15) != 0 ||
            !strstr(err.message, wrong[i].message))
            fail_msg("%s", err.message);
        assert_null(graph.nodes);
    }
    struct architecture a = {.name = "resnet56", .alpha = 1, .image_size = 32, .classes = 10};
    memset(long_name, 'x', NODE_NAME_SIZE);
    assert_int_equal(architecture_pool(&a, long_name, &err), -1);
    assert_non_null(strstr(err.message, "no network has a layer 'xxx"));
    for (int i = 0; i < POOLED_LAYERS_MOST; i++)
        assert_int_equal(architecture_pool(&a, "conv1_relu", &err), 0);
    assert_int_equal(architecture_pool(&a, "conv1_relu", &err), -1);
    assert_non_null(strstr(err.message, "more than 32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arch_has_keras_layers_resnet50),
        cmocka_unit_test(arch_has_keras_layers_resnet101_and_152),
        cmocka_unit_test(arch_has_keras_layers_mobilenet),
        cmocka_unit_test(arch_has_keras_layers_mobilenet_v2),
        cmocka_unit_test(arch_has_the_layers_of_efficientnet_lite),
        cmocka_unit_test(arch_resnet50_counts),
        cmocka_unit_test(arch_resnet_v15_counts),
        cmocka_unit_test(arch_cifar_resnet_counts),
        cmocka_unit_test(arch_resnet18_and_34_counts),
        cmocka_unit_test(arch_finds_layers_by_any_name),
        cmocka_unit_test(arch_refuses_what_it_cannot_build),
        cmocka_unit_test(arch_takes_any_size),
        cmocka_unit_test(arch_pools_each_layer_behind_its_map),
        cmocka_unit_test(arch_refuses_layers_that_it_cannot_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
