#include "data/cifar_files.h"

#include "base/memory.h"
#include "data/cifar10.h"
#include "data/class_names.h"
#include "data/pickle.h"
#include "data/unpack.h"

#include <stdlib.h>
#include <string.h>

enum { BATCHES = CIFAR10_MAX_BATCHES, TEST = BATCHES, NAMES, MEMBERS, FINE = 100, COARSE = 20 };
enum { PICTURE = 3 * CIFAR10_PLANE };

static const struct unpack_limits limits = {
    .entries = 1000,
    .member_bytes = (int64_t)1 << 30,
    .total_bytes = (int64_t)4 << 30,
};

/* Members by name, in the order of the batches, the test set, the names of classes. NAMES of
 * CIFAR-100's binary layout are two files, of which the request says one. */
static const char *const names[][MEMBERS + 1] = {
    [CIFAR10_BINARY] = {"data_batch_1.bin", NULL, NULL, NULL, NULL, "test_batch.bin",
                        "batches.meta.txt"},
    [CIFAR10_PYTHON] = {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                        "data_batch_5", "test_batch", "batches.meta"},
    [CIFAR100_BINARY] = {"train.bin", NULL, NULL, NULL, NULL, "test.bin", "fine_label_names.txt",
                         "coarse_label_names.txt"},
    [CIFAR100_PYTHON] = {"train", NULL, NULL, NULL, NULL, "test", "meta"},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

enum cifar_layout cifar_layout_of(const char *path, unsigned *found)
{
    enum cifar_layout told = CIFAR_NONE;
    for (int layout = CIFAR10_BINARY; layout <= CIFAR100_PYTHON; layout++) {
        static const int signs[] = {0, TEST, NAMES};
        for (unsigned i = 0; i < 3; i++)
            if (strcmp(base_name(path), names[layout][signs[i]]) == 0)
                *found |= 1u << (4 * (unsigned)layout + i);
        if ((*found >> (4 * layout) & 7) == 7)
            told = (enum cifar_layout)layout;
    }
    return told;
}

/* ---- members as they come ---- */

struct batch {
    unsigned char *bytes;
    size_t size;
    struct pickle *pickle;
    const unsigned char *planes; /* of the first record */
    size_t stride;               /* from a record's planes to the next one's */
    uint16_t *labels;            /* [count] */
    int64_t count;
};

struct files {
    const struct cifar_request *request;
    struct batch batches[MEMBERS]; /* NAMES has no records */
};

static const char *name_of(const struct cifar_request *request, int member)
{
    const bool coarse = request->layout == CIFAR100_BINARY && member == NAMES && request->coarse;
    return names[request->layout][coarse ? MEMBERS : member];
}

static int member_of(const struct files *files, const char *path)
{
    for (int i = 0; i < MEMBERS; i++) {
        const char *name = name_of(files->request, i);
        if (name != NULL && strcmp(base_name(path), name) == 0)
            return i;
    }
    return -1;
}

static bool wants(void *context, const char *path)
{
    return member_of(context, path) >= 0;
}

static int take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct files *files = context;
    struct batch *batch = &files->batches[member_of(files, path)];
    if (batch->bytes != NULL) {
        free(data);
        return error_set(err, ERR_FORMAT, "member '%s' is there twice", path);
    }
    batch->bytes = data;
    batch->size = size;
    return 0;
}

/* ---- records ---- */

static int64_t class_count(const struct cifar_request *request)
{
    return request->layout == CIFAR10_PYTHON ? CIFAR10_CLASSES : request->coarse ? COARSE : FINE;
}

