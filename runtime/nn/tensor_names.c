#include "nn/tensor_names.h"

#include "base/memory.h"
#include "nn/keras_layers.h"
#include "nn/tensor_rules.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets of tensors ---- */

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

static struct safetensor *find(struct safetensors *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->tensors[i].name, name) == 0)
            return &set->tensors[i];
    return NULL;
}

static int rename_tensor(struct safetensor *tensor, const char *name, struct error *err)
{
    char *copy = memory_copy_text(name, err);
    if (!copy)
        return -1;
    free(tensor->name);
    tensor->name = copy;
    return 0;
}

static void drop(struct safetensors *set, size_t index)
{
    free(set->tensors[index].name);
    free(set->tensors[index].data);
    memmove(&set->tensors[index], &set->tensors[index + 1],
            (set->count - index - 1) * sizeof set->tensors[0]);
    set->count--;
}

/* PyTorch's parameters are called weight, its statistics running_. */
static bool is_torch(const struct safetensors *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (ends_with(set->tensors[i].name, ".weight") ||
            ends_with(set->tensors[i].name, ".running_mean"))
            return true;
    return false;
}

static void add_words(struct text *note, const char *words)
{
    text_addf(note, "%s%s", note->size > 0 ? "; " : "", words);
}

void tensor_names_describe(const struct safetensors *set, struct text *note)
{
    if (is_torch(set))
        add_words(note, "PyTorch's names and layout (OIHW), which become those of the architecture "
                        "when the model is made");
}

/* ---- the classifier on top ---- */

static bool is_of_base(const struct model *model, const char *name)
{
    for (size_t p = 0; p < model->count; p++)
        if (!model->graph.nodes[model->parameters[p].node].head &&
            strcmp(model->parameters[p].name, name) == 0)
            return true;
    return false;
}

/* Convolutions that are a classifier (keras.applications' MobileNet), or no part of a network: what
 * our own exported models begin with. */
static bool is_known_extra(const char *name)
{
    return strncmp(name, "conv_preds/", 11) == 0 || strncmp(name, "preprocess/", 11) == 0;
}

/* Where a layer's name in "<layer>/kernel" or "<layer>.weight" ends. */
static size_t layer_length(const char *name)
{
    const char *end = strrchr(name, '/');
    if (!end)
        end = strrchr(name, '.');
    return end ? (size_t)(end - name) : strlen(name);
}

/* What is left beside a base is the classifier's, if there is a dense layer and no convolution:
 * those would be of another network. */
static int drop_head(const struct model *model, struct safetensors *set, struct text *note)
{
    bool dense = false, convolution = false;
    struct text words = {0};
    for (size_t i = 0; i < set->count; i++) {
        const struct safetensor *tensor = &set->tensors[i];
        if (is_of_base(model, tensor->name) || is_known_extra(tensor->name))
            continue;
        dense = dense || tensor->rank == 2;
        convolution = convolution || tensor->rank == 4;
    }
    for (size_t i = set->count; i-- > 0;) {
        const struct safetensor *tensor = &set->tensors[i];
        if (is_of_base(model, tensor->name) ||
            (!is_known_extra(tensor->name) && (convolution || !dense)))
            continue;
        if (tensor->rank == 2 || is_known_extra(tensor->name))
            text_addf(&words, "%s%.*s", words.size > 0 ? ", " : "", (int)layer_length(tensor->name),
                      tensor->name);
        drop(set, i);
    }
    if (words.size > 0) {
        add_words(note, "left out, as no part of the base: ");
        text_add(note, text_string(&words));
    }
    text_release(&words);
    return 0;
}

/* ---- patterns ---- */

struct places {
    int stage, block, layer, letter, through; /* {s} {b} {i} {a} {k}; -1 where there is none */
    int from_zero_stage, from_zero_block;     /* {S} {B} */
    int from_zero;                            /* {K} */
};

static int *place(struct places *places, char which)
{
    switch (which) {
    case 's': return &places->stage;
    case 'b': return &places->block;
    case 'i': return &places->layer;
    case 'a': return &places->letter;
    case 'k': return &places->through;
    case 'S': return &places->from_zero_stage;
    case 'B': return &places->from_zero_block;
    default: return &places->from_zero;
    }
}

