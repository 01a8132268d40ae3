/* Models and bases in .safetensors files.
 *
 *   tensors    "<layer>/<variable>", f32, shapes as in struct parameter
 *   metadata   "format": "reprise-weights" (a base) or "reprise-model"
 *              "reprise": as JSON text
 *                {"architecture": {"name", "alpha", "image_size", "classes", "hidden", "dropout",
 *                                  "padding": "around" (else absent),
 *                                  "pooled_layers": [name, ...] (where there are none absent)},
 *                 "class_names": [name, ...] (of models of older versions absent),
 *                 "pictures": {"fit", "height", "width"} (where nobody said absent),
 *                 "preprocess": {"mode", "pixel_range"}}
 *              "trained_on": of a model that a card trained, lines that name card, libraries and
 *                engines; nothing reads them
 */
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/class_names.h"
#include "data/picture.h"
#include "data/safetensors.h"
#include "data/weights.h"
#include "nn/model.h"
#include "nn/tensor_names.h"
#include "nn/weight_check.h"

#include <float.h>
#include <string.h>

static const char metadata_key[] = "reprise";

/* Layers of a classifier on top: ours, and those of keras.applications. */
static bool is_head_tensor(const char *name)
{
    static const char *const heads[] = {"dense/", "dense_1/", "predictions/", "conv_preds/"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (strncmp(name, heads[i], strlen(heads[i])) == 0)
            return true;
    return false;
}

static void shape_text(int rank, const int64_t *shape, struct text *text)
{
    text_add(text, "[");
    for (int i = 0; i < rank; i++)
        text_addf(text, "%s%lld", i ? "," : "", (long long)shape[i]);
    text_add(text, "]");
}

static int wrong_shape(const char *path, const struct parameter *parameter,
                       const struct safetensor *tensor, struct error *err)
{
    struct text have = {0}, want = {0};
    shape_text(tensor->rank, tensor->shape, &have);
    shape_text(parameter->rank, parameter->shape, &want);
    error_set(err, ERR_FORMAT, "%s: tensor '%s' has shape %s, the model wants %s", path,
              parameter->name, text_string(&have), text_string(&want));
    text_release(&have);
    text_release(&want);
    return -1;
}

static const char *nearest_tensor(const struct safetensors *set, const char *name)
{
    const char **names = calloc(set->count + 1, sizeof *names);
    if (!names)
        return NULL; /* only a hint */
    for (size_t i = 0; i < set->count; i++)
        names[i] = set->tensors[i].name;
    const char *nearest = text_nearest(name, names, set->count);
    free(names);
    return nearest;
}

static const char *nearest_parameter(const struct model *model, const char *name)
{
    const char **names = calloc(model->count + 1, sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < model->count; i++)
        names[i] = model->parameters[i].name;
    const char *nearest = text_nearest(name, names, model->count);
    free(names);
    return nearest;
}

/* Finds the tensor of a parameter and checks its shape. */
static int match(const char *path, const struct safetensors *set, const struct parameter *parameter,
                 const struct safetensor **tensor, struct error *err)
{
    *tensor = safetensors_find(set, parameter->name);
    if (!*tensor) {
        const char *nearest = nearest_tensor(set, parameter->name);
        if (nearest)
            return error_set(err, ERR_FORMAT, "%s: no tensor '%s'; the nearest is '%s'", path,
                             parameter->name, nearest);
        return error_set(err, ERR_FORMAT, "%s: no tensor '%s'", path, parameter->name);
    }
    if ((*tensor)->rank != parameter->rank ||
        memcmp((*tensor)->shape, parameter->shape,
               (size_t)parameter->rank * sizeof parameter->shape[0]) != 0)
        return wrong_shape(path, parameter, *tensor, err);
    return 0;
}

static int reject_unknown(const char *path, const struct safetensors *set,
                          const struct model *model, bool base_only, struct error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *name = set->tensors[i].name;
        bool known = base_only && is_head_tensor(name);
        for (size_t p = 0; p < model->count && !known; p++)
            known = strcmp(model->parameters[p].name, name) == 0;
        if (known)
            continue;
        const char *nearest = nearest_parameter(model, name);
        if (nearest)
            return error_set(err, ERR_FORMAT, "%s: '%s' has no tensor '%s', did you mean '%s'?",
                             path, model->architecture.name, name, nearest);
        return error_set(err, ERR_FORMAT, "%s: '%s' has no tensor '%s'", path,
                         model->architecture.name, name);
    }
    return 0;
}

