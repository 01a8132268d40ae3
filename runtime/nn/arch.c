/* The architectures, as tables.
 *
 * ResNet: He et al., "Deep residual learning for image recognition", 2015
 * (arXiv 1512.03385). For CIFAR section 4.2 with projection shortcuts (option
 * B); the ImageNet nets as keras.applications lays them out: convolutions with
 * bias, and the stride of a bottleneck in its first 1x1 convolution.
 * MobileNet: Howard et al., "MobileNets", 2017 (arXiv 1704.04861), table 1.
 */
#include "base/memory.h"
#include "base/text.h"
#include "nn/graph.h"

#include <string.h>

enum { RESNET_STAGES = 4 };

struct resnet_layout {
    const char *name;
    bool cifar;      /* 3x3 stem at full size, no pool, no bias, three stages of 16, 32, 64 */
    bool bottleneck; /* 1x1, 3x3, 1x1 to four times the width; else two 3x3 */
    int64_t blocks[RESNET_STAGES];
};

static const struct resnet_layout resnets[] = {
    {"resnet8", true, false, {1, 1, 1, 0}},    {"resnet14", true, false, {2, 2, 2, 0}},
    {"resnet20", true, false, {3, 3, 3, 0}},   {"resnet32", true, false, {5, 5, 5, 0}},
    {"resnet44", true, false, {7, 7, 7, 0}},   {"resnet56", true, false, {9, 9, 9, 0}},
    {"resnet18", false, false, {2, 2, 2, 2}},  {"resnet34", false, false, {3, 4, 6, 3}},
    {"resnet50", false, true, {3, 4, 6, 3}},   {"resnet101", false, true, {3, 4, 23, 3}},
    {"resnet152", false, true, {3, 8, 36, 3}},
};
enum { RESNET_COUNT = sizeof resnets / sizeof resnets[0] };

static const char mobilenet_name[] = "mobilenet";

/* Depthwise separable blocks: channels at width 1, stride. */
static const struct {
    int64_t channels, stride;
} mobilenet_blocks[] = {
    {64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2},  {512, 1},
    {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1},
};
enum { MOBILENET_BLOCKS = sizeof mobilenet_blocks / sizeof mobilenet_blocks[0] };

static const float resnet_epsilon = 1.001e-5f;
static const float mobilenet_epsilon = 1e-3f;
static const double norm_momentum = 0.99;

/* Copies the last node's index to *last, so that a chain reads as a list of calls. */
static int add_node(struct graph *graph, const struct node *node, int *last, struct error *err)
{
    if (memory_grow(&graph->nodes, &graph->capacity, graph->count + 1, sizeof *graph->nodes, err))
        return -1;
    if (node->height < 1 || node->width < 1)
        return error_set(err, ERR_USAGE,
                         "layer '%s' has nothing left to see: the image is too small", node->name);
    graph->nodes[graph->count] = *node;
    *last = (int)graph->count++;
    return 0;
}

static void set_name(char name[NODE_NAME_SIZE], const char *prefix, const char *suffix)
{
    int length = snprintf(name, NODE_NAME_SIZE, "%s%s", prefix, suffix);
    ASSERT(length > 0 && length < NODE_NAME_SIZE);
}

static int64_t slide(int64_t size, int64_t pad, int64_t kernel, int64_t stride)
{
    int64_t room = size + pad - kernel;
    return room < 0 ? 0 : room / stride + 1;
}

/* Fills in what follows from the input: the size of the output, and "no residual" where the caller
 * gave none. */
static void place(const struct graph *graph, struct node *node)
{
    const struct node *input = &graph->nodes[node->input];
    node->height =
        slide(input->height, node->pad_top + node->pad_bottom, node->kernel, node->stride);
    node->width = slide(input->width, node->pad_left + node->pad_right, node->kernel, node->stride);
}

static void pad_all(struct node *node, int64_t pad)
{
    node->pad_top = node->pad_bottom = node->pad_left = node->pad_right = pad;
}

static int add_input(struct graph *graph, int64_t size, int *last, struct error *err)
{
    struct node node = {.kind = NODE_INPUT, .input = -1, .residual = -1, .groups = 1};
    node.height = node.width = size;
    node.channels = 3;
    set_name(node.name, "input", "");
    set_name(node.output, "input", "");
    return add_node(graph, &node, last, err);
}

