/* What Keras 3 writes (saving_lib):
 *
 *   group    = /  or  .../layers/<class>[_n], n counting layers of a class from 1, the first
 * without; a model inside a model has groups of its own below its own "layers" vars     =
 * <group>/vars, with attribute name = what the layer is called (newer releases) dataset  =
 * <group>/vars/0, 1, ...   convolution, dense: kernel, bias batch norm: gamma, beta, moving mean,
 * moving variance
 *
 * A .keras says in its config.json what layers are called, in the same order:
 *
 *   model    = {"class_name": text, "config": {"name": text, "layers": [model or layer, ...]}}
 */
#include "data/keras_vars.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_LIMIT = 16, GROUPS_LIMIT = 100000, CLASS_SIZE = 128, VARS_LIMIT = 4 };

struct reader {
    const struct h5 *h5;
    json_t *names; /* path of a group to its layer's name */
    struct safetensors *set;
    size_t groups;
    struct text other; /* the first layer that is left out */
    size_t others;
};

/* ---- names in config.json ---- */

void keras_vars_snake(const char *name, char *snake, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; name[i] != '\0' && length + 3 < size; i++) {
        const unsigned char c = (unsigned char)name[i], next = (unsigned char)name[i + 1];
        const unsigned char before = i > 0 ? (unsigned char)name[i - 1] : 0;
        /* (.)([A-Z][a-z]+) and then ([a-z])([A-Z]) get an underscore between them */
        if (isupper(c) && before != 0 && (islower(next) || islower(before)) &&
            snake[length - 1] != '_')
            snake[length++] = '_';
        snake[length++] = (char)tolower(c);
    }
    snake[length] = '\0';
}

static int name_layers(const json_t *config, const char *prefix, int depth, json_t *names,
                       struct error *err);

static int name_layer(const json_t *layer, const char *prefix, int depth, json_t *used,
                      json_t *names, struct error *err)
{
    const char *class = json_string_value(json_object_get(layer, "class_name"));
    const json_t *config = json_object_get(layer, "config");
    const char *name = json_string_value(json_object_get(config, "name"));
    char snake[CLASS_SIZE];
    struct text path = {0};
    if (class == NULL || name == NULL)
        return 0;
    keras_vars_snake(class, snake, sizeof snake);
    const json_int_t before = json_integer_value(json_object_get(used, snake));
    text_addf(&path, "%slayers/%s", prefix, snake);
    if (json_object_get(used, snake) != NULL)
        text_addf(&path, "_%lld", (long long)before + 1);
    int result = text_check(&path, err);
    if (result == 0 &&
        (json_object_set_new(used, snake,
                             json_integer(json_object_get(used, snake) ? before + 1 : 0)) < 0 ||
         json_object_set_new(names, path.data, json_string(name)) < 0))
        result = error_set(err, ERR_MEMORY, "out of memory");
    text_add(&path, "/");
    if (result == 0)
        result =
            text_check(&path, err) < 0 ? -1 : name_layers(config, path.data, depth + 1, names, err);
    text_release(&path);
    return result;
}

static int name_layers(const json_t *config, const char *prefix, int depth, json_t *names,
                       struct error *err)
{
    const json_t *layers = json_object_get(config, "layers");
    json_t *used = json_object(), *layer;
    size_t i;
    int result = used != NULL ? 0 : error_set(err, ERR_MEMORY, "out of memory");
    if (depth > DEPTH_LIMIT)
        result =
            error_set(err, ERR_FORMAT, "models lie more than %d deep in one another", DEPTH_LIMIT);
    json_array_foreach (layers, i, layer) {
        if (result < 0)
            break;
        result = name_layer(layer, prefix, depth, used, names, err);
    }
    json_decref(used);
    return result;
}

/* ---- a layer's variables ---- */

/* "conv2d_12" is the class conv2d. */
static void class_of(const char *group, char *class, size_t size)
{
    const char *slash = strrchr(group, '/');
    snprintf(class, size, "%s", slash != NULL ? slash + 1 : group);
    char *end = strrchr(class, '_');
    if (end != NULL && end[1] != '\0' && strspn(end + 1, "0123456789") == strlen(end + 1))
        *end = '\0';
}

