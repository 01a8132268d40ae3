/* EfficientNet-Lite: Tan and Le, "EfficientNet", 2019 (arXiv 1905.11946), table
 * 1, without squeeze and excitation, with ReLU6, stem and head of one width, and
 * the first and last group not repeated more often in the deeper ones. Layers
 * are named as in keras.applications' EfficientNet; padding is TensorFlow's.
 */
#include "nn/arch_parts.h"

#include <math.h>

static const char *const names[] = {"efficientnet_lite0", "efficientnet_lite1",
                                    "efficientnet_lite2", "efficientnet_lite3",
                                    "efficientnet_lite4"};

static const struct {
    double width, depth;
} scales[] = {{1.0, 1.0}, {1.0, 1.1}, {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8}};
_Static_assert(sizeof names / sizeof names[0] == sizeof scales / sizeof scales[0],
               "a scale a name");

/* Groups of inverted residual blocks; the first block of a group has its stride. */
static const struct {
    int64_t kernel, stride, channels, expansion, repeats;
} groups[] = {
    {3, 1, 16, 1, 1},  {3, 2, 24, 6, 2},  {5, 2, 40, 6, 2},  {3, 2, 80, 6, 3},
    {5, 1, 112, 6, 3}, {5, 2, 192, 6, 4}, {3, 1, 320, 6, 1},
};
enum { GROUPS = sizeof groups / sizeof groups[0] };

static struct arch_conv conv_of(const char *unit, int64_t channels, int input)
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
                              .momentum = 0.99};
}

static int add_block(struct graph *graph, const char *unit, int g, int64_t channels, int64_t stride,
                     int *last, struct error *err)
{
    const int input = *last;
    const int64_t in = graph->nodes[input].channels, inner = in * groups[g].expansion;
    struct arch_conv expand = conv_of(unit, inner, input);
    expand.conv = "_expand_conv", expand.norm = "_expand_bn", expand.output = "_expand_activation";
    if (groups[g].expansion > 1 && arch_add_conv(graph, &expand, last, err))
        return -1;
    struct arch_conv depthwise = conv_of(unit, inner, *last);
    depthwise.conv = "_dwconv", depthwise.norm = "_bn", depthwise.output = "_activation";
    depthwise.kernel = groups[g].kernel, depthwise.stride = stride, depthwise.depthwise = true;
    if (arch_add_conv(graph, &depthwise, last, err))
        return -1;
    struct arch_conv project = conv_of(unit, channels, *last);
    project.conv = "_project_conv", project.norm = "_project_bn";
    project.activation = ACTIVATION_NONE;
    if (stride == 1 && in == channels) {
        project.residual = input;
        project.output = "_add";
    }
    return arch_add_conv(graph, &project, last, err);
}

static int64_t repeats_of(int g, double depth)
{
    if (g == 0 || g == GROUPS - 1)
        return groups[g].repeats;
    return (int64_t)ceil((double)groups[g].repeats * depth);
}

static int build(struct graph *graph, const struct architecture *architecture, size_t which,
                 int *last, struct error *err)
{
    struct arch_conv stem = conv_of("", 32, *last);
    stem.conv = "stem_conv", stem.norm = "stem_bn", stem.output = "stem_activation";
    stem.kernel = 3, stem.stride = 2;
    (void)architecture;
    if (arch_add_conv(graph, &stem, last, err))
        return -1;
    for (int g = 0; g < GROUPS; g++) {
        const int64_t channels =
            arch_round_channels((double)groups[g].channels * scales[which].width);
        const int64_t repeats = repeats_of(g, scales[which].depth);
        for (int64_t i = 0; i < repeats; i++) {
            char unit[NODE_NAME_SIZE];
            snprintf(unit, sizeof unit, "block%d%c", g + 1, 'a' + (int)i);
            if (add_block(graph, unit, g, channels, i == 0 ? groups[g].stride : 1, last, err))
                return -1;
        }
    }
    struct arch_conv top = conv_of("", 1280, *last);
    top.conv = "top_conv", top.norm = "top_bn", top.output = "top_activation";
    if (arch_add_conv(graph, &top, last, err))
        return -1;
    return arch_add_average_pool(graph, "avg_pool", last, err);
}

const struct arch_family arch_efficientnet = {names, sizeof names / sizeof names[0], build};