static int check_values(const char *path, const struct parameter *parameter,
                        const struct safetensor *tensor, const struct weight_check *check,
                        struct error *err)
{
    const enum weight_kind kind =
        parameter->role == PARAMETER_MOVING_VARIANCE ? WEIGHT_VARIANCE : WEIGHT_VALUE;
    if (weight_check(check, parameter->name, kind, tensor->data, tensor->count, err) == 0)
        return 0;
    return error_prefix(err, "%s: ", path);
}

/* Checks everything before it changes anything. */
static int take_weights(const char *path, const struct safetensors *set, struct model *model,
                        bool base_only, const struct weight_check *check, struct error *err)
{
    for (int copy = 0; copy < 2; copy++) {
        for (size_t p = 0; p < model->count; p++) {
            struct parameter *parameter = &model->parameters[p];
            const struct safetensor *tensor;
            if (base_only && model->graph.nodes[parameter->node].head)
                continue;
            if (match(path, set, parameter, &tensor, err))
                return -1;
            if (!copy && check_values(path, parameter, tensor, check, err))
                return -1;
            if (copy)
                memcpy(parameter->value, tensor->data, (size_t)parameter->count * sizeof(float));
        }
        if (!copy && reject_unknown(path, set, model, base_only, err))
            return -1;
    }
    return 0;
}

int model_load_base(struct model *model, const char *path, const struct weight_check *check,
                    struct text *note, struct error *err)
{
    struct safetensors set = {0};
    struct text words = {0};
    if (weights_read(path, &set, &words, err))
        return -1;
    int result = tensor_names_map(model, &set, &words, err);
    if (result)
        error_prefix(err, "%s: ", path);
    else
        result = take_weights(path, &set, model, true, check, err);
    if (result == 0 && note && words.size > 0)
        text_addf(note, "%s%s", note->size > 0 ? "; " : "", words.data);
    text_release(&words);
    model->large_pass = model->large_pass || (check && check->large_pass);
    safetensors_release(&set);
    return result;
}

static json_t *with_class_names(const struct model *model, json_t *description)
{
    json_t *names = json_array();
    if (!model->class_names) {
        json_decref(names);
        return description;
    }
    for (int64_t i = 0; i < model->architecture.classes; i++)
        names = json_list_with(names, json_string(model->class_names[i]));
    return json_object_with(description, "class_names", names);
}

static int describe_pooled_layers(json_t *architecture, const struct architecture *a)
{
    json_t *names = json_array();
    for (size_t i = 0; i < a->pooled_count; i++)
        names = json_list_with(names, json_string(a->pooled_layers[i]));
    return json_object_set_new(architecture, "pooled_layers", names);
}

static json_t *description(const struct model *model)
{
    const struct architecture *a = &model->architecture;
    json_t *json =
        json_pack("{s:{s:s,s:f,s:I,s:I,s:I,s:f},s:{s:s,s:f}}", "architecture", "name", a->name,
                  "alpha", a->alpha, "image_size", (json_int_t)a->image_size, "classes",
                  (json_int_t)a->classes, "hidden", (json_int_t)a->hidden, "dropout", a->dropout,
                  "preprocess", "mode", preprocess_name(model->preprocess.mode), "pixel_range",
                  (double)model->preprocess.pixel_range);
    if (a->pad_around)
        json_object_set_new(json_object_get(json, "architecture"), "padding",
                            json_string("around"));
    if (a->pooled_count > 0 &&
        describe_pooled_layers(json_object_get(json, "architecture"), a) < 0) {
        json_decref(json);
        return NULL;
    }
    if (model->pictures.fit != NULL)
        json = json_object_with(json, "pictures",
                                json_pack("{s:s, s:I, s:I}", "fit", model->pictures.fit, "height",
                                          (json_int_t)model->pictures.height, "width",
                                          (json_int_t)model->pictures.width));
    return with_class_names(model, json);
}

