/* ResNet: He et al., "Deep residual learning for image recognition", 2015
 * (arXiv 1512.03385). For CIFAR section 4.2 with projection shortcuts (option
 * B); the ImageNet nets as keras.applications lays them out (convolutions with
 * bias, and the stride of a bottleneck in its first 1x1 convolution), and as
 * torchvision does, which is known as v1.5: no bias, the stride in the 3x3.
 */
#include "nn/arch_parts.h"

enum { RESNET_STAGES = 4 };

enum resnet_kind {
    RESNET_CIFAR, /* 3x3 stem at full size, no pool, no bias, three stages of 16, 32, 64 */
    RESNET_KERAS,
    RESNET_V15,
};

struct resnet_layout {
    enum resnet_kind kind;
    bool bottleneck; /* 1x1, 3x3, 1x1 to four times the width; else two 3x3 */
    int64_t blocks[RESNET_STAGES];
};

static const char *const names[] = {
    "resnet8",       "resnet14",      "resnet20",       "resnet32",
    "resnet44",      "resnet56",      "resnet18",       "resnet34",
    "resnet50",      "resnet101",     "resnet152",      "resnet18_v1.5",
    "resnet34_v1.5", "resnet50_v1.5", "resnet101_v1.5", "resnet152_v1.5"};

static const struct resnet_layout layouts[] = {
    {RESNET_CIFAR, false, {1, 1, 1, 0}}, {RESNET_CIFAR, false, {2, 2, 2, 0}},
    {RESNET_CIFAR, false, {3, 3, 3, 0}}, {RESNET_CIFAR, false, {5, 5, 5, 0}},
    {RESNET_CIFAR, false, {7, 7, 7, 0}}, {RESNET_CIFAR, false, {9, 9, 9, 0}},
    {RESNET_KERAS, false, {2, 2, 2, 2}}, {RESNET_KERAS, false, {3, 4, 6, 3}},
    {RESNET_KERAS, true, {3, 4, 6, 3}},  {RESNET_KERAS, true, {3, 4, 23, 3}},
    {RESNET_KERAS, true, {3, 8, 36, 3}}, {RESNET_V15, false, {2, 2, 2, 2}},
    {RESNET_V15, false, {3, 4, 6, 3}},   {RESNET_V15, true, {3, 4, 6, 3}},
    {RESNET_V15, true, {3, 4, 23, 3}},   {RESNET_V15, true, {3, 8, 36, 3}},
};
_Static_assert(sizeof names / sizeof names[0] == sizeof layouts / sizeof layouts[0],
               "a layout a name");

/* What the convolutions of a layout have in common. PyTorch's momentum of 0.1 is Keras' 0.9. */
static struct arch_conv conv_of(const struct resnet_layout *layout)
{
    const bool keras = layout->kind != RESNET_V15;
    return (struct arch_conv){.residual = -1,
                              .bias = layout->kind == RESNET_KERAS,
                              .activation = ACTIVATION_RELU,
                              .padding = PAD_AROUND,
                              .epsilon = keras ? 1.001e-5f : 1e-5f,
                              .momentum = keras ? 0.99 : 0.9};
}

/* A convolution of a block. */
struct part {
    const char *conv, *norm, *output;
    int64_t channels, kernel, stride;
};

static int add_part(struct graph *graph, const struct resnet_layout *layout, const char *unit,
                    const struct part *part, int residual, int *x, struct error *err)
{
    struct arch_conv conv = conv_of(layout);
    conv.unit = unit;
    conv.conv = part->conv;
    conv.norm = part->norm;
    conv.output = part->output;
    conv.channels = part->channels;
    conv.kernel = part->kernel;
    conv.stride = part->stride;
    conv.input = *x;
    conv.residual = residual;
    if (part->output == NULL)
        conv.activation = ACTIVATION_NONE;
    return arch_add_conv(graph, &conv, x, err);
}

/* One residual block; *last goes from its input to its output. */
static int add_block(struct graph *graph, const struct resnet_layout *layout, const char *unit,
                     int64_t width, int64_t stride, int *last, struct error *err)
{
    int shortcut = *last;
    const int64_t out = layout->bottleneck ? 4 * width : width;
    const int64_t first = layout->kind == RESNET_V15 ? 1 : stride, second = stride / first;
    const struct part projection = {"_0_conv", "_0_bn", NULL, out, 1, stride};
    const struct part deep[] = {
        {"_1_conv", "_1_bn", "_1_relu", width, 1, first},
        {"_2_conv", "_2_bn", "_2_relu", width, 3, second},
        {"_3_conv", "_3_bn", "_out", out, 1, 1},
    };
    const struct part basic[] = {
        {"_1_conv", "_1_bn", "_1_relu", width, 3, stride},
        {"_2_conv", "_2_bn", "_out", out, 3, 1},
    };
    const struct part *parts = layout->bottleneck ? deep : basic;
    const int count = layout->bottleneck ? 3 : 2;
    if ((stride != 1 || graph->nodes[*last].channels != out) &&
        add_part(graph, layout, unit, &projection, -1, &shortcut, err))
        return -1;
    for (int i = 0; i < count; i++)
        if (add_part(graph, layout, unit, &parts[i], i == count - 1 ? shortcut : -1, last, err))
            return -1;
    return 0;
}

static int add_stem(struct graph *graph, const struct resnet_layout *layout, int *last,
                    struct error *err)
{
    const struct part small = {"_conv", "_bn", "_relu", 16, 3, 1};
    const struct part large = {"_conv", "_bn", "_relu", 64, 7, 2};
    if (layout->kind == RESNET_CIFAR)
        return add_part(graph, layout, "conv1", &small, -1, last, err);
    if (add_part(graph, layout, "conv1", &large, -1, last, err))
        return -1;
    /* Keras pads with zeros before the pool; after a ReLU they never win. */
    struct node pool = {.kind = NODE_MAX_POOL, .input = *last, .residual = -1};
    arch_set_name(pool.name, "pool1_pool", "");
    arch_set_name(pool.output, "pool1_pool", "");
    pool.channels = 64;
    pool.kernel = 3;
    pool.stride = 2;
    arch_place(graph, PAD_AROUND, &pool);
    return arch_add(graph, &pool, last, err);
}

static int build(struct graph *graph, const struct architecture *architecture, size_t which,
                 int *last, struct error *err)
{
    const struct resnet_layout *layout = &layouts[which];
    int64_t width = layout->kind == RESNET_CIFAR ? 16 : 64;
    (void)architecture;
    if (add_stem(graph, layout, last, err))
        return -1;
    for (int stage = 0; stage < RESNET_STAGES; stage++, width *= 2) {
        for (int64_t block = 0; block < layout->blocks[stage]; block++) {
            char unit[NODE_NAME_SIZE];
            snprintf(unit, sizeof unit, "conv%d_block%d", stage + 2, (int)block + 1);
            int64_t stride = stage > 0 && block == 0 ? 2 : 1;
            if (add_block(graph, layout, unit, width, stride, last, err))
                return -1;
        }
    }
    return arch_add_average_pool(graph, "avg_pool", last, err);
}

const struct arch_family arch_resnet = {names, sizeof names / sizeof names[0], build};
