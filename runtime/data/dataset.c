#include "data/dataset.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/class_names.h"
#include "data/picture.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES_LIMIT = 4 << 20 };

/* The two halves of a dataset have the same files and rules. */
struct half {
    const char *name;
    struct npy *images, *labels, *boxes;
};

static void halves_of(struct dataset *dataset, struct half halves[2])
{
    halves[0] = (struct half){"train", &dataset->train_images, &dataset->train_labels,
                              &dataset->train_boxes};
    halves[1] =
        (struct half){"test", &dataset->test_images, &dataset->test_labels, &dataset->test_boxes};
}

/* "<folder>/<half>_<what>.npy" in fresh memory. */
static char *path_of(const char *folder, const char *half, const char *what, struct error *err)
{
    struct text path = {0};
    text_addf(&path, "%s/%s_%s.npy", folder, half, what);
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

int dataset_count_labels(const struct npy *labels, int64_t class_count, int64_t *counts,
                         struct error *err)
{
    const uint16_t *label = labels->data;
    ASSERT(labels->type == NPY_U16);
    for (int64_t i = 0; i < labels->count; i++) {
        if (label[i] >= class_count)
            return error_set(err, ERR_FORMAT, "label %d at %lld: there are %lld classes", label[i],
                             (long long)i, (long long)class_count);
        if (counts != NULL)
            counts[label[i]]++;
    }
    return 0;
}

/* ---- checks ---- */

static int check_boxes(const struct npy *boxes, const struct dataset *dataset, struct error *err)
{
    const uint8_t *box = boxes->data;
    for (int64_t i = 0; i < boxes->shape[0]; i++, box += 4)
        if (box[0] > box[2] || box[1] > box[3] || box[2] >= dataset->width ||
            box[3] >= dataset->height)
            return error_set(err, ERR_FORMAT, "box %lld (%d,%d,%d,%d) is not inside its picture",
                             (long long)i, box[0], box[1], box[2], box[3]);
    return 0;
}

static int check_half(const struct half *half, const struct dataset *dataset, struct error *err)
{
    int64_t n = half->images->shape[0];
    if (n == 0)
        return error_set(err, ERR_FORMAT, "there is no picture");
    if (half->images->shape[3] != 3 || half->images->shape[1] != dataset->height ||
        half->images->shape[2] != dataset->width)
        return error_set(err, ERR_FORMAT, "pictures are %lldx%lldx%lld, not %lldx%lldx3",
                         (long long)half->images->shape[1], (long long)half->images->shape[2],
                         (long long)half->images->shape[3], (long long)dataset->height,
                         (long long)dataset->width);
    if (half->labels->shape[0] != n)
        return error_set(err, ERR_FORMAT, "there are %lld labels for %lld pictures",
                         (long long)half->labels->shape[0], (long long)n);
    if (dataset->has_boxes && (half->boxes->shape[0] != n || half->boxes->shape[1] != 4))
        return error_set(err, ERR_FORMAT,
                         "there must be 4 box coordinates for each of %lld pictures", (long long)n);
    if (dataset_count_labels(half->labels, dataset->class_count, NULL, err) < 0)
        return -1;
    return dataset->has_boxes ? check_boxes(half->boxes, dataset, err) : 0;
}

static int check(struct dataset *dataset, struct error *err)
{
    struct half halves[2];
    halves_of(dataset, halves);
    for (int i = 0; i < 2; i++)
        if (check_half(&halves[i], dataset, err) < 0)
            return error_prefix(err, "%s: ", halves[i].name);
    return 0;
}

/* ---- reading ---- */

static int add_class(struct dataset *dataset, size_t *capacity, const char *name, size_t size,
                     struct error *err)
{
    const size_t count = (size_t)dataset->class_count;
    if (count == DATASET_MAX_CLASSES)
        return error_set(err, ERR_FORMAT, "there are more than %d classes", DATASET_MAX_CLASSES);
    if (class_name_check(name, size, err) < 0 ||
        memory_grow(&dataset->classes, capacity, count + 1, sizeof(char *), err) < 0 ||
        (dataset->classes[count] = memory_new(size + 1, 1, err)) == NULL)
        return -1;
    memcpy(dataset->classes[count], name, size);
    dataset->class_count++;
    return 0;
}

/* A name a line; the last may end with the file. */
static int parse_classes(const char *text, size_t size, struct dataset *dataset, int *line,
                         struct error *err)
{
    size_t capacity = 0;
    for (const char *at = text, *end = text + size; at < end; ++*line) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (add_class(dataset, &capacity, at, (size_t)(stop - at), err) < 0)
            return -1;
        at = stop + 1;
    }
    int64_t bad = 0;
    if (dataset->class_count == 0)
        return error_set(err, ERR_FORMAT, "it names no class");
    if (dataset->class_count == 1) {
        *line = 1;
        return error_set(err, ERR_FORMAT, "it names one class, '%s', and nothing to tell apart",
                         dataset->classes[0]);
    }
    if (class_names_check((const char *const *)dataset->classes, dataset->class_count, &bad, err) <
        0) {
        *line = (int)bad;
        return -1;
    }
    return 0;
}

