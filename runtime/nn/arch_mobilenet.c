/* MobileNet: Howard et al., "MobileNets", 2017 (arXiv 1704.04861), table 1.
 * MobileNetV2: Sandler et al., "Inverted residuals and linear bottlenecks",
 * 2018 (arXiv 1801.04381), table 2. Both as keras.applications has them.
 */
#include "nn/arch_parts.h"

/* ---- v1 ---- */

static const char *const names[] = {"mobilenet"};

/* Depthwise separable blocks: channels at width 1, stride. */
static const struct {
    int64_t channels, stride;
} blocks[] = {
    {64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2},  {512, 1},
    {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

static int add(struct graph *graph, const char *name, int64_t channels, int64_t kernel,
               int64_t stride, bool depthwise, int *last, struct error *err)
{
    const struct arch_conv conv = {
        .unit = name,
        .conv = "",
        .norm = "_bn",
        .output = "_relu",
        .channels = channels,
        .kernel = kernel,
        .stride = stride,
        .input = *last,
        .residual = -1,
        .depthwise = depthwise,
        .activation = ACTIVATION_RELU6,
        .padding = depthwise && stride == 2 ? PAD_BELOW : PAD_SAME,
        .epsilon = 1e-3f,
        .momentum = 0.99,
    };
    return arch_add_conv(graph, &conv, last, err);
}

static int build(struct graph *graph, const struct architecture *architecture, size_t which,
                 int *last, struct error *err)
{
    const double alpha = architecture->alpha;
    int64_t channels = (int64_t)(32 * alpha);
    if (channels < 2)
        return error_set(err, ERR_USAGE, "architecture '%s': alpha %g leaves too few channels",
                         names[which], alpha);
    if (add(graph, "conv1", channels, 3, 2, false, last, err))
        return -1;
    for (int i = 0; i < BLOCKS; i++) {
        char depthwise[NODE_NAME_SIZE], pointwise[NODE_NAME_SIZE];
        snprintf(depthwise, sizeof depthwise, "conv_dw_%d", i + 1);
        snprintf(pointwise, sizeof pointwise, "conv_pw_%d", i + 1);
        if (add(graph, depthwise, channels, 3, blocks[i].stride, true, last, err))
            return -1;
        channels = (int64_t)((double)blocks[i].channels * alpha);
        if (add(graph, pointwise, channels, 1, 1, false, last, err))
            return -1;
    }
    return arch_add_average_pool(graph, "global_average_pooling2d", last, err);
}

const struct arch_family arch_mobilenet = {names, 1, build};

/* ---- v2 ---- */

static const char *const names_v2[] = {"mobilenet_v2"};

/* Groups of inverted residual blocks; the first block of a group has its stride. */
static const struct {
    int64_t channels, stride, expansion, repeats;
} groups_v2[] = {
    {16, 1, 1, 1}, {24, 2, 6, 2},  {32, 2, 6, 3},  {64, 2, 6, 4},
    {96, 1, 6, 3}, {160, 2, 6, 3}, {320, 1, 6, 1},
};
enum { GROUPS_V2 = sizeof groups_v2 / sizeof groups_v2[0] };

static struct arch_conv conv_v2(const char *unit, int64_t channels, int input)
{
    return (struct arch_conv){.unit = unit,
                              .channels = channels,
                              .kernel = 1,
                              .stride = 1,
                              .input = input,
                              .residual = -1,
                              .activation = ACTIVATION_RELU6,
                              .padding = PAD_SAME,
                              .epsilon = 1e-3f,
                              .momentum = 0.999};
}

static int add_block_v2(struct graph *graph, const char *unit, int64_t expansion, int64_t channels,
                        int64_t stride, int *last, struct error *err)
{
    const int input = *last;
    const int64_t in = graph->nodes[input].channels;
    struct arch_conv expand = conv_v2(unit, in * expansion, input);
    expand.conv = "_expand", expand.norm = "_expand_BN", expand.output = "_expand_relu";
    if (expansion > 1 && arch_add_conv(graph, &expand, last, err))
        return -1;
    struct arch_conv depthwise = conv_v2(unit, in * expansion, *last);
    depthwise.conv = "_depthwise", depthwise.norm = "_depthwise_BN";
    depthwise.output = "_depthwise_relu";
    depthwise.kernel = 3, depthwise.stride = stride, depthwise.depthwise = true;
    if (arch_add_conv(graph, &depthwise, last, err))
        return -1;
    struct arch_conv project = conv_v2(unit, channels, *last);
    project.conv = "_project", project.norm = "_project_BN";
    project.activation = ACTIVATION_NONE;
    if (stride == 1 && in == channels) {
        project.residual = input;
        project.output = "_add";
    }
    return arch_add_conv(graph, &project, last, err);
}

static int build_v2(struct graph *graph, const struct architecture *architecture, size_t which,
                    int *last, struct error *err)
{
    const double alpha = architecture->alpha;
    struct arch_conv stem = conv_v2("", arch_round_channels(32 * alpha), *last);
    stem.conv = "Conv1", stem.norm = "bn_Conv1", stem.output = "Conv1_relu";
    stem.kernel = 3, stem.stride = 2;
    int block = 0;
    (void)which;
    if (arch_add_conv(graph, &stem, last, err))
        return -1;
    for (int g = 0; g < GROUPS_V2; g++) {
        /* Keras takes the whole part first. */
        const int64_t channels =
            arch_round_channels((double)(int64_t)((double)groups_v2[g].channels * alpha));
        for (int64_t i = 0; i < groups_v2[g].repeats; i++, block++) {
            char unit[NODE_NAME_SIZE] = "expanded_conv";
            if (block > 0)
                snprintf(unit, sizeof unit, "block_%d", block);
            if (add_block_v2(graph, unit, groups_v2[g].expansion, channels,
                             i == 0 ? groups_v2[g].stride : 1, last, err))
                return -1;
        }
    }
    struct arch_conv top =
        conv_v2("", alpha > 1.0 ? arch_round_channels(1280 * alpha) : 1280, *last);
    top.conv = "Conv_1", top.norm = "Conv_1_bn", top.output = "out_relu";
    if (arch_add_conv(graph, &top, last, err))
        return -1;
    return arch_add_average_pool(graph, "global_average_pooling2d", last, err);
}

const struct arch_family arch_mobilenet_v2 = {names_v2, 1, build_v2};
