/* The file:
 *
 *   file     = length header data
 *   length   = u64, little-endian, of header
 *   header   = JSON object, padded with blanks to a multiple of 8:
 *              {"__metadata__": {text: text, ...},
 *               name: {"dtype": "F32", "shape": [n, ...], "data_offsets": [begin, end]}, ...}
 *              dtype also F16, BF16 and F64 where it is read; it is written as F32
 *   data     = tensors, little-endian, C order, at [begin, end) from its start,
 *              covering it without gap or overlap
 */
#include "data/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/element.h"
#include "data/npy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are stored as they are");

enum { LENGTH_SIZE = 8, HEADER_LIMIT = 64 << 20 };

static const char metadata_name[] = "__metadata__";

/* ---- the set in memory ---- */

const struct safetensor *safetensors_find(const struct safetensors *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->tensors[i].name, name) == 0)
            return &set->tensors[i];
    return NULL;
}

int safetensors_add(struct safetensors *set, const char *name, int rank, const int64_t *shape,
                    const float *data, struct error *err)
{
    struct safetensor tensor = {.rank = rank};
    if (strcmp(name, metadata_name) == 0 || safetensors_find(set, name) != NULL)
        return error_set(err, ERR_FORMAT, "tensor '%s': the name is taken", name);
    if (npy_count(rank, shape, sizeof(float), &tensor.count, err) < 0)
        return error_prefix(err, "tensor '%s': ", name);
    for (int i = 0; i < rank; i++)
        tensor.shape[i] = shape[i];
    if (memory_grow(&set->tensors, &set->capacity, set->count + 1, sizeof(tensor), err) < 0 ||
        (tensor.name = memory_copy_text(name, err)) == NULL ||
        (tensor.data = memory_new((size_t)tensor.count, sizeof(float), err)) == NULL) {
        free(tensor.name);
        return -1;
    }
    if (data != NULL && tensor.count > 0)
        memcpy(tensor.data, data, (size_t)tensor.count * sizeof(float));
    set->tensors[set->count++] = tensor;
    return 0;
}

int safetensors_describe(struct safetensors *set, const char *key, const char *value,
                         struct error *err)
{
    if (set->metadata == NULL && (set->metadata = json_object()) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    if (json_object_set_new(set->metadata, key, json_string(value)) < 0)
        return error_set(err, ERR_FORMAT, "metadata '%s' is not UTF-8 text", key);
    return 0;
}

const char *safetensors_description(const struct safetensors *set, const char *key)
{
    return json_string_value(json_object_get(set->metadata, key));
}

void safetensors_release(struct safetensors *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->tensors[i].name);
        free(set->tensors[i].data);
    }
    free(set->tensors);
    json_decref(set->metadata);
    *set = (struct safetensors){0};
}

/* ---- reading ---- */

/* Where a tensor's data lie. One that is left out has no place in set->tensors. */
struct extent {
    int64_t begin, end;
    size_t tensor;
    bool left_out;
    enum element_type type;
};

/* How often a batch norm of PyTorch was trained: an integer that no weight depends on. */
static bool is_counter(const char *name)
{
    static const char suffix[] = "num_batches_tracked";
    size_t length = strlen(name);
    return length >= sizeof suffix - 1 && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

static int read_header(FILE *stream, int64_t file_size, json_t **header, int64_t *data_size,
                       struct error *err)
{
    unsigned char bytes[LENGTH_SIZE];
    uint64_t length = 0;
    if (fread(bytes, 1, sizeof(bytes), stream) != sizeof(bytes))
        return error_set(err, ERR_FORMAT, "it is not a safetensors file: shorter than 8 bytes");
    for (int i = LENGTH_SIZE - 1; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > HEADER_LIMIT || (int64_t)length > file_size - LENGTH_SIZE)
        return error_set(err, ERR_FORMAT,
                         "it is truncated or not a safetensors file: its header would have %llu "
                         "bytes, the file has %lld",
                         (unsigned long long)length, (long long)file_size);
    char *text = memory_new(length + 1, 1, err);
    if (text == NULL)
        return -1;
    json_error_t json_error;
    int result = 0;
    if (fread(text, 1, length, stream) != length)
        result = error_set(err, ERR_IO, "it ended early");
    else if ((*header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error)) == NULL)
        result = error_set(err, ERR_FORMAT, "its header is not JSON: %s", json_error.text);
    else if (!json_is_object(*header))
        result = error_set(err, ERR_FORMAT, "its header is not a JSON object");
    free(text);
    *data_size = file_size - LENGTH_SIZE - (int64_t)length;
    return result;
}