static int read_classes(const char *folder, struct dataset *dataset, struct error *err)
{
    int result = -1, line = 1;
    char *text = NULL, *path = file_join(folder, "classes.txt", err);
    size_t size = 0;
    if (path != NULL && file_read(path, CLASSES_LIMIT, &text, &size, err) == 0 &&
        (result = parse_classes(text, size, dataset, &line, err)) < 0)
        error_prefix(err, "%s:%d: ", path, line);
    free(text);
    free(path);
    return result;
}

static int read_array(const char *folder, const char *half, const char *what, int rank,
                      struct npy *npy, struct error *err)
{
    char *path = path_of(folder, half, what, err);
    if (path == NULL)
        return -1;
    int result = npy_read_as(path, NPY_U8, rank, npy, err);
    free(path);
    return result;
}

static int read_labels(const char *folder, const char *half, int64_t class_count,
                       struct npy *labels, struct error *err)
{
    char *path = path_of(folder, half, "labels", err);
    if (path == NULL)
        return -1;
    int result = npy_read(path, labels, err);
    if (result == 0 && npy_to_labels(labels, class_count, err) < 0)
        result = error_prefix(err, "'%s': ", path);
    free(path);
    return result;
}

static int find_boxes(const char *folder, bool *exist, struct error *err)
{
    char *path = path_of(folder, "train", "boxes", err);
    if (path == NULL)
        return -1;
    *exist = file_exists(path);
    free(path);
    return 0;
}

/* An array of one number a training picture, where the folder has it. */
static int read_numbers(const char *folder, const char *what, enum npy_type type, int64_t n,
                        struct npy *npy, struct error *err)
{
    char *path = path_of(folder, "train", what, err);
    if (path == NULL)
        return -1;
    int result = file_exists(path) ? npy_read_as(path, type, 1, npy, err) : 0;
    if (result == 0 && npy->data != NULL && npy->count != n)
        result = error_set(err, ERR_FORMAT, "train_%s.npy has %lld numbers for %lld pictures", what,
                           (long long)npy->count, (long long)n);
    free(path);
    return result;
}

static int read_optional(const char *folder, struct dataset *dataset, struct error *err)
{
    const int64_t n = dataset->train_labels.count;
    if (read_numbers(folder, "groups", NPY_I64, n, &dataset->train_groups, err) < 0 ||
        read_numbers(folder, "validation", NPY_U8, n, &dataset->train_validation, err) < 0)
        return -1;
    const uint8_t *validates = dataset->train_validation.data;
    for (int64_t i = 0; validates != NULL && i < n; i++)
        if (validates[i] > 1)
            return error_set(err, ERR_FORMAT, "train_validation.npy: %d at %lld is not 0 or 1",
                             validates[i], (long long)i);
    return 0;
}

/* The folder may lack the file: it is for people but for this. */
static int read_fit(const char *folder, struct dataset *dataset, struct error *err)
{
    json_t *summary = NULL;
    char *path = file_join(folder, "dataset.json", err);
    int result = path == NULL ? -1 : file_exists(path) ? json_read(path, &summary, err) : 0;
    const json_t *fit = json_object_get(summary, "fit");
    for (int i = 0; i < 3; i++)
        if (json_is_string(fit) && strcmp(json_string_value(fit), picture_fit_names[i]) == 0)
            dataset->fit = picture_fit_names[i];
    if (result == 0 && fit != NULL && dataset->fit == NULL)
        result = error_set(err, ERR_FORMAT, "'%s': fit must be squash, crop or pad", path);
    json_decref(summary);
    free(path);
    return result;
}

