/* A head that sees averages of several layers: the network's side of pooled_layers. Its bits, and
 * what test_network.c promises of every network, are there.
 */
#include "nn/cpu/executor.h"

#include "network_fixture.h"
#include "on_lane.h"
#include "tap.h"

#include <math.h>

enum { SIZE = 16 };

#define POOLED "resnet8+conv3_block1_1_relu+conv1_relu+conv3_block1_out"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* A map that a pool reads beside convolutions and a sum: all layers train, those before or behind a
 * pooled one, or only norms. */
static void network_gradients_are_derivatives_with_pooled_layers(void **state)
{
    const char *const patterns[] = {"", "conv1", "conv3_block1_1_conv", "conv4", "2_bn"};
    (void)state;
    for (int mode = 0; mode < 2; mode++)
        for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
            struct fixture_setup setup = {POOLED,
                                          SIZE,
                                          0.2,
                                          patterns[i],
                                          {.batch = FIXTURE_IMAGES,
                                           .shard = 4,
                                           .norm = mode ? NORM_BATCH : NORM_INFERENCE,
                                           .seed = 9,
                                           .dtype = DTYPE_F32},
                                          1};
            fixture_gradients_are_derivatives(&setup);
        }
}

/* Of a frozen base the head's input and nothing else is kept; of one that trains from some layer on
 * what that layer reads, and of pooled layers before it their averages, never their maps. */
static void network_remembers_averages_of_pooled_layers(void **state)
{
    static const struct {
        const char *pattern;
        const char *edges[4];
    } cases[] = {
        {NULL, {"concatenate"}},
        {"conv4_block1_2",
         {"conv4_block1_1_relu", "conv4_block1_0_bn", "conv3_block1_1_relu_avg_pool",
          "conv1_relu_avg_pool"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture_setup setup = {"resnet8+conv3_block1_1_relu+conv1_relu",
                                      SIZE,
                                      0.0,
                                      cases[i].pattern,
                                      {.batch = FIXTURE_IMAGES,
                                       .shard = 4,
                                       .norm = NORM_INFERENCE,
                                       .seed = 9,
                                       .dtype = DTYPE_F32},
                                      1};
        struct error err = {0};
        struct fixture f;
        size_t bytes = 0;
        fixture_open(&f, &setup);
        for (int j = 0; j < 4 && cases[i].edges[j]; j++) {
            const int node = graph_find(&f.model->graph, cases[i].edges[j]);
            assert_true(node > 0 && network_executor(f.network)->training.nodes[node].edge);
            bytes += node_bytes(network_executor(f.network), node);
        }
        ok(network_remember(f.network, &f.pictures.feed, 1 << 20, &err), &err);
        assert_int_equal(network_executor(f.network)->features.sample_bytes, bytes);
        fixture_close(&f);
    }
}

/* The head's input is the averages of the layers, in the order that was asked for. */
static void network_concatenates_averages_of_layers(void **state)
{
    static const char *const layers[] = {"conv3_block1_1_relu", "conv1_relu", "conv3_block1_out",
                                         "conv4_block1_out"};
    enum { N = 3, LARGEST = 16 * SIZE * SIZE, FEATURES = 32 + 16 + 32 + 64 };
    static float maps[4][N * LARGEST], features[N * FEATURES];
    struct fixture_setup setup = {POOLED, SIZE, 0.3, NULL, {0}, 1};
    (void)state;
    for (int dtype = 0; dtype < on_lane_dtypes(); dtype++) {
        struct error err = {0};
        struct network_tap taps[5];
        float largest = 0.0f;
        struct fixture f;
        setup.options.dtype = (enum dtype)dtype;
        fixture_open(&f, &setup);
        const struct graph *graph = &f.model->graph;
        for (int i = 0; i < 4; i++)
            taps[i] = (struct network_tap){graph_find(graph, layers[i]), maps[i]};
        taps[4] = (struct network_tap){graph_features(graph), features};
        assert_int_equal(graph->nodes[taps[4].node].channels, FEATURES);
        assert_int_equal(graph_last_map(graph), taps[3].node);
        ok(network_infer_taps(f.network, &f.pictures.feed, f.pictures.samples, N, NULL, NULL, taps,
                              5, NULL, &err),
           &err);
        int64_t at = 0;
        for (int i = 0; i < 4; i++) {
            const struct node *node = &graph->nodes[taps[i].node];
            const int64_t places = node->height * node->width;
            for (int64_t c = 0; c < node->channels; c++, at++)
                for (int64_t image = 0; image < N; image++) {
                    double mean = 0;
                    for (int64_t p = 0; p < places; p++)
                        mean += (double)maps[i][(image * places + p) * node->channels + c] /
                                (double)places;
                    const double own = (double)features[image * FEATURES + at];
                    assert_true(fabs(own - mean) <= (dtype ? 0x1p-8 : 1e-6) * fabs(mean));
                }
        }
        assert_int_equal(at, FEATURES);
        /* nn/cpu/guard.c's bound, of the last image */
        for (int64_t c = 0; c < FEATURES; c++)
            largest = fmaxf(largest, fabsf(features[(N - 1) * FEATURES + c]));
        assert_true(
            network_executor(f.network)
                    ->inference.reach[network_program(f.network)->nodes[taps[4].node].output] >=
                largest &&
            largest > 0);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_gradients_are_derivatives_with_pooled_layers),
        cmocka_unit_test(network_remembers_averages_of_pooled_layers),
        cmocka_unit_test(network_concatenates_averages_of_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
