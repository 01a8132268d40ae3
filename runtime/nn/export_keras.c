/* A .keras is a zip archive of
 *
 *   metadata.json      keras_version, date_saved; and ours under "reprise"
 *   config.json        a Functional model: layers with their configuration and inputs
 *   model.weights.h5   layers/<class>[_n]/vars/0, 1, ... (data/keras_vars.c)
 */
#include "base/json.h"
#include "base/text.h"
#include "data/h5_write.h"
#include "data/zip_write.h"
#include "nn/export.h"
#include "nn/keras_layers.h"

#include <stdlib.h>
#include <string.h>

static const char float32[] =
    "{\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "
    "\"registered_name\": null}";

const struct parameter *export_parameter(const struct model *model, int node,
                                         enum parameter_role role)
{
    for (size_t p = 0; p < model->count; p++)
        if (model->parameters[p].node == node && model->parameters[p].role == role)
            return &model->parameters[p];
    return NULL;
}

void export_class_names(const struct model *model, struct text *text)
{
    json_t *names = json_array();
    for (int64_t i = 0; i < model->architecture.classes; i++) {
        char number[32];
        snprintf(number, sizeof number, "class %lld", (long long)i);
        names =
            json_list_with(names, json_string(model->class_names ? model->class_names[i] : number));
    }
    char *dumped = names ? json_dumps(names, JSON_COMPACT) : NULL;
    if (dumped)
        text_add(text, dumped);
    else
        text->failed = true;
    free(dumped);
    json_decref(names);
}

/* ---- config.json ---- */

static void add_size(struct text *text, int64_t size)
{
    if (size < 0)
        text_add(text, "null, ");
    else
        text_addf(text, "%lld, ", (long long)size);
}

static void add_shape(struct text *text, const struct keras_layer *layer)
{
    text_add(text, "[null, ");
    if (layer->height != 0) {
        add_size(text, layer->height);
        add_size(text, layer->width);
    }
    text_addf(text, "%lld]", (long long)layer->channels);
}