/* Which variables these are, by their shapes; NULL where they are another layer's. */
static const char *const *find_variables(const struct safetensors *vars, const char *class)
{
    static const char *const plain[] = {"kernel", "bias"};
    static const char *const depthwise[] = {"depthwise_kernel", "bias"};
    static const char *const norm[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const struct safetensor *first = vars->tensors;
    const bool kernel = vars->count == 1 || (vars->count == 2 && first[1].rank == 1);
    if (kernel && first->rank == 4)
        return strcmp(class, "depthwise_conv2d") == 0 ? depthwise : plain;
    if (kernel && first->rank == 2 && strcmp(class, "embedding") != 0)
        return plain;
    bool all_vectors = vars->count == VARS_LIMIT;
    for (size_t i = 0; i < vars->count; i++)
        all_vectors = all_vectors && first[i].rank == 1;
    return all_vectors ? norm : NULL;
}

static int leave_out(struct reader *reader, const char *group, struct error *err)
{
    if (reader->others++ == 0)
        text_add(&reader->other, group);
    return text_check(&reader->other, err);
}

/* The layer's name, or its place without "layers/". Where that is taken, by a layer of a model
 * inside this one, the whole place. */
static int name_tensor(const struct reader *reader, hid_t vars, const char *group,
                       const char *variable, struct text *name, struct error *err)
{
    char said[H5_NAME_LIMIT];
    const char *layer = json_string_value(json_object_get(reader->names, group));
    const char *slash = strrchr(group, '/');
    if (layer == NULL && h5_text(vars, "name", said, sizeof said))
        layer = said;
    if (layer == NULL)
        layer = slash != NULL ? slash + 1 : group;
    text_addf(name, "%s/%s", layer, variable);
    if (text_check(name, err) == 0 && safetensors_find(reader->set, name->data) != NULL) {
        text_clear(name);
        text_addf(name, "%s/%s", group, variable);
    }
    return text_check(name, err);
}

static int keep_vars(struct reader *reader, hid_t vars, const char *group,
                     const struct safetensors *read, struct error *err)
{
    char class[CLASS_SIZE];
    class_of(group, class, sizeof class);
    const char *const *variables = find_variables(read, class);
    if (variables == NULL)
        return leave_out(reader, group, err);
    for (size_t i = 0; i < read->count; i++) {
        const struct safetensor *tensor = &read->tensors[i];
        struct text name = {0};
        int result = name_tensor(reader, vars, group, variables[i], &name, err);
        if (result == 0)
            result = safetensors_add(reader->set, name.data, tensor->rank, tensor->shape,
                                     tensor->data, err);
        text_release(&name);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int read_vars(struct reader *reader, hid_t vars, const char *group, struct error *err)
{
    struct h5_names members = {0};
    struct safetensors read = {0};
    int result = h5_members(vars, &members, err);
    /* More variables than any layer of ours has, or none. */
    if (result == 0 && members.count > VARS_LIMIT)
        result = leave_out(reader, group, err);
    else if (result == 0 && members.count > 0) {
        for (size_t i = 0; i < members.count && result == 0; i++) {
            char number[24];
            snprintf(number, sizeof number, "%zu", i);
            result = h5_tensor(reader->h5, vars, number, number, &read, err);
        }
        result = result == 0 ? keep_vars(reader, vars, group, &read, err)
                             : error_prefix(err, "layer '%s': ", group);
    }
    safetensors_release(&read);
    h5_names_release(&members);
    return result;
}

/* ---- groups ---- */

/* What is no weight: moments, and the states of random numbers. */
static bool is_passed_over(const char *member)
{
    static const char *const names[] = {"optimizer", "optimizer_weights", "seed_generator",
                                        "compile_metrics"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(member, names[i]) == 0)
            return true;
    return false;
}

static int visit(struct reader *reader, hid_t group, const char *path, int depth,
                 struct error *err);

static int visit_member(struct reader *reader, hid_t group, const char *path, const char *member,
                        int depth, struct error *err)
{
    struct text inner = {0};
    H5I_type_t type;
    if (is_passed_over(member))
        return 0;
    hid_t object = H5Oopen(group, member, reader->h5->groups);
    if (object < 0)
        return h5_failed("H5Oopen", member, err);
    int result = 0;
    if ((type = H5Iget_type(object)) == H5I_GROUP && strcmp(member, "vars") == 0) {
        result = read_vars(reader, object, path, err);
    } else if (type == H5I_GROUP) {
        text_addf(&inner, "%s%s%s", path, *path != '\0' ? "/" : "", member);
        result =
            text_check(&inner, err) < 0 ? -1 : visit(reader, object, inner.data, depth + 1, err);
    }
    text_release(&inner);
    H5Oclose(object);
    return result;
}

static int visit(struct reader *reader, hid_t group, const char *path, int depth, struct error *err)
{
    struct h5_names members = {0};
    if (depth > DEPTH_LIMIT || ++reader->groups > GROUPS_LIMIT)
        return error_set(err, ERR_FORMAT, "it has too many groups, or groups too deep");
    int result = h5_members(group, &members, err);
    for (size_t i = 0; i < members.count && result == 0; i++)
        result = visit_member(reader, group, path, members.list[i], depth, err);
    h5_names_release(&members);
    return result;
}

int keras_vars_read(const struct h5 *h5, const json_t *config, struct safetensors *set,
                    struct text *note, struct error *err)
{
    struct reader reader = {.h5 = h5, .set = set, .names = json_object()};
    int result = reader.names != NULL ? 0 : error_set(err, ERR_MEMORY, "out of memory");
    if (result == 0 && config != NULL)
        result = name_layers(json_object_get(config, "config"), "", 0, reader.names, err);
    if (result == 0)
        result = visit(&reader, h5->file, "", 0, err);
    if (result == 0 && reader.others > 0)
        text_addf(note,
                  "%s%zu layers left out that are no convolution, batch norm or dense layer "
                  "('%s')",
                  note->size > 0 ? "; " : "", reader.others, text_string(&reader.other));
    text_release(&reader.other);
    json_decref(reader.names);
    return result;
}
