/* What Keras writes (save_weights_to_hdf5_group of its legacy format):
 *
 *   /                     layer_names = array of texts, fixed length or variable; or
 *                         layer_names0, layer_names1, ... where it would exceed 64 KiB
 *   /<layer>              weight_names, the same; an empty array may have any type
 *   /<layer>/<weight>     <weight> is "<layer>/<variable>:0", Keras 3 leaves ":0" out; of a model
 *                         inside the model "<its layer>/<variable>:0"
 *
 * A whole saved model holds the same under /model_weights. keras_vars.c has the layout of Keras 3.
 */
#include "data/keras_h5.h"

#include "data/confined.h"
#include "data/h5.h"
#include "data/keras_vars.h"

#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {
    "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel"};
enum { VARIABLES = sizeof(variables) / sizeof(variables[0]) };

struct reader {
    const struct h5 *h5;
    struct safetensors *set;
    struct text other; /* the first weight that is left out */
    size_t others;
};

/* ---- names ---- */

/* The last part of "conv1_conv/kernel:0" among the known variables, or NULL. */
static const char *find_variable(const char *weight)
{
    const char *slash = strrchr(weight, '/');
    const char *variable = slash != NULL ? slash + 1 : weight;
    size_t length = strcspn(variable, ":");
    for (size_t i = 0; i < VARIABLES; i++)
        if (strlen(variables[i]) == length && strncmp(variable, variables[i], length) == 0)
            return variables[i];
    return NULL;
}

/* Where the last part but one of "a/b/kernel:0" begins, and its length; 0 where there is none. */
static const char *inner_layer(const char *weight, size_t *length)
{
    const char *end = strrchr(weight, '/'), *begin = end;
    while (begin != NULL && begin > weight && begin[-1] != '/')
        begin--;
    *length = end != NULL ? (size_t)(end - begin) : 0;
    return begin != NULL ? begin : weight;
}

/* A model inside the model: its weights are those of several layers. */
static bool is_nested(const struct h5_names *weights)
{
    size_t first = 0, length;
    const char *a = weights->count > 0 ? inner_layer(weights->list[0], &first) : "";
    for (size_t i = 1; i < weights->count; i++) {
        const char *b = inner_layer(weights->list[i], &length);
        if (length != first || memcmp(a, b, length) != 0)
            return true;
    }
    return false;
}

static int check_old_name(const char *layer, struct error *err)
{
    /* res2a_branch2a, bn2a_branch2a: the first release's names. */
    if (strstr(layer, "_branch") == NULL)
        return 0;
    return error_set(err, ERR_FORMAT,
                     "the names are those of an old keras-applications release; use the file of "
                     "storage.googleapis.com/tensorflow/keras-applications, whose layers are named "
                     "like 'conv2_block1_1_conv'");
}

/* ---- weights ---- */

static int leave_out(struct reader *reader, const char *weight, struct error *err)
{
    if (reader->others++ == 0)
        text_add(&reader->other, weight);
    return text_check(&reader->other, err);
}

static int read_weight(hid_t group, const char *layer, bool nested, const char *weight,
                       struct reader *reader, struct error *err)
{
    struct text own = {0}, name = {0};
    const char *variable = find_variable(weight);
    size_t length = 0;
    if (variable == NULL)
        return leave_out(reader, weight, err);
    const char *inner = inner_layer(weight, &length);
    if (nested && length > 0)
        text_append(&own, inner, length);
    else
        text_add(&own, layer);
    /* Keras 3 calls the depthwise kernel just kernel. */
    if (strcmp(variable, "kernel") == 0 && strncmp(text_string(&own), "conv_dw_", 8) == 0)
        variable = "depthwise_kernel";
    text_addf(&name, "%s/%s", text_string(&own), variable);
    int result = text_check(&own, err) < 0 || text_check(&name, err) < 0 ||
                         check_old_name(text_string(&own), err) < 0
                     ? -1
                     : 0;
    if (result == 0 && nested && safetensors_find(reader->set, name.data) != NULL) {
        /* A head's layer has the name of one inside the base. */
        text_clear(&name);
        text_addf(&name, "%s/%s/%s", layer, text_string(&own), variable);
        result = text_check(&name, err);
    }
    if (result == 0)
        result = h5_tensor(reader->h5, group, weight, name.data, reader->set, err);
    text_release(&own);
    text_release(&name);
    return result;
}