/* What reading would refuse is not written. */
static int check_model(const struct model *model, const char *path, struct error *err)
{
    const struct weight_check check = {.large_pass = model->large_pass};
    return weight_check_model(&check, model, err) ? error_prefix(err, "'%s' is not written: ", path)
                                                  : 0;
}

static int add_tensors(const struct model *model, bool base_only, struct safetensors *set,
                       struct error *err)
{
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        if (base_only && model->graph.nodes[parameter->node].head)
            continue;
        if (safetensors_add(set, parameter->name, parameter->rank, parameter->shape,
                            parameter->value, err))
            return -1;
    }
    return 0;
}

int model_write(const struct model *model, const char *path, struct error *err)
{
    struct safetensors set = {0};
    int result = -1;
    if (check_model(model, path, err))
        return -1;
    json_t *json = description(model);
    char *text = json ? json_to_text(json, true, err) : NULL;
    if (!json)
        error_set(err, ERR_MEMORY, "cannot describe the model for '%s'", path);
    if (text && safetensors_describe(&set, "format", "reprise-model", err) == 0 &&
        safetensors_describe(&set, metadata_key, text, err) == 0 &&
        (!model->trained_on ||
         safetensors_describe(&set, "trained_on", model->trained_on, err) == 0) &&
        add_tensors(model, false, &set, err) == 0)
        result = safetensors_write(path, &set, err);
    free(text);
    json_decref(json);
    safetensors_release(&set);
    return result;
}

int model_write_base(const struct model *model, const char *path, struct error *err)
{
    struct safetensors set = {0};
    int result = -1;
    if (check_model(model, path, err))
        return -1;
    if (safetensors_describe(&set, "format", "reprise-weights", err) == 0 &&
        safetensors_describe(&set, "source", model->architecture.name, err) == 0 &&
        add_tensors(model, true, &set, err) == 0)
        result = safetensors_write(path, &set, err);
    safetensors_release(&set);
    return result;
}

static int find_mode(const char *name, enum preprocess_mode *mode)
{
    for (int i = PREPROCESS_CAFFE; i <= PREPROCESS_NONE; i++)
        if (strcmp(preprocess_name((enum preprocess_mode)i), name) == 0) {
            *mode = (enum preprocess_mode)i;
            return 0;
        }
    return -1;
}

/* Whether there are such layers, the graph says. */
static int parse_pooled_layers(const char *path, const json_t *list, struct architecture *a,
                               struct error *err)
{
    struct error why;
    a->pooled_count = 0;
    if (list == NULL)
        return 0;
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list); i++) {
        const char *layer = json_string_value(json_array_get(list, i));
        if (layer == NULL)
            break;
        if (architecture_pool(a, layer, &why) < 0)
            return error_set(err, ERR_FORMAT, "%s: metadata '%s': %s", path, metadata_key,
                             why.message);
    }
    if (a->pooled_count == 0 || a->pooled_count != json_array_size(list))
        return error_set(err, ERR_FORMAT,
                         "%s: metadata '%s': pooled_layers must be a list of layers' names", path,
                         metadata_key);
    return 0;
}