static int add_average_pool(struct graph *graph, const char *name, int *last, struct error *err)
{
    const struct node *input = &graph->nodes[*last];
    struct node node = {.kind = NODE_AVERAGE_POOL, .input = *last, .residual = -1};
    node.height = node.width = 1;
    node.channels = input->channels;
    set_name(node.name, name, "");
    set_name(node.output, name, "");
    return add_node(graph, &node, last, err);
}

/* A convolution of a ResNet with its batch norm. */
struct resnet_conv {
    const char *unit;   /* "conv2_block1" or "conv1" */
    const char *conv;   /* "_1_conv" */
    const char *norm;   /* "_1_bn" */
    const char *output; /* "_1_relu"; NULL: the batch norm is the last layer */
    int64_t channels, kernel, stride;
    int input, residual;
    bool bias;
};

static int add_resnet_conv(struct graph *graph, const struct resnet_conv *conv, int *last,
                           struct error *err)
{
    struct node node = {.kind = NODE_CONV, .input = conv->input, .residual = conv->residual};
    set_name(node.name, conv->unit, conv->conv);
    set_name(node.norm, conv->unit, conv->norm);
    set_name(node.output, conv->unit, conv->output ? conv->output : conv->norm);
    node.activation = conv->output ? ACTIVATION_RELU : ACTIVATION_NONE;
    node.bias = conv->bias;
    node.channels = conv->channels;
    node.kernel = conv->kernel;
    node.stride = conv->stride;
    node.groups = 1;
    pad_all(&node, conv->kernel / 2);
    node.norm_epsilon = resnet_epsilon;
    node.norm_momentum = norm_momentum;
    place(graph, &node);
    return add_node(graph, &node, last, err);
}

/* One residual block; *last goes from its input to its output. */
static int add_block(struct graph *graph, const struct resnet_layout *layout, const char *unit,
                     int64_t width, int64_t stride, int *last, struct error *err)
{
    int input = *last, shortcut = *last, x = *last;
    int64_t out = layout->bottleneck ? 4 * width : width;
    bool bias = !layout->cifar;
    if (stride != 1 || graph->nodes[input].channels != out) {
        const struct resnet_conv projection = {unit, "_0_conv", "_0_bn", NULL, out,
                                               1,    stride,    input,   -1,   bias};
        if (add_resnet_conv(graph, &projection, &shortcut, err))
            return -1;
    }
    const struct resnet_conv deep[] = {
        {unit, "_1_conv", "_1_bn", "_1_relu", width, 1, stride, -1, -1, bias},
        {unit, "_2_conv", "_2_bn", "_2_relu", width, 3, 1, -1, -1, bias},
        {unit, "_3_conv", "_3_bn", "_out", out, 1, 1, -1, shortcut, bias},
    };
    const struct resnet_conv basic[] = {
        {unit, "_1_conv", "_1_bn", "_1_relu", width, 3, stride, -1, -1, bias},
        {unit, "_2_conv", "_2_bn", "_out", out, 3, 1, -1, shortcut, bias},
    };
    const struct resnet_conv *convs = layout->bottleneck ? deep : basic;
    int count = layout->bottleneck ? 3 : 2;
    for (int i = 0; i < count; i++) {
        struct resnet_conv conv = convs[i];
        conv.input = x;
        if (add_resnet_conv(graph, &conv, &x, err))
            return -1;
    }
    *last = x;
    return 0;
}

static int add_resnet_stem(struct graph *graph, const struct resnet_layout *layout, int *last,
                           struct error *err)
{
    struct resnet_conv stem = {"conv1", "_conv", "_bn", "_relu", 16, 3, 1, *last, -1, false};
    if (layout->cifar)
        return add_resnet_conv(graph, &stem, last, err);
    stem.channels = 64;
    stem.kernel = 7;
    stem.stride = 2;
    stem.bias = true;
    if (add_resnet_conv(graph, &stem, last, err))
        return -1;
    /* Keras pads with zeros before the pool; after a ReLU they never win. */
    struct node pool = {.kind = NODE_MAX_POOL, .input = *last, .residual = -1};
    set_name(pool.name, "pool1_pool", "");
    set_name(pool.output, "pool1_pool", "");
    pool.channels = 64;
    pool.kernel = 3;
    pool.stride = 2;
    pad_all(&pool, 1);
    place(graph, &pool);
    return add_node(graph, &pool, last, err);
}