static bool match(const char *pattern, const char *name, size_t length, struct places *places)
{
    const char *end = name + length;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (name >= end || *name++ != *pattern++)
                return false;
            continue;
        }
        int *value = place(places, pattern[1]), digits = 0;
        *value = 0;
        if (pattern[1] == 'a') {
            if (name >= end || !islower((unsigned char)*name))
                return false;
            *value = *name++ - 'a';
        } else {
            for (; name < end && isdigit((unsigned char)*name) && digits < 4; digits++)
                *value = *value * 10 + (*name++ - '0');
            if (digits == 0)
                return false;
        }
        pattern += 3; /* "{s}" */
    }
    return name == end;
}

static void fill(const char *pattern, struct places *places, struct text *name)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '{') {
            text_append(name, pattern, 1);
            continue;
        }
        int value = *place(places, pattern[1]);
        pattern += 2;
        if (*pattern == '-' || *pattern == '+') {
            value += *pattern == '+' ? 1 : -1;
            pattern += 2;
        }
        text_addf(name, "%d", value);
    }
}

/* {S} and {B} from {k} and the sizes of stages. */
static void find_stage(const struct tensor_dialect *dialect, struct places *places)
{
    int left = places->through - dialect->first;
    const char *size = dialect->sizes;
    for (; *size != '\0' && left >= *size - '0'; size++)
        left -= *size - '0';
    places->from_zero_stage = (int)(size - dialect->sizes);
    places->from_zero_block = left;
}

/* {K}: how many blocks ("block2a") lie before this layer's. */
static int blocks_before(const struct model *model, const struct places *own)
{
    struct places last = {-1, -1, -1, -1, -1, 0, 0, 0};
    int count = -1;
    for (size_t i = 0; i < model->graph.count; i++) {
        const char *name = model->graph.nodes[i].name;
        struct places at = {-1, -1, -1, -1, -1, 0, 0, 0};
        if (!match("block{s}{a}", name, strcspn(name, "_"), &at))
            continue;
        count += at.stage != last.stage || at.letter != last.letter;
        if (at.stage == own->stage && at.letter == own->letter)
            break;
        last = at;
    }
    return count;
}

/* ---- PyTorch ---- */

static const char *const variables[][2] = {
    /* by enum parameter_role: of convolutions and of batch norms */
    [PARAMETER_KERNEL] = {".weight", NULL},
    [PARAMETER_BIAS] = {".bias", NULL},
    [PARAMETER_GAMMA] = {NULL, ".weight"},
    [PARAMETER_BETA] = {NULL, ".bias"},
    [PARAMETER_MOVING_MEAN] = {NULL, ".running_mean"},
    [PARAMETER_MOVING_VARIANCE] = {NULL, ".running_var"},
};

/* What the dialect calls a parameter; empty where no rule is of its layer. */
static void name_theirs(const struct tensor_dialect *dialect, const struct model *model,
                        const struct parameter *parameter, struct text *theirs)
{
    const size_t length = strcspn(parameter->name, "/");
    text_clear(theirs);
    for (size_t i = 0; i < dialect->count; i++) {
        struct places places = {-1, -1, -1, -1, -1, 0, 0, 0};
        if (!match(dialect->rules[i].ours, parameter->name, length, &places))
            continue;
        find_stage(dialect, &places);
        places.from_zero = blocks_before(model, &places);
        fill(dialect->rules[i].theirs, &places, theirs);
        text_add(theirs, variables[parameter->role][parameter->role >= PARAMETER_GAMMA]);
        return;
    }
}

static bool speaks_of(const struct tensor_dialect *dialect, const char *architecture,
                      const char *file)
{
    const char *want = dialect->architectures;
    const size_t length = strcspn(want, " ");
    if (dialect->file_part && !strstr(file, dialect->file_part))
        return false;
    return strncmp(want, architecture, length) == 0 &&
           (want[length] == '\0' || architecture[length] == '\0');
}

/* How many of the base's parameters are there under the dialect's names. */
static size_t count_found(const struct tensor_dialect *dialect, const struct model *model,
                          struct safetensors *set)
{
    size_t count = 0;
    struct text theirs = {0};
    for (size_t p = 0; p < model->count; p++) {
        if (model->graph.nodes[model->parameters[p].node].head)
            continue;
        name_theirs(dialect, model, &model->parameters[p], &theirs);
        count += theirs.size > 0 && find(set, theirs.data) != NULL;
    }
    text_release(&theirs);
    return count;
}

static const struct tensor_dialect *choose(const struct model *model, struct safetensors *set,
                                           const char *file)
{
    const struct tensor_dialect *best = NULL;
    size_t most = model->count / 4; /* names such as bn1.weight are common to all */
    for (size_t i = 0; i < tensor_dialect_count; i++) {
        const struct tensor_dialect *dialect = &tensor_dialects[i];
        if (!speaks_of(dialect, model->architecture.name, file))
            continue;
        size_t found = count_found(dialect, model, set);
        if (found > most) {
            most = found;
            best = dialect;
        }
    }
    return best;
}