static int read_layer(hid_t root, const char *layer, struct reader *reader, struct error *err)
{
    struct h5_names weights = {0};
    if (check_old_name(layer, err) < 0)
        return -1;
    hid_t group = H5Gopen2(root, layer, reader->h5->groups);
    if (group < 0)
        return h5_failed("H5Gopen", layer, err);
    int result = h5_names_read(group, "weight_names", &weights, err);
    const bool nested = is_nested(&weights);
    for (size_t i = 0; i < weights.count && result == 0; i++)
        result = read_weight(group, layer, nested, weights.list[i], reader, err);
    h5_names_release(&weights);
    H5Gclose(group);
    return result;
}

static int read_layers(hid_t root, struct reader *reader, struct error *err)
{
    struct h5_names layers = {0};
    int result = h5_names_read(root, "layer_names", &layers, err);
    for (size_t i = 0; i < layers.count && result == 0; i++)
        if ((result = read_layer(root, layers.list[i], reader, err)) < 0)
            error_prefix(err, "layer '%s': ", layers.list[i]);
    if (result == 0 && reader->set->count == 0 && reader->others > 0)
        result = error_set(err, ERR_FORMAT,
                           "weight '%s' is none of a convolution, batch norm or dense layer, and "
                           "there is no other",
                           text_string(&reader->other));
    else if (result == 0 && reader->set->count == 0)
        result = error_set(err, ERR_FORMAT, "none of its %zu layers has weights", layers.count);
    h5_names_release(&layers);
    return result;
}

static int read_legacy(const struct h5 *h5, const char *top, struct safetensors *set,
                       struct text *note, struct error *err)
{
    struct reader reader = {.h5 = h5, .set = set};
    hid_t root = H5Gopen2(h5->file, top, h5->groups);
    if (root < 0)
        return h5_failed("H5Gopen", top, err);
    int result = read_layers(root, &reader, err);
    if (result == 0 && reader.others > 0)
        text_addf(note,
                  "%s%zu weights left out that are none of a convolution, batch norm or "
                  "dense layer ('%s')",
                  note->size > 0 ? "; " : "", reader.others, text_string(&reader.other));
    text_release(&reader.other);
    H5Gclose(root);
    return result;
}

/* ---- file ---- */

static int read_root(const struct h5 *h5, const json_t *config, struct safetensors *set,
                     struct text *note, struct error *err)
{
    if (H5Lexists(h5->file, "model_weights", H5P_DEFAULT) > 0)
        return read_legacy(h5, "model_weights", set, note, err);
    if (H5Aexists(h5->file, "layer_names") > 0 || H5Aexists(h5->file, "layer_names0") > 0)
        return read_legacy(h5, "/", set, note, err);
    if (keras_vars_read(h5, config, set, note, err) < 0)
        return -1;
    return set->count > 0 ? 0
                          : error_set(err, ERR_FORMAT,
                                      "there is no attribute 'layer_names', and no group 'vars': "
                                      "these are not weights as Keras writes them");
}

int keras_h5_parse(unsigned char *bytes, size_t size, const json_t *config, struct safetensors *set,
                   struct text *note, struct error *err)
{
    struct safetensors read = {0};
    struct h5 h5 = {0};
    int result = h5_open(bytes, size, &h5, err);
    if (result == 0)
        result = read_root(&h5, config, &read, note, err);
    h5_close(&h5);
    if (result < 0)
        safetensors_release(&read);
    else
        *set = read;
    return result;
}

static int read_confined(unsigned char *bytes, size_t size, struct safetensors *set,
                         struct text *note, struct error *err)
{
    return keras_h5_parse(bytes, size, NULL, set, note, err);
}

int keras_h5_read(const char *path, struct safetensors *set, struct text *note, struct error *err)
{
    return confined_read(path, read_confined, set, note, err);
}
