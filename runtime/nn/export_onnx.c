/* ONNX' ModelProto (onnx.proto of its repository, IR version 8), by numbers of fields:
 *
 *   model      1 ir_version  2 producer_name  7 graph  8 opset_import  14 metadata_props
 *   graph      1 node  2 name  5 initializer  11 input  12 output
 *   node       1 input  2 output  3 name  4 op_type  5 attribute
 *   attribute  1 name  2 f  3 i  4 s  8 ints  20 type
 *   tensor     1 dims  2 data_type  8 name  9 raw_data
 *   value      1 name  2 type { 1 tensor_type { 1 elem_type  2 shape { 1 dim { 1 value  2 param
 * }}}}
 *
 * Maps are NCHW inside, as ONNX has them. Dropout does nothing and is left out.
 */
#include "base/file.h"
#include "base/memory.h"
#include "data/protobuf.h"
#include "nn/export.h"
#include "nn/keras_layers.h"

#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 18, TYPE_FLOAT = 1, TYPE_INT64 = 7 };
enum { ATTRIBUTE_FLOAT = 1, ATTRIBUTE_INT = 2, ATTRIBUTE_STRING = 3, ATTRIBUTE_INTS = 7 };

struct writer {
    const struct model *model;
    struct text graph;
    struct text node; /* under way */
};

/* ---- parts of a node ---- */

static void begin_node(struct writer *w, const char *type, const char *name)
{
    text_clear(&w->node);
    protobuf_string(&w->node, 3, name);
    protobuf_string(&w->node, 4, type);
}

static void input(struct writer *w, const char *name)
{
    protobuf_string(&w->node, 1, name);
}

static void end_node(struct writer *w, const char *output)
{
    protobuf_string(&w->node, 2, output);
    protobuf_message(&w->graph, 1, &w->node);
}

static void attribute_ints(struct writer *w, const char *name, const int64_t *values, int count)
{
    struct text attribute = {0};
    protobuf_string(&attribute, 1, name);
    for (int i = 0; i < count; i++)
        protobuf_int(&attribute, 8, values[i]);
    protobuf_int(&attribute, 20, ATTRIBUTE_INTS);
    protobuf_message(&w->node, 5, &attribute);
    text_release(&attribute);
}

static void attribute_int(struct writer *w, const char *name, int64_t value)
{
    struct text attribute = {0};
    protobuf_string(&attribute, 1, name);
    protobuf_int(&attribute, 3, value);
    protobuf_int(&attribute, 20, ATTRIBUTE_INT);
    protobuf_message(&w->node, 5, &attribute);
    text_release(&attribute);
}

static void attribute_float(struct writer *w, const char *name, float value)
{
    struct text attribute = {0};
    protobuf_string(&attribute, 1, name);
    protobuf_float(&attribute, 2, value);
    protobuf_int(&attribute, 20, ATTRIBUTE_FLOAT);
    protobuf_message(&w->node, 5, &attribute);
    text_release(&attribute);
}

static void attribute_text(struct writer *w, const char *name, const char *value)
{
    struct text attribute = {0};
    protobuf_string(&attribute, 1, name);
    protobuf_string(&attribute, 4, value);
    protobuf_int(&attribute, 20, ATTRIBUTE_STRING);
    protobuf_message(&w->node, 5, &attribute);
    text_release(&attribute);
}

static void initializer(struct writer *w, const char *name, int type, int rank,
                        const int64_t *shape, const void *data, size_t size)
{
    struct text tensor = {0};
    for (int i = 0; i < rank; i++)
        protobuf_int(&tensor, 1, shape[i]);
    protobuf_int(&tensor, 2, type);
    protobuf_string(&tensor, 8, name);
    protobuf_bytes(&tensor, 9, data, size);
    protobuf_message(&w->graph, 5, &tensor);
    text_release(&tensor);
}

/* ---- weights ---- */

