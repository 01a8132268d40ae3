#include "data/npz.h"

#include "base/memory.h"
#include "data/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, ARRAYS = 4 };

/* Images and labels to train, images and labels to test. */
static const char *const names[SETS][ARRAYS] = {
    {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"},
    {"train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy"},
    {"images.npy", "labels.npy", NULL, NULL},
    {"x.npy", "y.npy", NULL, NULL},
};

static const struct unpack_limits limits = {
    .entries = 10000,
    .member_bytes = (int64_t)64 << 30,
    .total_bytes = (int64_t)256 << 30,
};

struct arrays {
    struct npy found[SETS][ARRAYS];
    bool there[SETS][ARRAYS];
};

static bool find(const char *path, int *set, int *array)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (*set = 0; *set < SETS; ++*set)
        for (*array = 0; *array < ARRAYS; ++*array)
            if (names[*set][*array] != NULL && strcmp(names[*set][*array], name) == 0)
                return true;
    return false;
}

bool npz_is_images(const char *path)
{
    int set, array;
    return find(path, &set, &array) && array % 2 == 0;
}

static bool wants(void *context, const char *path)
{
    int set, array;
    (void)context;
    return find(path, &set, &array);
}

static int take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct arrays *arrays = context;
    int set, array;
    find(path, &set, &array);
    int result = arrays->there[set][array]
                     ? error_set(err, ERR_FORMAT, "member '%s' is there twice", path)
                     : npy_parse(data, size, &arrays->found[set][array], err);
    if (result < 0)
        error_prefix(err, "member '%s': ", path);
    else
        arrays->there[set][array] = true;
    free(data);
    return result;
}

/* ---- images ---- */

static bool is_channels(int64_t count)
{
    return count == 1 || count == 3 || count == 4;
}

static int check_images(const struct npy *images, const char *name, struct error *err)
{
    const int64_t *shape = images->shape;
    if (images->type != NPY_U8)
        return error_set(err, ERR_FORMAT,
                         "'%s' must hold u8, not %s: values of 0 to 1 become that by "
                         "(x * 255).round().astype('uint8')",
                         name, npy_type_name(images->type));
    if (images->rank == 3)
        return 0;
    if (images->rank != 4)
        return error_set(err, ERR_FORMAT,
                         "'%s' has rank %d: (n,height,width,3) or (n,height,width) is needed", name,
                         images->rank);
    if (shape[3] == 3 || shape[3] == 1)
        return 0;
    if (is_channels(shape[1]))
        return error_set(err, ERR_FORMAT,
                         "'%s' has its channels before height and width: write "
                         "x.transpose(0, 2, 3, 1)",
                         name);
    return error_set(err, ERR_FORMAT, "'%s' has %lld channels where 3 or 1 are needed%s", name,
                     (long long)shape[3], shape[3] == 4 ? ": write x[..., :3]" : "");
}

/* Grey, of one channel or without an axis for it, becomes RGB. */
static int to_rgb(struct npy *images, struct error *err)
{
    struct npy rgb = {0};
    const int64_t shape[4] = {images->shape[0], images->shape[1], images->shape[2], 3};
    if (images->rank == 4 && images->shape[3] == 3)
        return 0;
    if (npy_new(NPY_U8, 4, shape, &rgb, err) < 0)
        return -1;
    const uint8_t *from = images->data;
    uint8_t *to = rgb.data;
    for (int64_t i = 0; i < images->count; i++)
        to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
    npy_release(images);
    *images = rgb;
    return 0;
}