/* [k, c/groups, r, s] to [r, s, c/groups, k], and of depthwise convolutions to [r, s, k, 1]. */
static int transpose(struct safetensor *tensor, bool depthwise, struct error *err)
{
    const int64_t k = tensor->shape[0], c = tensor->shape[1];
    const int64_t places = tensor->shape[2] * tensor->shape[3];
    float *values = memory_new((size_t)tensor->count, sizeof *values, err);
    if (!values)
        return -1;
    for (int64_t o = 0; o < k; o++)
        for (int64_t i = 0; i < c; i++)
            for (int64_t at = 0; at < places; at++)
                values[(at * c + i) * k + o] = tensor->data[(o * c + i) * places + at];
    free(tensor->data);
    tensor->data = values;
    const bool swap = depthwise && c == 1;
    const int64_t shape[] = {tensor->shape[2], tensor->shape[3], swap ? k : c, swap ? 1 : k};
    memcpy(tensor->shape, shape, sizeof shape);
    return 0;
}

/* A parameter's tensor by our name and in our layout. What is not there is told later, but for a
 * bias: PyTorch's convolutions before a batch norm have none. */
static int take(const struct tensor_dialect *dialect, const struct model *model,
                const struct parameter *parameter, struct safetensors *set, struct text *theirs,
                struct error *err)
{
    const bool depthwise = model->graph.nodes[parameter->node].groups > 1;
    name_theirs(dialect, model, parameter, theirs);
    if (text_check(theirs, err))
        return -1;
    struct safetensor *tensor = find(set, text_string(theirs));
    if (!tensor && parameter->role == PARAMETER_BIAS)
        return safetensors_add(set, parameter->name, parameter->rank, parameter->shape, NULL, err);
    if (!tensor)
        return error_set(err, ERR_FORMAT, "there is no tensor '%s', which %s has for '%s' of '%s'",
                         text_string(theirs), dialect->title, parameter->name,
                         model->architecture.name);
    if (tensor->rank == 4 && parameter->role == PARAMETER_KERNEL &&
        transpose(tensor, depthwise, err))
        return -1;
    return rename_tensor(tensor, parameter->name, err);
}

/* gamma / sqrt(v + theirs) = gamma' / sqrt(v + ours) */
static void take_epsilon(const struct tensor_dialect *dialect, const struct model *model,
                         struct safetensors *set)
{
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        const struct node *node = &model->graph.nodes[parameter->node];
        const double ours = (double)node->norm_epsilon, theirs = (double)dialect->epsilon;
        char name[sizeof parameter->name + sizeof "/moving_variance"];
        if (parameter->role != PARAMETER_GAMMA || node->norm_epsilon == dialect->epsilon)
            continue;
        struct safetensor *gamma = find(set, parameter->name);
        snprintf(name, sizeof name, "%s/moving_variance", node->norm);
        const struct safetensor *variance = find(set, name);
        for (int64_t i = 0; gamma && variance && gamma->count == variance->count &&
                            i < gamma->count && variance->data[i] >= 0.0f;
             i++)
            gamma->data[i] *= (float)sqrt(((double)variance->data[i] + ours) /
                                          ((double)variance->data[i] + theirs));
    }
}

/* DataParallel and other wrappers put a word before every name. */
static int strip_wrappers(struct safetensors *set, struct error *err)
{
    static const char *const words[] = {"module.", "model.",    "_orig_mod.", "state_dict.",
                                        "net.",    "backbone.", "encoder."};
    for (size_t i = 0; i < set->count; i++) {
        struct safetensor *tensor = &set->tensors[i];
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            const size_t length = strlen(words[w]);
            if (strncmp(tensor->name, words[w], length) != 0)
                continue;
            char *rest = memory_copy_text(tensor->name + length, err);
            if (!rest)
                return -1;
            free(tensor->name);
            tensor->name = rest;
            w = (size_t)-1; /* and once more from the first */
        }
    }
    return 0;
}

/* The stride of v1.5 lies in the 3x3 convolution, that of v1 in the 1x1 before it. */
static int check_stride(const struct model *model, struct error *err)
{
    const int node = graph_find(&model->graph, "conv3_block1_1_conv");
    if (strncmp(model->architecture.name, "resnet", 6) != 0 || node < 0 ||
        model->graph.nodes[node].stride == 1 || model->graph.nodes[node].kernel != 1)
        return 0;
    return error_set(err, ERR_FORMAT,
                     "these are PyTorch's weights of ResNet v1.5, whose stride lies elsewhere than "
                     "that of '%s': take model.architecture '%s_v1.5'",
                     model->architecture.name, model->architecture.name);
}