static int read_binary(struct batch *batch, bool coarse, struct error *err)
{
    enum { RECORD = 2 + PICTURE };
    if (batch->size == 0 || batch->size % RECORD != 0)
        return error_set(err, ERR_FORMAT, "%zu bytes are not a number of records of %d",
                         batch->size, RECORD);
    batch->count = (int64_t)(batch->size / RECORD);
    batch->planes = batch->bytes + 2;
    batch->stride = RECORD;
    if ((batch->labels = memory_new((size_t)batch->count, sizeof(uint16_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < batch->count; i++)
        batch->labels[i] = batch->bytes[i * RECORD + (coarse ? 0 : 1)];
    return 0;
}

static int read_python(struct batch *batch, const char *key, struct error *err)
{
    if ((batch->pickle = pickle_read(batch->bytes, batch->size, err)) == NULL)
        return -1;
    const struct pickle_value *root = pickle_root(batch->pickle);
    const struct pickle_value *data = pickle_get(batch->pickle, root, "data");
    const struct pickle_value *labels = pickle_get(batch->pickle, root, key);
    if (data == NULL || data->kind != PICKLE_ARRAY || data->rank != 2 ||
        data->shape[1] != PICTURE || strcmp(data->type, "u1") != 0 ||
        data->size / PICTURE != (size_t)data->shape[0] || data->size % PICTURE != 0)
        return error_set(err, ERR_FORMAT, "its 'data' are no array of u1 and shape (n, %d)",
                         PICTURE);
    batch->count = data->shape[0];
    batch->planes = data->data;
    batch->stride = PICTURE;
    if (labels == NULL || labels->kind != PICKLE_LIST || (int64_t)labels->count != batch->count)
        return error_set(err, ERR_FORMAT, "its '%s' are no list of %lld labels", key,
                         (long long)batch->count);
    if ((batch->labels = memory_new((size_t)batch->count, sizeof(uint16_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < batch->count; i++) {
        const struct pickle_value *label = pickle_item(batch->pickle, labels, (size_t)i);
        if (label->kind != PICKLE_INT || label->number < 0 || label->number > UINT16_MAX)
            return error_set(err, ERR_FORMAT, "label %lld is none", (long long)i);
        batch->labels[i] = (uint16_t)label->number;
    }
    return 0;
}

static int read_batch(struct files *files, int member, struct error *err)
{
    const struct cifar_request *request = files->request;
    struct batch *batch = &files->batches[member];
    static const char *const keys[] = {"labels", "fine_labels", "coarse_labels"};
    const int key = request->layout == CIFAR10_PYTHON ? 0 : request->coarse ? 2 : 1;
    int result = request->layout == CIFAR100_BINARY ? read_binary(batch, request->coarse, err)
                                                    : read_python(batch, keys[key], err);
    for (int64_t i = 0; result == 0 && i < batch->count; i++)
        if (batch->labels[i] >= class_count(request))
            result = error_set(err, ERR_FORMAT, "record %lld: label %d is not 0 to %lld",
                               (long long)i, batch->labels[i], (long long)class_count(request) - 1);
    return result < 0 ? error_prefix(err, "member '%s': ", name_of(request, member)) : 0;
}

/* ---- names of classes ---- */

static int add_class(const void *name, size_t size, struct dataset *dataset, int64_t most,
                     struct error *err)
{
    char **slot = &dataset->classes[dataset->class_count];
    if (dataset->class_count == most)
        return error_set(err, ERR_FORMAT, "it must name %lld classes, not more", (long long)most);
    if (class_name_check(name, size, err) < 0 || (*slot = memory_new(size + 1, 1, err)) == NULL)
        return -1;
    memcpy(*slot, name, size);
    dataset->class_count++;
    return 0;
}

static int names_of_lines(const struct batch *batch, int64_t most, struct dataset *dataset,
                          struct error *err)
{
    const char *at = (const char *)batch->bytes, *end = at + batch->size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        size_t size = (size_t)(stop - at);
        while (size > 0 && (at[size - 1] == '\r' || at[size - 1] == ' '))
            size--;
        if (size > 0 && add_class(at, size, dataset, most, err) < 0)
            return -1;
        at = stop + 1;
    }
    return 0;
}

static int names_of_pickle(struct batch *batch, const char *key, int64_t most,
                           struct dataset *dataset, struct error *err)
{
    if ((batch->pickle = pickle_read(batch->bytes, batch->size, err)) == NULL)
        return -1;
    const struct pickle_value *list = pickle_get(batch->pickle, pickle_root(batch->pickle), key);
    if (list == NULL || list->kind != PICKLE_LIST)
        return error_set(err, ERR_FORMAT, "it has no list '%s'", key);
    for (size_t i = 0; i < list->count; i++) {
        const struct pickle_value *name = pickle_item(batch->pickle, list, i);
        if (name->kind != PICKLE_TEXT && name->kind != PICKLE_BYTES)
            return error_set(err, ERR_FORMAT, "a name in '%s' is no text", key);
        if (add_class(name->data, name->size, dataset, most, err) < 0)
            return -1;
    }
    return 0;
}

static int read_names(struct files *files, struct dataset *dataset, struct error *err)
{
    const struct cifar_request *request = files->request;
    const int64_t most = class_count(request);
    int64_t bad;
    if ((dataset->classes = memory_new((size_t)most, sizeof(char *), err)) == NULL)
        return -1;
    const char *key = request->layout == CIFAR10_PYTHON ? "label_names"
                      : request->coarse                 ? "coarse_label_names"
                                                        : "fine_label_names";
    struct batch *member = &files->batches[NAMES];
    int result = request->layout == CIFAR100_BINARY
                     ? names_of_lines(member, most, dataset, err)
                     : names_of_pickle(member, key, most, dataset, err);
    if (result == 0 && dataset->class_count != most)
        result = error_set(err, ERR_FORMAT, "it must name %lld classes, it names %lld",
                           (long long)most, (long long)dataset->class_count);
    if (result == 0)
        result = class_names_check((const char *const *)dataset->classes, most, &bad, err);
    return result < 0 ? error_prefix(err, "member '%s': ", name_of(request, NAMES)) : 0;
}

/* ---- all together ---- */

static int join(const struct batch *batches, int count, struct npy *images, struct npy *labels,
                struct error *err)
{
    int64_t total = 0;
    for (int i = 0; i < count; i++)
        total += batches[i].count;
    const int64_t shape[4] = {total, CIFAR10_SIDE, CIFAR10_SIDE, 3};
    if (npy_new(NPY_U8, 4, shape, images, err) < 0 || npy_new(NPY_U16, 1, shape, labels, err) < 0)
        return -1;
    for (int64_t done = 0, batch = 0, at = 0; done < total; done++, at++) {
        while (at == batches[batch].count)
            batch++, at = 0;
        ((uint16_t *)labels->data)[done] = batches[batch].labels[at];
        cifar10_interleave(batches[batch].planes + (size_t)at * batches[batch].stride,
                           (uint8_t *)images->data + done * PICTURE);
    }
    return 0;
}

static int assemble(struct files *files, struct dataset *dataset, struct error *err)
{
    const struct cifar_request *request = files->request;
    for (int i = 0; i < MEMBERS; i++) {
        const bool needed = i == 0 || i == TEST || i == NAMES ||
                            (files->batches[i].bytes == NULL && i + 1 < BATCHES &&
                             files->batches[i + 1].bytes != NULL);
        if (files->batches[i].bytes == NULL && needed)
            return error_set(err, ERR_FORMAT, "member '%s' is missing", name_of(request, i));
        if (files->batches[i].bytes != NULL && i != NAMES && read_batch(files, i, err) < 0)
            return -1;
    }
    if (read_names(files, dataset, err) < 0)
        return -1;
    dataset->height = dataset->width = CIFAR10_SIDE;
    if (join(files->batches, BATCHES, &dataset->train_images, &dataset->train_labels, err) < 0)
        return -1;
    return join(&files->batches[TEST], 1, &dataset->test_images, &dataset->test_labels, err);
}

int cifar_files_read(const char *path, const struct cifar_request *request, struct dataset *dataset,
                     struct error *err)
{
    struct files files = {.request = request};
    struct dataset read = {0};
    const struct unpack_visitor visitor = {wants, take, &files};
    int result = unpack_any(path, &limits, &visitor, err);
    if (result == 0 && assemble(&files, &read, err) < 0)
        result = error_prefix(err, "'%s': ", path);
    for (int i = 0; i < MEMBERS; i++) {
        pickle_free(files.batches[i].pickle);
        free(files.batches[i].labels);
        free(files.batches[i].bytes);
    }
    if (result < 0)
        dataset_release(&read);
    else
        *dataset = read;
    return result;
}