static void add_tensor(struct text *text, const struct keras_layer *layer)
{
    text_add(text, "{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": ");
    add_shape(text, layer);
    text_addf(text, ", \"dtype\": \"float32\", \"keras_history\": [\"%s\", 0, 0]}}", layer->name);
}

/* What is particular to a kind of layer. */
static void add_config(struct text *text, const struct model *model,
                       const struct keras_layer *layer)
{
    static const struct node none = {.kernel = 1, .stride = 1, .bias = true, .groups = 1};
    const struct node *node = layer->node >= 0 ? &model->graph.nodes[layer->node] : &none;
    switch (layer->kind) {
    case KERAS_RESIZING:
        text_addf(text,
                  ", \"height\": %lld, \"width\": %lld, \"interpolation\": \"bilinear\", "
                  "\"crop_to_aspect_ratio\": false, \"data_format\": \"channels_last\"",
                  (long long)layer->height, (long long)layer->width);
        break;
    case KERAS_CONV:
    case KERAS_DEPTHWISE:
        if (layer->kind == KERAS_CONV)
            text_addf(text, ", \"filters\": %lld", (long long)layer->channels);
        else
            text_add(text, ", \"depth_multiplier\": 1");
        text_addf(text,
                  ", \"kernel_size\": [%lld, %lld], \"strides\": [%lld, %lld], \"padding\": "
                  "\"valid\", \"data_format\": \"channels_last\", \"dilation_rate\": [1, 1], "
                  "\"activation\": \"linear\", \"use_bias\": %s",
                  (long long)node->kernel, (long long)node->kernel, (long long)node->stride,
                  (long long)node->stride, node->bias ? "true" : "false");
        break;
    case KERAS_PADDING:
        text_addf(text,
                  ", \"padding\": [[%lld, %lld], [%lld, %lld]], \"data_format\": "
                  "\"channels_last\"",
                  (long long)node->pad_top, (long long)node->pad_bottom, (long long)node->pad_left,
                  (long long)node->pad_right);
        break;
    case KERAS_NORM:
        text_addf(text, ", \"axis\": -1, \"momentum\": %.9g, \"epsilon\": %.9g",
                  node->norm_momentum, (double)node->norm_epsilon);
        break;
    case KERAS_RELU:
        text_add(text, node->activation == ACTIVATION_RELU6 ? ", \"max_value\": 6.0"
                                                            : ", \"max_value\": null");
        break;
    case KERAS_MAX_POOL:
        text_addf(text,
                  ", \"pool_size\": [%lld, %lld], \"strides\": [%lld, %lld], \"padding\": "
                  "\"valid\", \"data_format\": \"channels_last\"",
                  (long long)node->kernel, (long long)node->kernel, (long long)node->stride,
                  (long long)node->stride);
        break;
    case KERAS_AVERAGE_POOL:
        text_add(text, ", \"data_format\": \"channels_last\", \"keepdims\": false");
        break;
    case KERAS_CONCATENATE: text_add(text, ", \"axis\": -1"); break;
    case KERAS_DROPOUT: text_addf(text, ", \"rate\": %.9g", (double)node->rate); break;
    case KERAS_DENSE:
        text_addf(text, ", \"units\": %lld, \"activation\": \"%s\", \"use_bias\": true",
                  (long long)layer->channels,
                  node->activation == ACTIVATION_RELU ? "relu" : "softmax");
        break;
    default: break;
    }
}

static void add_input_layer(struct text *text, const struct keras_layer *layer)
{
    text_addf(text,
              "{\"module\": \"keras.layers\", \"class_name\": \"%s\", \"config\": "
              "{\"batch_shape\": ",
              keras_class(layer->kind));
    add_shape(text, layer);
    text_addf(text,
              ", \"dtype\": \"float32\", \"sparse\": false, \"name\": \"%s\"}, "
              "\"registered_name\": null, \"name\": \"%s\", \"inbound_nodes\": []}",
              layer->name, layer->name);
}

static void add_layer(struct text *text, const struct model *model,
                      const struct keras_layers *layers, const struct keras_layer *layer)
{
    const bool several = layer->input_count > 1;
    if (layer->kind == KERAS_INPUT) {
        add_input_layer(text, layer);
        return;
    }
    text_addf(text,
              "{\"module\": \"keras.layers\", \"class_name\": \"%s\", \"config\": {\"name\": "
              "\"%s\", \"trainable\": %s, \"dtype\": %s",
              keras_class(layer->kind), layer->name, layer->node >= 0 ? "true" : "false", float32);
    add_config(text, model, layer);
    text_add(text, "}, \"registered_name\": null, \"build_config\": {\"input_shape\": ");
    text_add(text, several ? "[" : "");
    for (int i = 0; i < layer->input_count; i++) {
        text_add(text, i > 0 ? ", " : "");
        add_shape(text, &layers->list[layer->inputs[i]]);
    }
    text_addf(text, "%s}, \"name\": \"%s\", \"inbound_nodes\": [{\"args\": [%s", several ? "]" : "",
              layer->name, several ? "[" : "");
    for (int i = 0; i < layer->input_count; i++) {
        text_add(text, i > 0 ? ", " : "");
        add_tensor(text, &layers->list[layer->inputs[i]]);
    }
    text_addf(text, "%s], \"kwargs\": {}}]}", several ? "]" : "");
}

static void write_config(struct text *text, const struct model *model,
                         const struct keras_layers *layers)
{
    text_addf(text,
              "{\"module\": \"keras.src.models.functional\", \"class_name\": \"Functional\", "
              "\"config\": {\"name\": \"%s\", \"trainable\": true, \"layers\": [",
              model->architecture.name);
    for (size_t i = 0; i < layers->count; i++) {
        text_add(text, i > 0 ? ", " : "");
        add_layer(text, model, layers, &layers->list[i]);
    }
    text_addf(text,
              "], \"input_layers\": [[\"%s\", 0, 0]], \"output_layers\": [[\"%s\", 0, 0]]}, "
              "\"registered_name\": \"Functional\", \"build_config\": {\"input_shape\": [null, "
              "null, null, 3]}, \"compile_config\": null}\n",
              layers->list[0].name, layers->list[layers->count - 1].name);
}

static void write_metadata(struct text *text, const struct model *model)
{
    text_add(text, "{\"keras_version\": \"3.0.0\", \"date_saved\": \"1980-01-01@00:00:00\", "
                   "\"reprise\": {\"class_names\": ");
    export_class_names(model, text);
    text_addf(text,
              ", \"architecture\": \"%s\", \"preprocess\": \"%s\", \"pixel_range\": %.9g, "
              "\"image_size\": %lld, \"input\": \"RGB, 0 to 255, of any size\"}}\n",
              model->architecture.name, preprocess_name(model->preprocess.mode),
              (double)model->preprocess.pixel_range, (long long)model->architecture.image_size);
}

/* ---- model.weights.h5 ---- */

static int add_front(struct h5_image *image, const struct model *model, const char *vars,
                     struct error *err)
{
    float kernel[9], bias[3];
    const int64_t kernel_shape[] = {1, 1, 3, 3}, bias_shape[] = {3};
    keras_preprocess(model, kernel, bias);
    return h5_image_add(image, vars, "0", 4, kernel_shape, kernel, err) ||
                   h5_image_add(image, vars, "1", 1, bias_shape, bias, err)
               ? -1
               : 0;
}

static int add_weights(struct h5_image *image, const struct model *model,
                       const struct keras_layer *layer, const char *vars, struct error *err)
{
    const bool norm = layer->kind == KERAS_NORM;
    const enum parameter_role first = norm ? PARAMETER_GAMMA : PARAMETER_KERNEL;
    const enum parameter_role last = norm ? PARAMETER_MOVING_VARIANCE : PARAMETER_BIAS;
    if (layer->kind == KERAS_CONV && layer->node < 0)
        return add_front(image, model, vars, err);
    if (!norm && layer->kind != KERAS_CONV && layer->kind != KERAS_DEPTHWISE &&
        layer->kind != KERAS_DENSE)
        return 0;
    int number = 0;
    for (int role = first; role <= (int)last; role++) {
        const struct parameter *p = export_parameter(model, layer->node, (enum parameter_role)role);
        char name[16];
        snprintf(name, sizeof name, "%d", number);
        if (!p)
            continue;
        if (h5_image_add(image, vars, name, p->rank, p->shape, p->value, err))
            return -1;
        number++;
    }
    return 0;
}

static int add_layers(struct h5_image *image, const struct model *model,
                      const struct keras_layers *layers, struct error *err)
{
    for (size_t i = 0; i < layers->count; i++) {
        const struct keras_layer *layer = &layers->list[i];
        char vars[128], number[16] = "";
        if (layer->number > 0)
            snprintf(number, sizeof number, "_%d", layer->number);
        snprintf(vars, sizeof vars, "layers/%s%s/vars", keras_group(layer->kind), number);
        if (h5_image_group(image, vars, err) ||
            h5_image_say(image, vars, "name", layer->name, err) ||
            add_weights(image, model, layer, vars, err))
            return -1;
    }
    return h5_image_group(image, "vars", err);
}

static int make_weights(const struct model *model, const struct keras_layers *layers, void **bytes,
                        size_t *size, struct error *err)
{
    struct h5_image image = {0};
    int result = h5_image_open(&image, err);
    if (result == 0)
        result = add_layers(&image, model, layers, err);
    return h5_image_close(&image, result == 0 ? bytes : NULL, size, err) ? -1 : result;
}

static int write_archive(const char *path, const struct text *metadata, const struct text *config,
                         const void *weights, size_t size, struct error *err)
{
    struct zip_writer zip;
    if (text_check(metadata, err) || text_check(config, err) || zip_create(&zip, path, err))
        return -1;
    if (zip_add(&zip, "metadata.json", metadata->data, metadata->size, err) ||
        zip_add(&zip, "config.json", config->data, config->size, err) ||
        zip_add(&zip, "model.weights.h5", weights, size, err)) {
        zip_abandon(&zip);
        return -1;
    }
    return zip_commit(&zip, err);
}

int export_keras(const struct model *model, const char *path, struct error *err)
{
    struct keras_layers layers = {0};
    struct text config = {0}, metadata = {0};
    void *weights = NULL;
    size_t size = 0;
    int result = -1;
    if (keras_layers_make(model, &layers, err) == 0 &&
        make_weights(model, &layers, &weights, &size, err) == 0) {
        write_config(&config, model, &layers);
        write_metadata(&metadata, model);
        result = write_archive(path, &metadata, &config, weights, size, err);
    }
    free(weights);
    text_release(&config);
    text_release(&metadata);
    keras_layers_release(&layers);
    return result;
}