static int parse_description(const char *path, const char *text, struct architecture *a,
                             struct preprocess *preprocess, struct error *err)
{
    const char *name, *mode;
    json_int_t size, classes, hidden;
    double range;
    json_error_t problem;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    int result = -1;
    if (!json || json_unpack_ex(json, &problem, 0, "{s:{s:s,s:F,s:I,s:I,s:I,s:F},s:{s:s,s:F}}",
                                "architecture", "name", &name, "alpha", &a->alpha, "image_size",
                                &size, "classes", &classes, "hidden", &hidden, "dropout",
                                &a->dropout, "preprocess", "mode", &mode, "pixel_range", &range)) {
        error_set(err, ERR_FORMAT, "%s: metadata '%s': %s", path, metadata_key, problem.text);
    } else if (strlen(name) >= sizeof a->name) {
        error_set(err, ERR_FORMAT, "%s: unknown architecture '%s'", path, name);
    } else if (find_mode(mode, &preprocess->mode)) {
        error_set(err, ERR_FORMAT, "%s: unknown preprocess mode '%s'", path, mode);
    } else if (!(range > 0.0 && range <= (double)FLT_MAX)) {
        error_set(err, ERR_FORMAT, "%s: pixel_range %g is not a positive f32", path, range);
    } else {
        snprintf(a->name, sizeof a->name, "%s", name);
        a->image_size = size;
        a->classes = classes;
        a->hidden = hidden;
        const char *padding =
            json_string_value(json_object_get(json_object_get(json, "architecture"), "padding"));
        a->pad_around = padding && strcmp(padding, "around") == 0;
        preprocess->pixel_range = (float)range;
        result = parse_pooled_layers(
            path, json_object_get(json_object_get(json, "architecture"), "pooled_layers"), a, err);
    }
    json_decref(json);
    return result;
}

/* Those of the metadata, if it has them. */
static int take_class_names(const char *path, const char *text, struct model *model,
                            struct error *err)
{
    const int64_t classes = model->architecture.classes;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(json, "class_names");
    const char **names = NULL;
    int64_t bad = 0;
    int result = list == NULL ? 0 : -1;
    if (list && (!json_is_array(list) || (int64_t)json_array_size(list) != classes))
        error_set(err, ERR_FORMAT, "%s: metadata '%s': class_names must name its %lld classes",
                  path, metadata_key, (long long)classes);
    else if (list && (names = memory_new((size_t)classes, sizeof *names, err)) != NULL) {
        for (int64_t i = 0; i < classes; i++)
            names[i] = json_string_value(json_array_get(list, (size_t)i));
        if (class_names_check(names, classes, &bad, err))
            error_prefix(err, "%s: metadata '%s': class_names %lld: ", path, metadata_key,
                         (long long)bad);
        else
            result = model_name_classes(model, names, err);
    }
    free(names);
    json_decref(json);
    return result;
}

/* So with what pictures were made to. */
static int take_pictures(const char *path, const char *text, struct model *model, struct error *err)
{
    enum { SIDE_MOST = 65535 };
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *pictures = json_object_get(json, "pictures");
    const char *fit = "";
    json_int_t height = 0, width = 0;
    int result = 0;
    if (pictures != NULL) {
        json_unpack(pictures, "{s:s, s:I, s:I}", "fit", &fit, "height", &height, "width", &width);
        for (int i = 0; i < 3; i++)
            if (strcmp(fit, picture_fit_names[i]) == 0)
                model->pictures =
                    (struct model_pictures){picture_fit_names[i], (int64_t)height, (int64_t)width};
        if (model->pictures.fit == NULL || height < 1 || height > SIDE_MOST || width < 1 ||
            width > SIDE_MOST)
            result = error_set(err, ERR_FORMAT,
                               "%s: metadata '%s': pictures must have fit, height and width", path,
                               metadata_key);
    }
    json_decref(json);
    return result;
}

int model_read(const char *path, const struct weight_check *check, struct model **model,
               struct error *err)
{
    struct safetensors set = {0};
    struct architecture architecture = {0};
    struct preprocess preprocess = {0};
    struct model *made = NULL;
    if (safetensors_read(path, &set, err))
        return -1;
    const char *text = safetensors_description(&set, metadata_key);
    int result = -1;
    if (!text)
        error_set(err, ERR_FORMAT, "%s: not a model: metadata '%s' is missing", path, metadata_key);
    else if (parse_description(path, text, &architecture, &preprocess, err) == 0) {
        if (model_new_blank(&architecture, &preprocess, &made, err))
            error_prefix(err, "%s: ", path);
        else if (take_class_names(path, text, made, err) == 0 &&
                 take_pictures(path, text, made, err) == 0)
            result = take_weights(path, &set, made, false, check, err);
    }
    if (result == 0) {
        made->large_pass = check && check->large_pass;
        *model = made;
    } else
        model_free(made);
    safetensors_release(&set);
    return result;
}