static int read_half(struct arrays *arrays, int set, int half, struct npy *images,
                     struct npy *labels, struct error *err)
{
    struct npy *x = &arrays->found[set][2 * half], *y = &arrays->found[set][2 * half + 1];
    const char *x_name = names[set][2 * half], *y_name = names[set][2 * half + 1];
    if (!arrays->there[set][2 * half + 1])
        return error_set(err, ERR_FORMAT, "there is '%s' and no '%s'", x_name, y_name);
    if (check_images(x, x_name, err) < 0)
        return -1;
    if (to_rgb(x, err) < 0)
        return -1;
    if (npy_to_labels(y, DATASET_MAX_CLASSES, err) < 0)
        return error_prefix(err, "'%s': ", y_name);
    if (y->count != x->shape[0] || y->count == 0)
        return error_set(err, ERR_FORMAT, "'%s' has %lld labels for the %lld pictures of '%s'",
                         y_name, (long long)y->count, (long long)x->shape[0], x_name);
    *images = *x;
    *labels = *y;
    *x = *y = (struct npy){0};
    return 0;
}

/* ---- classes ---- */

static void find_labels(const struct npy *labels, bool *there)
{
    for (int64_t i = 0; labels->data != NULL && i < labels->count; i++)
        there[((const uint16_t *)labels->data)[i]] = true;
}

static void number_labels(struct npy *labels, const uint16_t *classes)
{
    for (int64_t i = 0; labels->data != NULL && i < labels->count; i++) {
        uint16_t *label = (uint16_t *)labels->data + i;
        *label = classes[*label];
    }
}

static int name_classes(struct dataset *dataset, struct error *err)
{
    bool there[DATASET_MAX_CLASSES] = {false};
    uint16_t classes[DATASET_MAX_CLASSES];
    find_labels(&dataset->train_labels, there);
    find_labels(&dataset->test_labels, there);
    if ((dataset->classes = memory_new(DATASET_MAX_CLASSES, sizeof(char *), err)) == NULL)
        return -1;
    for (int label = 0; label < DATASET_MAX_CLASSES; label++) {
        char name[24];
        if (!there[label])
            continue;
        snprintf(name, sizeof(name), "%d", label);
        if ((dataset->classes[dataset->class_count] = memory_copy_text(name, err)) == NULL)
            return -1;
        classes[label] = (uint16_t)dataset->class_count++;
    }
    number_labels(&dataset->train_labels, classes);
    number_labels(&dataset->test_labels, classes);
    return 0;
}

static int assemble(struct arrays *arrays, struct dataset *dataset, struct error *err)
{
    int set = 0;
    while (set < SETS && !arrays->there[set][0])
        set++;
    if (set == SETS)
        return error_set(err, ERR_FORMAT,
                         "it has no array of pictures: x_train, y_train, x_test, y_test are "
                         "needed, or train_images, train_labels, test_images, test_labels, or "
                         "images, labels");
    if (read_half(arrays, set, 0, &dataset->train_images, &dataset->train_labels, err) < 0)
        return -1;
    if (arrays->there[set][2] &&
        read_half(arrays, set, 1, &dataset->test_images, &dataset->test_labels, err) < 0)
        return -1;
    const int64_t *train = dataset->train_images.shape, *test = dataset->test_images.shape;
    if (arrays->there[set][2] && (train[1] != test[1] || train[2] != test[2]))
        return error_set(err, ERR_FORMAT, "'%s' and '%s' have pictures of another size",
                         names[set][0], names[set][2]);
    dataset->height = train[1];
    dataset->width = train[2];
    return name_classes(dataset, err);
}

int npz_read(const char *path, struct dataset *dataset, struct error *err)
{
    struct arrays *arrays = memory_new(1, sizeof(*arrays), err);
    struct dataset read = {0};
    if (arrays == NULL)
        return -1;
    const struct unpack_visitor visitor = {wants, take, arrays};
    int result = unpack_any(path, &limits, &visitor, err);
    if (result == 0 && assemble(arrays, &read, err) < 0)
        result = error_prefix(err, "'%s': ", path);
    for (int set = 0; set < SETS; set++)
        for (int i = 0; i < ARRAYS; i++)
            npy_release(&arrays->found[set][i]);
    free(arrays);
    if (result < 0)
        dataset_release(&read);
    else
        *dataset = read;
    return result;
}
