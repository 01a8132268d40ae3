#include "differ/differ_elements.h"
#include "differ/differ_files.h"

#include "base/json.h"
#include "data/npy.h"
#include "data/safetensors.h"

#include <string.h>

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), own = strlen(end);
    return length >= own && strcmp(name + length - own, end) == 0;
}

/* What is compared of either format. */
struct array {
    enum npy_type type;
    int rank;
    const int64_t *shape;
    int64_t count;
    const void *data;
};

static struct array of_npy(const struct npy *npy)
{
    return (struct array){npy->type, npy->rank, npy->shape, npy->count, npy->data};
}

static struct array of_tensor(const struct safetensor *tensor)
{
    return (struct array){NPY_F32, tensor->rank, tensor->shape, tensor->count, tensor->data};
}

/* "<f4 [3,4]", or "absent". */
static void add_shape(struct text *text, const struct array *array)
{
    if (array == NULL) {
        text_add(text, "absent");
        return;
    }
    text_addf(text, "%s [", npy_type_name(array->type));
    for (int i = 0; i < array->rank; i++)
        text_addf(text, "%s%lld", i > 0 ? "," : "", (long long)array->shape[i]);
    text_add(text, "]");
}

static json_t *shape_json(const struct array *array)
{
    struct text text = {0};
    if (array == NULL)
        return json_null();
    add_shape(&text, array);
    json_t *json = text.failed ? NULL : json_string(text_string(&text));
    text_release(&text);
    return json;
}

static bool same_shape(const struct array *a, const struct array *b)
{
    return a->type == b->type && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(*a->shape)) == 0;
}

/* The arrays of one name; NULL where a side has none. */
static void compare(const char *name, const struct array *a, const struct array *b,
                    struct file_difference *found, json_t **list, size_t *count)
{
    struct element_difference difference = {.differ = 0};
    struct text line = {0};
    const bool comparable = a != NULL && b != NULL && same_shape(a, b);
    if (comparable)
        elements_compare(a->type, a->data, b->data, a->count, &difference);
    if ((comparable && difference.differ == 0) || (*count)++ >= DIFFER_LISTED)
        return;
    json_t *entry;
    if (name[0] != '\0')
        text_addf(&line, "tensor '%s': ", name);
    if (comparable) {
        elements_describe(&difference, a->type, a->rank, a->shape, &line);
        entry = elements_json(&difference, a->type, a->rank, a->shape);
    } else {
        text_add(&line, "is ");
        add_shape(&line, b);
        text_add(&line, ", was ");
        add_shape(&line, a);
        entry = json_pack("{s:o, s:o}", "a", shape_json(a), "b", shape_json(b));
    }
    *list = json_list_with(*list, json_object_with(entry, "name", json_clean(name)));
    difference_line(found, &line);
}

static void say_more(struct file_difference *found, size_t count)
{
    struct text line = {0};
    if (count > DIFFER_LISTED) {
        text_addf(&line, "and %zu more tensors", count - DIFFER_LISTED);
        difference_line(found, &line);
    }
}

/* Both are sorted by name. */
static void compare_sets(const struct safetensors *a, const struct safetensors *b,
                         struct file_difference *found, json_t **list, size_t *count)
{
    for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
        const int order = i == a->count   ? 1
                          : j == b->count ? -1
                                          : strcmp(a->tensors[i].name, b->tensors[j].name);
        struct array from, to;
        const char *name = order <= 0 ? a->tensors[i].name : b->tensors[j].name;
        if (order <= 0)
            from = of_tensor(&a->tensors[i++]);
        if (order >= 0)
            to = of_tensor(&b->tensors[j++]);
        compare(name, order <= 0 ? &from : NULL, order >= 0 ? &to : NULL, found, list, count);
    }
    say_more(found, *count);
}

static int is_readable(int result, const struct error *err)
{
    return result == 0 ? 1 : err->kind == ERR_MEMORY ? -1 : 0;
}

static int compare_safetensors(const struct file_pair *pair, struct file_difference *found,
                               struct error *err)
{
    struct safetensors a = {0}, b = {0};
    json_t *tensors = json_array(), *metadata = json_array();
    size_t count = 0, values = 0;
    int result = safetensors_read(pair->a, &a, err) == 0 ? safetensors_read(pair->b, &b, err) : -1;
    result = is_readable(result, err);
    if (result == 1) {
        compare_sets(&a, &b, found, &tensors, &count);
        values = values_add("metadata ", a.metadata, b.metadata, &metadata, found);
        found->format = "safetensors";
        found->details = json_object_with(json_object_with(json_object(), "tensors", tensors),
                                          "metadata", metadata);
        /* Half precision was widened, whole numbers left out: what differs may be elsewhere. */
        result = count + values > 0;
    } else {
        json_decref(tensors);
        json_decref(metadata);
    }
    safetensors_release(&a);
    safetensors_release(&b);
    return result;
}

static int compare_npy(const struct file_pair *pair, struct file_difference *found,
                       struct error *err)
{
    struct npy a = {0}, b = {0};
    json_t *tensors = json_array();
    size_t count = 0;
    int result = npy_read(pair->a, &a, err) == 0 ? npy_read(pair->b, &b, err) : -1;
    result = is_readable(result, err);
    if (result == 1) {
        const struct array from = of_npy(&a), to = of_npy(&b);
        compare("", &from, &to, found, &tensors, &count);
        found->format = "npy";
        found->details = json_object_with(json_object(), "tensors", tensors);
        result = count > 0;
    } else
        json_decref(tensors);
    npy_release(&a);
    npy_release(&b);
    return result;
}

int tensors_compare(const struct file_pair *pair, struct file_difference *found, struct error *err)
{
    if (ends_with(pair->name, ".safetensors"))
        return compare_safetensors(pair, found, err);
    return ends_with(pair->name, ".npy") ? compare_npy(pair, found, err) : 0;
}