static int read_metadata(const json_t *value, struct safetensors *set, struct error *err)
{
    const char *key;
    json_t *text;
    if (!json_is_object(value))
        return error_set(err, ERR_FORMAT, "its metadata are not an object");
    json_object_foreach ((json_t *)value, key, text) {
        if (!json_is_string(text))
            return error_set(err, ERR_FORMAT, "metadata '%s' is not a text", key);
        if (safetensors_describe(set, key, json_string_value(text), err) < 0)
            return -1;
    }
    return 0;
}

/* Parses and checks one entry before anything of its size is allocated. */
static int read_entry(const char *name, const json_t *entry, int64_t data_size,
                      struct safetensors *set, struct extent *extent, struct error *err)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    int64_t dims[SAFETENSOR_MAX_RANK] = {0}, count;
    size_t size = sizeof(int64_t); /* of a counter's only element */
    if (type == NULL || !json_is_array(shape) || json_array_size(offsets) != 2 ||
        !json_is_integer(begin) || !json_is_integer(end))
        return error_set(err, ERR_FORMAT, "its entry needs dtype, shape and data_offsets");
    extent->left_out = is_counter(name) && strcmp(type, "I64") == 0;
    if (!extent->left_out && !element_find(type, &extent->type))
        return error_set(err, ERR_FORMAT,
                         "it has type %s; weights are F32, F16, BF16 or F64 (quantised ones have "
                         "to be widened by what wrote them)",
                         type);
    if (!extent->left_out)
        size = element_size(extent->type);
    size_t rank = json_array_size(shape);
    if (rank > SAFETENSOR_MAX_RANK)
        return error_set(err, ERR_FORMAT, "it has rank %zu, more than %d", rank,
                         SAFETENSOR_MAX_RANK);
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim))
            return error_set(err, ERR_FORMAT, "its shape holds something else than integers");
        dims[i] = json_integer_value(dim);
    }
    extent->begin = json_integer_value(begin);
    extent->end = json_integer_value(end);
    if (npy_count((int)rank, dims, sizeof(double), &count, err) < 0)
        return -1;
    if (extent->begin < 0 || extent->end < extent->begin || extent->end > data_size)
        return error_set(err, ERR_FORMAT,
                         "its data at [%lld, %lld) lie outside the file's %lld bytes of data: the "
                         "file is truncated, or not what its header says",
                         (long long)extent->begin, (long long)extent->end, (long long)data_size);
    if (extent->end - extent->begin != count * (int64_t)size)
        return error_set(err, ERR_FORMAT, "its shape needs %lld bytes, not %lld",
                         (long long)count * (long long)size,
                         (long long)(extent->end - extent->begin));
    if (extent->left_out)
        return 0;
    extent->tensor = set->count;
    return safetensors_add(set, name, (int)rank, dims, NULL, err);
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

enum { CHUNK_ELEMENTS = 4096 };

/* The values of a tensor, or what is left out, from where the stream stands. */
static int read_values(FILE *stream, const struct extent *extent, float *values, struct error *err)
{
    unsigned char chunk[CHUNK_ELEMENTS * sizeof(double)];
    const size_t size = extent->left_out ? 1 : element_size(extent->type);
    size_t left = (size_t)(extent->end - extent->begin) / size;
    if (!extent->left_out && extent->type == ELEMENT_F32)
        return fread(values, size, left, stream) == left ? 0
                                                         : error_set(err, ERR_IO, "it ended early");
    while (left > 0) {
        size_t count = left < CHUNK_ELEMENTS ? left : CHUNK_ELEMENTS;
        if (fread(chunk, size, count, stream) != count)
            return error_set(err, ERR_IO, "it ended early");
        if (!extent->left_out) {
            element_widen(extent->type, chunk, count, values);
            values += count;
        }
        left -= count;
    }
    return 0;
}

/* Covering without gap or overlap: nothing hides in the file. */
static int read_data(FILE *stream, struct safetensors *set, struct extent *extents, size_t count,
                     int64_t data_size, struct error *err)
{
    int64_t at = 0;
    if (count > 1)
        qsort(extents, count, sizeof(*extents), compare_extents);
    for (size_t i = 0; i < count; i++) {
        const struct extent *extent = &extents[i];
        const struct safetensor *tensor = extent->left_out ? NULL : &set->tensors[extent->tensor];
        if (extent->begin != at)
            return error_set(err, ERR_FORMAT, "tensor '%s': its data %s the ones before",
                             tensor != NULL ? tensor->name : "num_batches_tracked",
                             extent->begin < at ? "overlap" : "leave a gap after");
        if (read_values(stream, extent, tensor != NULL ? tensor->data : NULL, err) < 0)
            return -1;
        at = extent->end;
    }
    if (at != data_size)
        return error_set(err, ERR_FORMAT, "%lld bytes at its end belong to no tensor",
                         (long long)(data_size - at));
    return 0;
}