static int map_torch(struct model *model, struct safetensors *set, struct text *note,
                     struct error *err)
{
    const char *file = safetensors_description(set, "source");
    struct text theirs = {0};
    if (strip_wrappers(set, err))
        return -1;
    const struct tensor_dialect *dialect = choose(model, set, file ? file : "");
    if (!dialect)
        return error_set(err, ERR_FORMAT,
                         "the names are PyTorch's ('%s'), but not those that torchvision or timm "
                         "has for '%s'",
                         set->count > 0 ? set->tensors[0].name : "", model->architecture.name);
    int result = check_stride(model, err);
    for (size_t p = 0; p < model->count && result == 0; p++)
        if (!model->graph.nodes[model->parameters[p].node].head)
            result = take(dialect, model, &model->parameters[p], set, &theirs, err);
    text_release(&theirs);
    if (result)
        return -1;
    take_epsilon(dialect, model, set);
    model->architecture.pad_around = dialect->around;
    if (graph_pad(&model->graph, &model->architecture, err))
        return -1;
    add_words(note, "names and layout of ");
    text_add(note, dialect->title);
    return 0;
}

/* ---- Keras ---- */

/* "conv_dw_1/kernel", as newer files have it. */
static int name_depthwise(const struct model *model, struct safetensors *set, struct error *err)
{
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        const char *variable = strchr(parameter->name, '/') + 1;
        char name[sizeof parameter->name];
        if (strcmp(variable, "depthwise_kernel") != 0 || find(set, parameter->name))
            continue;
        snprintf(name, sizeof name, "%.*skernel", (int)(variable - parameter->name),
                 parameter->name);
        struct safetensor *tensor = find(set, name);
        if (tensor && rename_tensor(tensor, parameter->name, err))
            return -1;
    }
    return 0;
}

/* A numbered name's tensor; "conv2d" is the first, "conv2d_1" the second. */
static struct safetensor *find_numbered(struct safetensors *set, const struct keras_layer *layer,
                                        const char *variable)
{
    /* Our list begins with a convolution that no base has. */
    const int number = layer->number - (layer->kind == KERAS_CONV);
    char name[3 * NODE_NAME_SIZE], suffix[16] = "";
    if (number > 0)
        snprintf(suffix, sizeof suffix, "_%d", number);
    snprintf(name, sizeof name, "%s%s/%s", keras_group(layer->kind), suffix, variable);
    return find(set, name);
}

/* Older releases of Keras 3 only number layers, by class and in Keras' order. */
static int name_numbered(const struct model *model, struct safetensors *set, struct text *note,
                         struct error *err)
{
    struct keras_layers layers = {0};
    if (!find(set, "conv2d/kernel") || !find(set, "batch_normalization/gamma"))
        return 0;
    int result = keras_layers_make(model, &layers, err);
    for (size_t i = 0; i < layers.count && result == 0; i++) {
        const struct keras_layer *layer = &layers.list[i];
        if (layer->node < 0 || model->graph.nodes[layer->node].head)
            continue;
        for (size_t p = 0; p < model->count && result == 0; p++) {
            const struct parameter *parameter = &model->parameters[p];
            const size_t length = strcspn(parameter->name, "/");
            if (parameter->node != layer->node || strlen(layer->name) != length ||
                strncmp(layer->name, parameter->name, length) != 0)
                continue;
            struct safetensor *tensor = find_numbered(set, layer, parameter->name + length + 1);
            if (tensor)
                result = rename_tensor(tensor, parameter->name, err);
        }
    }
    keras_layers_release(&layers);
    if (result == 0)
        add_words(note, "layers told apart by Keras' numbers, as the file has no names");
    return result;
}

static int map_keras(const struct model *model, struct safetensors *set, struct text *note,
                     struct error *err)
{
    return name_numbered(model, set, note, err) || name_depthwise(model, set, err) ? -1 : 0;
}

int tensor_names_map(struct model *model, struct safetensors *set, struct text *note,
                     struct error *err)
{
    int result =
        is_torch(set) ? map_torch(model, set, note, err) : map_keras(model, set, note, err);
    if (result == 0)
        result = drop_head(model, set, note);
    return result < 0 ? -1 : text_check(note, err);
}