/* [r, s, c/groups, k], or of depthwise convolutions [r, s, k, 1], to [k, c/groups, r, s]. */
static int add_kernel(struct writer *w, const struct parameter *p, bool depthwise,
                      struct error *err)
{
    const int64_t r = p->shape[0], s = p->shape[1];
    const int64_t c = depthwise ? 1 : p->shape[2], k = depthwise ? p->shape[2] : p->shape[3];
    const int64_t shape[] = {k, c, r, s};
    float *values = memory_new((size_t)p->count, sizeof *values, err);
    if (!values)
        return -1;
    for (int64_t at = 0; at < r * s; at++)
        for (int64_t i = 0; i < c; i++)
            for (int64_t o = 0; o < k; o++)
                values[(o * c + i) * r * s + at] = p->value[(at * c + i) * k + o];
    initializer(w, p->name, TYPE_FLOAT, 4, shape, values, (size_t)p->count * sizeof *values);
    free(values);
    return 0;
}

static int add_parameters(struct writer *w, struct error *err)
{
    for (size_t i = 0; i < w->model->count; i++) {
        const struct parameter *p = &w->model->parameters[i];
        const bool depthwise = w->model->graph.nodes[p->node].groups > 1;
        if (p->rank == 4) {
            if (add_kernel(w, p, depthwise, err))
                return -1;
        } else
            initializer(w, p->name, TYPE_FLOAT, p->rank, p->shape, p->value,
                        (size_t)p->count * sizeof *p->value);
    }
    return 0;
}

/* ---- layers ---- */

/* Pictures [n,h,w,3] to preprocessed maps [n,3,size,size]. */
static void add_front(struct writer *w)
{
    static const int64_t perm[] = {0, 3, 1, 2}, axes[] = {2, 3}, two[] = {2};
    static const int64_t kernel_shape[] = {3, 3, 1, 1}, bias_shape[] = {3};
    const int64_t size = w->model->architecture.image_size, sizes[] = {size, size};
    float kernel[9], turned[9], bias[3];
    keras_preprocess(w->model, kernel, bias);
    for (int i = 0; i < 3; i++)
        for (int o = 0; o < 3; o++)
            turned[o * 3 + i] = kernel[i * 3 + o];
    initializer(w, "resizing/sizes", TYPE_INT64, 1, two, sizes, sizeof sizes);
    initializer(w, "preprocess/kernel", TYPE_FLOAT, 4, kernel_shape, turned, sizeof turned);
    initializer(w, "preprocess/bias", TYPE_FLOAT, 1, bias_shape, bias, sizeof bias);
    begin_node(w, "Transpose", "transpose");
    input(w, "pixels");
    attribute_ints(w, "perm", perm, 4);
    end_node(w, "transpose");
    begin_node(w, "Resize", "resizing");
    input(w, "transpose");
    input(w, ""); /* no region */
    input(w, ""); /* sizes instead of scales */
    input(w, "resizing/sizes");
    attribute_ints(w, "axes", axes, 2);
    attribute_text(w, "mode", "linear");
    attribute_text(w, "coordinate_transformation_mode", "half_pixel");
    end_node(w, "resizing");
    begin_node(w, "Conv", "preprocess");
    input(w, "resizing");
    input(w, "preprocess/kernel");
    input(w, "preprocess/bias");
    end_node(w, "preprocess");
}

static void add_window(struct writer *w, const struct node *node)
{
    const int64_t kernel[] = {node->kernel, node->kernel}, strides[] = {node->stride, node->stride};
    const int64_t pads[] = {node->pad_top, node->pad_left, node->pad_bottom, node->pad_right};
    attribute_ints(w, "kernel_shape", kernel, 2);
    attribute_ints(w, "strides", strides, 2);
    attribute_ints(w, "pads", pads, 4);
}

static void add_parameter_input(struct writer *w, int node, enum parameter_role role)
{
    const struct parameter *p = export_parameter(w->model, node, role);
    if (p)
        input(w, p->name);
}