static int add_resnet(struct graph *graph, const struct resnet_layout *layout, int *last,
                      struct error *err)
{
    if (add_resnet_stem(graph, layout, last, err))
        return -1;
    int64_t width = layout->cifar ? 16 : 64;
    for (int stage = 0; stage < RESNET_STAGES; stage++, width *= 2) {
        for (int64_t block = 0; block < layout->blocks[stage]; block++) {
            char unit[NODE_NAME_SIZE];
            snprintf(unit, sizeof unit, "conv%d_block%d", stage + 2, (int)block + 1);
            int64_t stride = stage > 0 && block == 0 ? 2 : 1;
            if (add_block(graph, layout, unit, width, stride, last, err))
                return -1;
        }
    }
    return add_average_pool(graph, "avg_pool", last, err);
}

/* A convolution of a MobileNet: no bias, batch norm, ReLU6. At stride 2 the zeros go below and to
 * the right, as TensorFlow's 'same' does on even sizes. */
static int add_mobilenet_conv(struct graph *graph, const char *name, int64_t channels,
                              int64_t kernel, int64_t stride, bool depthwise, int *last,
                              struct error *err)
{
    struct node node = {.kind = NODE_CONV, .input = *last, .residual = -1};
    set_name(node.name, name, "");
    set_name(node.norm, name, "_bn");
    set_name(node.output, name, "_relu");
    node.activation = ACTIVATION_RELU6;
    node.channels = channels;
    node.kernel = kernel;
    node.stride = stride;
    node.groups = depthwise ? channels : 1;
    pad_all(&node, kernel / 2);
    if (stride == 2)
        node.pad_top = node.pad_left = 0;
    node.norm_epsilon = mobilenet_epsilon;
    node.norm_momentum = norm_momentum;
    place(graph, &node);
    return add_node(graph, &node, last, err);
}

static int add_mobilenet(struct graph *graph, double alpha, int *last, struct error *err)
{
    if (graph->nodes[0].height % 2 != 0)
        return error_set(err, ERR_USAGE, "architecture '%s': image_size must be even",
                         mobilenet_name);
    int64_t channels = (int64_t)(32 * alpha);
    if (channels < 2)
        return error_set(err, ERR_USAGE, "architecture '%s': alpha %g leaves too few channels",
                         mobilenet_name, alpha);
    if (add_mobilenet_conv(graph, "conv1", channels, 3, 2, false, last, err))
        return -1;
    for (int i = 0; i < MOBILENET_BLOCKS; i++) {
        char depthwise[NODE_NAME_SIZE], pointwise[NODE_NAME_SIZE];
        snprintf(depthwise, sizeof depthwise, "conv_dw_%d", i + 1);
        snprintf(pointwise, sizeof pointwise, "conv_pw_%d", i + 1);
        int64_t stride = mobilenet_blocks[i].stride;
        if (add_mobilenet_conv(graph, depthwise, channels, 3, stride, true, last, err))
            return -1;
        channels = (int64_t)((double)mobilenet_blocks[i].channels * alpha);
        if (add_mobilenet_conv(graph, pointwise, channels, 1, 1, false, last, err))
            return -1;
    }
    return add_average_pool(graph, "global_average_pooling2d", last, err);
}

static int add_dropout(struct graph *graph, const char *name, double rate, int *last,
                       struct error *err)
{
    if (rate <= 0.0)
        return 0;
    struct node node = {.kind = NODE_DROPOUT, .input = *last, .residual = -1, .head = true};
    set_name(node.name, name, "");
    set_name(node.output, name, "");
    node.height = node.width = 1;
    node.channels = graph->nodes[*last].channels;
    node.rate = (float)rate;
    return add_node(graph, &node, last, err);
}