static int compare_tensors(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int read_stream(FILE *stream, struct safetensors *set, struct error *err)
{
    int result = -1;
    json_t *header = NULL;
    struct extent *extents = NULL;
    struct stat st;
    int64_t data_size = 0;
    size_t count = 0;
    const char *name;
    json_t *entry;
    if (fstat(fileno(stream), &st) < 0)
        return error_errno(err, "cannot ask its size");
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FORMAT, "it is not a regular file");
    if (read_header(stream, st.st_size, &header, &data_size, err) < 0 ||
        (extents = memory_new(json_object_size(header), sizeof(*extents), err)) == NULL)
        goto done;
    json_object_foreach (header, name, entry) {
        if (strcmp(name, metadata_name) == 0) {
            if (read_metadata(entry, set, err) < 0)
                goto done;
        } else if (read_entry(name, entry, data_size, set, &extents[count++], err) < 0) {
            error_prefix(err, "tensor '%s': ", name);
            goto done;
        }
    }
    if (read_data(stream, set, extents, count, data_size, err) < 0)
        goto done;
    if (set->count > 1)
        qsort(set->tensors, set->count, sizeof(*set->tensors), compare_tensors);
    result = 0;
done:
    free(extents);
    json_decref(header);
    return result;
}

int safetensors_read(const char *path, struct safetensors *set, struct error *err)
{
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return error_errno(err, "cannot read '%s'", path);
    struct safetensors read = {0};
    int result = read_stream(stream, &read, err);
    fclose(stream);
    if (result < 0) {
        safetensors_release(&read);
        return error_prefix(err, "'%s': ", path);
    }
    *set = read;
    return 0;
}

/* ---- writing ---- */

static int compare_pointers(const void *a, const void *b)
{
    return compare_tensors(*(const void *const *)a, *(const void *const *)b);
}

static json_t *describe_tensor(const struct safetensor *tensor, int64_t begin, int64_t end)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        shape = json_list_with(shape, json_integer(tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

static int format_header(struct text *header, const struct safetensors *set,
                         const struct safetensor *const *sorted, struct error *err)
{
    int64_t at = 0;
    json_t *root = json_object();
    bool failed = root == NULL;
    if (json_object_size(set->metadata) > 0)
        failed |= json_object_set(root, metadata_name, set->metadata) < 0;
    for (size_t i = 0; i < set->count && !failed; i++) {
        int64_t end = at + sorted[i]->count * (int64_t)sizeof(float);
        failed =
            json_object_set_new(root, sorted[i]->name, describe_tensor(sorted[i], at, end)) < 0;
        at = end;
    }
    char *json = NULL;
    if (failed)
        error_set(err, ERR_FORMAT, "a tensor's name is not UTF-8, or out of memory");
    else
        json = json_to_text(root, true, err);
    json_decref(root);
    if (json == NULL)
        return -1;
    text_add(header, json);
    text_addf(header, "%*s", (int)((8 - header->size % 8) % 8), "");
    free(json);
    return text_check(header, err);
}

int safetensors_write(const char *path, const struct safetensors *set, struct error *err)
{
    int result = -1;
    struct text header = {0};
    struct file_writer writer = {0};
    const struct safetensor **sorted = memory_new(set->count, sizeof(*sorted), err);
    if (sorted == NULL)
        return -1;
    for (size_t i = 0; i < set->count; i++)
        sorted[i] = &set->tensors[i];
    if (set->count > 1)
        qsort(sorted, set->count, sizeof(*sorted), compare_pointers);
    if (format_header(&header, set, sorted, err) < 0 || file_create(&writer, path, err) < 0)
        goto done;
    unsigned char length[LENGTH_SIZE];
    for (int i = 0; i < LENGTH_SIZE; i++)
        length[i] = (unsigned char)((uint64_t)header.size >> (8 * i));
    fwrite(length, 1, sizeof(length), writer.stream);
    fwrite(header.data, 1, header.size, writer.stream);
    for (size_t i = 0; i < set->count; i++)
        fwrite(sorted[i]->data, sizeof(float), (size_t)sorted[i]->count, writer.stream);
    result = file_commit(&writer, err); /* asks ferror */
done:
    text_release(&header);
    free(sorted);
    return result;
}