static void add_activation(struct writer *w, const struct node *node, const char *from)
{
    begin_node(w, node->activation == ACTIVATION_RELU6 ? "Clip" : "Relu", node->output);
    input(w, from);
    if (node->activation == ACTIVATION_RELU6) {
        input(w, "zero");
        input(w, "six");
    }
    end_node(w, node->output);
}

/* Each result is called as the layer that makes it; that of the unit, as its output. */
static void add_conv(struct writer *w, int index, const struct node *node, const char *from)
{
    const bool active = node->activation != ACTIVATION_NONE, sum = node->residual >= 0;
    char summed[2 * NODE_NAME_SIZE];
    snprintf(summed, sizeof summed, "%s%s", node->output, active ? "_add" : "");
    const char *last = node->name;
    begin_node(w, "Conv", node->name);
    input(w, from);
    add_parameter_input(w, index, PARAMETER_KERNEL);
    add_parameter_input(w, index, PARAMETER_BIAS);
    add_window(w, node);
    attribute_int(w, "group", node->groups);
    end_node(w, last);
    if (node->norm[0]) {
        begin_node(w, "BatchNormalization", node->norm);
        input(w, last);
        for (int role = PARAMETER_GAMMA; role <= PARAMETER_MOVING_VARIANCE; role++)
            add_parameter_input(w, index, (enum parameter_role)role);
        attribute_float(w, "epsilon", node->norm_epsilon);
        end_node(w, node->norm);
        last = node->norm;
    }
    if (sum) {
        begin_node(w, "Add", summed);
        input(w, w->model->graph.nodes[node->residual].output);
        input(w, last);
        end_node(w, summed);
        last = summed;
    }
    if (active)
        add_activation(w, node, last);
}

static void add_dense(struct writer *w, int index, const struct node *node, const char *from,
                      bool last)
{
    const bool active = node->activation == ACTIVATION_RELU;
    char sum[NODE_NAME_SIZE + 8];
    snprintf(sum, sizeof sum, "%s", node->output);
    if (active)
        snprintf(sum, sizeof sum, "%s_sum", node->name);
    begin_node(w, "Gemm", sum);
    input(w, from);
    add_parameter_input(w, index, PARAMETER_KERNEL);
    add_parameter_input(w, index, PARAMETER_BIAS);
    end_node(w, sum);
    if (active)
        add_activation(w, node, sum);
    if (!last)
        return;
    begin_node(w, "Softmax", "probabilities");
    input(w, sum);
    attribute_int(w, "axis", -1);
    end_node(w, "probabilities");
}

/* Of the base's own pool the results have had their names for longer than there are others. */
static void add_average_pool(struct writer *w, const struct node *node, const char *from, bool own)
{
    char average[NODE_NAME_SIZE + 16] = "average", flatten[NODE_NAME_SIZE + 16] = "flatten";
    if (!own) {
        snprintf(average, sizeof average, "%s_average", node->name);
        snprintf(flatten, sizeof flatten, "%s_flatten", node->name);
    }
    begin_node(w, "GlobalAveragePool", node->name);
    input(w, from);
    end_node(w, average);
    begin_node(w, "Flatten", flatten);
    input(w, average);
    end_node(w, node->output);
}

static void add_concatenation(struct writer *w, const struct node *node)
{
    begin_node(w, "Concat", node->name);
    for (int i = 0; i < node_inputs(node); i++)
        input(w, w->model->graph.nodes[node_input(node, i)].output);
    attribute_int(w, "axis", 1);
    end_node(w, node->output);
}