static int read_folder(const char *folder, struct dataset *dataset, struct error *err)
{
    struct half halves[2];
    halves_of(dataset, halves);
    if (read_classes(folder, dataset, err) < 0 || find_boxes(folder, &dataset->has_boxes, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (read_array(folder, halves[i].name, "images", 4, halves[i].images, err) < 0 ||
            read_labels(folder, halves[i].name, dataset->class_count, halves[i].labels, err) < 0 ||
            (dataset->has_boxes &&
             read_array(folder, halves[i].name, "boxes", 2, halves[i].boxes, err) < 0))
            return -1;
    dataset->height = dataset->train_images.shape[1];
    dataset->width = dataset->train_images.shape[2];
    return check(dataset, err) < 0 || read_optional(folder, dataset, err) < 0 ||
                   read_fit(folder, dataset, err) < 0
               ? error_prefix(err, "dataset '%s': ", folder)
               : 0;
}

int dataset_open(const char *folder, struct dataset *dataset, struct error *err)
{
    struct dataset opened = {0};
    if (read_folder(folder, &opened, err) < 0) {
        dataset_release(&opened);
        return -1;
    }
    *dataset = opened;
    return 0;
}

void dataset_release(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    struct half halves[2];
    halves_of(dataset, halves);
    for (int i = 0; i < 2; i++) {
        npy_release(halves[i].images);
        npy_release(halves[i].labels);
        npy_release(halves[i].boxes);
    }
    npy_release(&dataset->train_groups);
    npy_release(&dataset->train_validation);
    for (int64_t i = 0; i < dataset->class_count; i++)
        free(dataset->classes[i]);
    free(dataset->classes);
    *dataset = (struct dataset){0};
}

/* ---- the first ---- */

static void shorten(struct npy *npy, int64_t count)
{
    if (npy->data == NULL || npy->shape[0] == 0)
        return;
    npy->count = npy->count / npy->shape[0] * count;
    npy->shape[0] = count;
}

int dataset_keep_first(struct dataset *dataset, int64_t train_limit, int64_t test_limit,
                       struct error *err)
{
    const int64_t limits[2] = {train_limit, test_limit};
    struct half halves[2];
    halves_of(dataset, halves);
    for (int i = 0; i < 2; i++)
        if (limits[i] > halves[i].labels->count)
            return error_set(err, ERR_USAGE, "%s_limit is %lld, but there are only %lld records",
                             halves[i].name, (long long)limits[i],
                             (long long)halves[i].labels->count);
    for (int i = 0; i < 2; i++) {
        if (limits[i] < 0)
            continue;
        shorten(halves[i].images, limits[i]);
        shorten(halves[i].boxes, limits[i]);
        shorten(halves[i].labels, limits[i]);
    }
    return 0;
}

/* ---- writing ---- */

static int write_classes(const char *folder, const struct dataset *dataset, struct error *err)
{
    int result = -1;
    struct text text = {0};
    char *path = file_join(folder, "classes.txt", err);
    for (int64_t i = 0; i < dataset->class_count; i++)
        text_addf(&text, "%s\n", dataset->classes[i]);
    if (path != NULL && text_check(&text, err) == 0)
        result = file_write(path, text.data, text.size, err);
    text_release(&text);
    free(path);
    return result;
}

static int write_array(const char *folder, const char *half, const char *what,
                       const struct npy *npy, struct error *err)
{
    char *path = path_of(folder, half, what, err);
    if (path == NULL)
        return -1;
    int result = npy_write(path, npy->type, npy->rank, npy->shape, npy->data, err);
    free(path);
    return result;
}

/* As bytes where all classes fit in one. */
static int write_labels(const char *folder, const char *half, const struct npy *labels,
                        int64_t class_count, struct error *err)
{
    struct npy bytes = {0};
    if (class_count > DATASET_BYTE_CLASSES)
        return write_array(folder, half, "labels", labels, err);
    if (npy_new(NPY_U8, 1, labels->shape, &bytes, err) < 0)
        return -1;
    for (int64_t i = 0; i < labels->count; i++)
        ((uint8_t *)bytes.data)[i] = (uint8_t)((const uint16_t *)labels->data)[i];
    int result = write_array(folder, half, "labels", &bytes, err);
    npy_release(&bytes);
    return result;
}

/* `counts` [classes] is working memory. */
static json_t *count_labels(const struct npy *labels, int64_t class_count, int64_t *counts)
{
    struct error ignored;
    memset(counts, 0, (size_t)class_count * sizeof(*counts));
    dataset_count_labels(labels, class_count, counts, &ignored); /* checked before */
    json_t *list = json_array();
    for (int64_t i = 0; i < class_count; i++)
        list = json_list_with(list, json_integer(counts[i]));
    return list;
}

static int write_summary(const char *folder, const struct dataset *dataset,
                         const struct dataset_origin *origin, json_t *more, struct error *err)
{
    int64_t *counts = memory_new((size_t)dataset->class_count, sizeof(*counts), err);
    if (counts == NULL)
        return -1;
    json_t *classes = json_array();
    for (int64_t i = 0; i < dataset->class_count; i++)
        classes = json_list_with(classes, json_string(dataset->classes[i]));
    json_t *summary = json_pack(
        "{s:i, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "schema", 1, "source",
        origin->source, "sha256", origin->sha256, "generated", origin->generated ? 1 : 0, "train",
        (json_int_t)dataset->train_labels.count, "test", (json_int_t)dataset->test_labels.count,
        "height", (json_int_t)dataset->height, "width", (json_int_t)dataset->width, "classes",
        classes, "train_counts", count_labels(&dataset->train_labels, dataset->class_count, counts),
        "test_counts", count_labels(&dataset->test_labels, dataset->class_count, counts));
    char *path = file_join(folder, "dataset.json", err);
    int result = -1;
    if (summary != NULL && more != NULL && json_object_update(summary, more) < 0) {
        json_decref(summary);
        summary = NULL;
    }
    if (summary == NULL)
        error_set(err, ERR_FORMAT, "a class name or the source is not UTF-8, or out of memory");
    else if (path != NULL)
        result = json_write(path, summary, err);
    free(counts);
    free(path);
    json_decref(summary);
    return result;
}

int dataset_write(const char *folder, const struct dataset *dataset,
                  const struct dataset_origin *origin, struct error *err)
{
    struct half halves[2];
    int64_t bad = 0;
    struct dataset view = *dataset; /* halves_of wants it writable; nothing is written */
    halves_of(&view, halves);
    if (class_names_check((const char *const *)view.classes, view.class_count, &bad, err) < 0)
        return error_prefix(err, "class %lld: ", (long long)bad);
    if (check(&view, err) < 0 || file_make_folders(folder, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (write_array(folder, halves[i].name, "images", halves[i].images, err) < 0 ||
            write_labels(folder, halves[i].name, halves[i].labels, dataset->class_count, err) < 0 ||
            (view.has_boxes &&
             write_array(folder, halves[i].name, "boxes", halves[i].boxes, err) < 0))
            return -1;
    if (write_classes(folder, dataset, err) < 0)
        return -1;
    return write_summary(folder, dataset, origin, NULL, err);
}

/* ---- writing rows ---- */

static int write_rows(const char *folder, const char *half, const char *what, enum npy_type type,
                      int rank, const int64_t *shape, const void *data, const int64_t *indices,
                      int64_t count, struct error *err)
{
    char *path = path_of(folder, half, what, err);
    if (path == NULL)
        return -1;
    int result = npy_write_rows(path, type, rank, shape, data, indices, count, err);
    free(path);
    return result;
}

/* Pictures, labels and boxes of one half; the labels stay in `labels`, for the summary. */
static int write_half(const char *folder, const char *half, const struct dataset_rows *rows,
                      const int64_t *indices, int64_t count, struct npy *labels, struct error *err)
{
    const int64_t shape[3] = {rows->height, rows->width, 3}, box = 4;
    if (npy_new(NPY_U16, 1, &count, labels, err) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        const uint16_t label = rows->labels[indices[i]];
        ASSERT(label < rows->class_count);
        ((uint16_t *)labels->data)[i] = label;
    }
    if (write_rows(folder, half, "images", NPY_U8, 3, shape, rows->pixels, indices, count, err) <
            0 ||
        (rows->boxes != NULL &&
         write_rows(folder, half, "boxes", NPY_U8, 1, &box, rows->boxes, indices, count, err) < 0))
        return -1;
    return write_labels(folder, half, labels, rows->class_count, err);
}

int dataset_write_rows(const char *folder, const struct dataset_rows *rows,
                       const struct dataset_origin *origin, struct error *err)
{
    /* For the summary, which looks at no picture. */
    struct dataset view = {.classes = (char **)rows->classes,
                           .class_count = rows->class_count,
                           .height = rows->height,
                           .width = rows->width};
    int64_t bad = 0;
    int result = -1;
    if (rows->train_count == 0 || rows->test_count == 0) {
        error_set(err, ERR_FORMAT, "there is no picture to %s",
                  rows->train_count == 0 ? "train" : "test");
        goto done;
    }
    if (class_names_check(rows->classes, rows->class_count, &bad, err) < 0) {
        error_prefix(err, "class %lld: ", (long long)bad);
        goto done;
    }
    if (file_make_folders(folder, err) < 0 ||
        write_half(folder, "train", rows, rows->train, rows->train_count, &view.train_labels, err) <
            0 ||
        write_half(folder, "test", rows, rows->test, rows->test_count, &view.test_labels, err) < 0)
        goto done;
    if (rows->groups != NULL && write_rows(folder, "train", "groups", NPY_I64, 0, NULL,
                                           rows->groups, rows->train, rows->train_count, err) < 0)
        goto done;
    if (rows->validates != NULL &&
        write_rows(folder, "train", "validation", NPY_U8, 0, NULL, rows->validates, rows->train,
                   rows->train_count, err) < 0)
        goto done;
    if (write_classes(folder, &view, err) < 0)
        goto done;
    result = write_summary(folder, &view, origin, rows->more, err);
done:
    npy_release(&view.train_labels);
    npy_release(&view.test_labels);
    return result;
}