static int add_dense(struct graph *graph, const char *name, int64_t units,
                     enum activation activation, int *last, struct error *err)
{
    struct node node = {.kind = NODE_DENSE, .input = *last, .residual = -1, .head = true};
    set_name(node.name, name, "");
    set_name(node.output, name, "");
    node.bias = true;
    node.activation = activation;
    node.height = node.width = 1;
    node.channels = units;
    node.kernel = node.stride = node.groups = 1;
    return add_node(graph, &node, last, err);
}

/* The last dense layer gives logits: softmax belongs to the loss. */
static int add_head(struct graph *graph, const struct architecture *architecture, int *last,
                    struct error *err)
{
    bool hidden = architecture->hidden > 0;
    if (add_dropout(graph, "dropout", architecture->dropout, last, err))
        return -1;
    if (hidden && (add_dense(graph, "dense", architecture->hidden, ACTIVATION_RELU, last, err) ||
                   add_dropout(graph, "dropout_1", architecture->dropout, last, err)))
        return -1;
    return add_dense(graph, hidden ? "dense_1" : "dense", architecture->classes, ACTIVATION_NONE,
                     last, err);
}

static int unknown_name(const char *name, struct error *err)
{
    const char *names[RESNET_COUNT + 1];
    for (size_t i = 0; i < RESNET_COUNT; i++)
        names[i] = resnets[i].name;
    names[RESNET_COUNT] = mobilenet_name;
    const char *nearest = text_nearest(name, names, RESNET_COUNT + 1);
    if (nearest)
        return error_set(err, ERR_USAGE, "unknown architecture '%s', did you mean '%s'?", name,
                         nearest);
    return error_set(err, ERR_USAGE,
                     "unknown architecture '%s'; there are resnet8, 14, 20, 32, 44, 56, resnet18, "
                     "34, 50, 101, 152 and mobilenet",
                     name);
}

static int check_sizes(const struct architecture *a, struct error *err)
{
    const struct {
        const char *name;
        double value, low, high;
    } bounds[] = {
        {"image_size", (double)a->image_size, 8, 1024},
        {"classes", (double)a->classes, 1, 256},
        {"hidden", (double)a->hidden, 0, 65536},
        {"alpha", a->alpha, 0.01, 4},
        {"dropout", a->dropout, 0, 0.99},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (!(bounds[i].value >= bounds[i].low && bounds[i].value <= bounds[i].high))
            return error_set(err, ERR_USAGE, "architecture '%s': %s %g is not in %g to %g", a->name,
                             bounds[i].name, bounds[i].value, bounds[i].low, bounds[i].high);
    return 0;
}

static int add_base(struct graph *graph, const struct architecture *architecture, int *last,
                    struct error *err)
{
    if (strcmp(architecture->name, mobilenet_name) == 0)
        return add_mobilenet(graph, architecture->alpha, last, err);
    for (size_t i = 0; i < RESNET_COUNT; i++)
        if (strcmp(architecture->name, resnets[i].name) == 0)
            return add_resnet(graph, &resnets[i], last, err);
    return unknown_name(architecture->name, err);
}

int graph_build(const struct architecture *architecture, struct graph *graph, struct error *err)
{
    struct graph built = {0};
    int last = -1;
    if (check_sizes(architecture, err) || add_input(&built, architecture->image_size, &last, err) ||
        add_base(&built, architecture, &last, err) || add_head(&built, architecture, &last, err) ||
        graph_pad(&built, architecture, err)) {
        graph_release(&built);
        return -1;
    }
    *graph = built;
    return 0;
}

void graph_release(struct graph *graph)
{
    if (!graph)
        return;
    free(graph->nodes);
    *graph = (struct graph){0};
}

int graph_find(const struct graph *graph, const char *layer)
{
    for (size_t i = 0; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        if (strcmp(node->name, layer) == 0 || strcmp(node->output, layer) == 0 ||
            (node->norm[0] && strcmp(node->norm, layer) == 0))
            return (int)i;
    }
    return -1;
}

int graph_last_map(const struct graph *graph)
{
    for (size_t i = graph->count; i-- > 0;)
        if (graph->nodes[i].kind == NODE_AVERAGE_POOL)
            return graph->nodes[i].input;
    return -1;
}