static void add_nodes(struct writer *w)
{
    const struct graph *graph = &w->model->graph;
    const char *names[2] = {"preprocess", NULL}; /* of the input; of what a dropout passes on */
    const int last_map = graph_last_map(graph);
    for (int i = 1; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        int from = node->input;
        while (graph->nodes[from].kind == NODE_DROPOUT)
            from = graph->nodes[from].input;
        names[1] = from == 0 ? names[0] : graph->nodes[from].output;
        switch (node->kind) {
        case NODE_CONV: add_conv(w, i, node, names[1]); break;
        case NODE_MAX_POOL:
            begin_node(w, "MaxPool", node->name);
            input(w, names[1]);
            add_window(w, node);
            end_node(w, node->output);
            break;
        case NODE_AVERAGE_POOL: add_average_pool(w, node, names[1], node->input == last_map); break;
        case NODE_CONCATENATE: add_concatenation(w, node); break;
        case NODE_DENSE: add_dense(w, i, node, names[1], i == (int)graph->count - 1); break;
        default: break;
        }
    }
}

/* ---- the model ---- */

/* f32; a size below 0 is named. */
static void add_value(struct writer *w, int field, const char *name, int rank, const int64_t *shape)
{
    static const char *const names[] = {"n", "height", "width"};
    struct text dims = {0}, dim = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            protobuf_string(&dim, 2, names[i]);
        else
            protobuf_int(&dim, 1, shape[i]);
        protobuf_message(&dims, 1, &dim);
    }
    protobuf_int(&tensor, 1, TYPE_FLOAT);
    protobuf_message(&tensor, 2, &dims);
    protobuf_message(&type, 1, &tensor);
    protobuf_string(&value, 1, name);
    protobuf_message(&value, 2, &type);
    protobuf_message(&w->graph, field, &value);
    text_release(&dims);
    text_release(&dim);
    text_release(&tensor);
    text_release(&type);
    text_release(&value);
}

static int write_graph(struct writer *w, struct error *err)
{
    static const float zero = 0.0f, six = 6.0f;
    const int64_t pixels[] = {-1, -1, -1, 3};
    const int64_t probabilities[] = {-1, w->model->architecture.classes};
    protobuf_string(&w->graph, 2, w->model->architecture.name);
    initializer(w, "zero", TYPE_FLOAT, 0, NULL, &zero, sizeof zero);
    initializer(w, "six", TYPE_FLOAT, 0, NULL, &six, sizeof six);
    add_front(w);
    add_nodes(w);
    if (add_parameters(w, err))
        return -1;
    add_value(w, 11, "pixels", 4, pixels);
    add_value(w, 12, "probabilities", 2, probabilities);
    return text_check(&w->node, err) || text_check(&w->graph, err) ? -1 : 0;
}

static void add_property(struct text *file, const char *key, const char *value)
{
    struct text entry = {0};
    protobuf_string(&entry, 1, key);
    protobuf_string(&entry, 2, value);
    protobuf_message(file, 14, &entry);
    text_release(&entry);
}

static void write_model(struct writer *w, struct text *file)
{
    const struct model *model = w->model;
    struct text inner = {0}, value = {0};
    protobuf_int(file, 1, IR_VERSION);
    protobuf_string(file, 2, "reprise");
    protobuf_message(file, 7, &w->graph);
    protobuf_string(&inner, 1, "");
    protobuf_int(&inner, 2, OPSET);
    protobuf_message(file, 8, &inner);
    export_class_names(model, &value);
    add_property(file, "class_names", text_string(&value));
    text_clear(&value);
    text_addf(&value,
              "%s of pixels of 0 to %.9g, inside the model: feed RGB, 0 to 255, of any size",
              preprocess_name(model->preprocess.mode), (double)model->preprocess.pixel_range);
    add_property(file, "preprocess", text_string(&value));
    add_property(file, "architecture", model->architecture.name);
    file->failed = file->failed || value.failed;
    text_release(&value);
    text_release(&inner);
}

int export_onnx(const struct model *model, const char *path, struct error *err)
{
    struct writer w = {.model = model};
    struct text file = {0};
    int result = write_graph(&w, err);
    if (result == 0) {
        write_model(&w, &file);
        result = text_check(&file, err) ? -1 : file_write(path, file.data, file.size, err);
    }
    text_release(&w.graph);
    text_release(&w.node);
    text_release(&file);
    return result;
}
