/* The archive's members, in any folder and order:
 *
 *   data_batch_<k>.bin  = record+            k = 1 .. 5, without a gap
 *   test_batch.bin      = record+
 *   record              = label red green blue      label u8 below 10, planes of 32x32 bytes
 *   batches.meta.txt    = 10 lines, a name each; then blank lines
 *   boxes_<k>.bin, test_boxes.bin = (x0 y0 x1 y1)+  of the same records; all or none
 */
#include "data/cifar10.h"

#include "base/memory.h"
#include "data/class_names.h"
#include "data/unpack.h"

#include <stdlib.h>
#include <string.h>

/* The last "batch" is the test set. */
enum { TEST = CIFAR10_MAX_BATCHES, BATCHES = CIFAR10_MAX_BATCHES + 1, BOX_SIZE = 4 };

static const struct unpack_limits limits = {
    .entries = 1000,
    .member_bytes = (int64_t)64 << 20,
    .total_bytes = (int64_t)512 << 20,
};

static const char *const batch_names[BATCHES] = {"data_batch_1.bin", "data_batch_2.bin",
                                                 "data_batch_3.bin", "data_batch_4.bin",
                                                 "data_batch_5.bin", "test_batch.bin"};
static const char *const box_names[BATCHES] = {"boxes_1.bin", "boxes_2.bin", "boxes_3.bin",
                                               "boxes_4.bin", "boxes_5.bin", "test_boxes.bin"};
static const char meta_name[] = "batches.meta.txt";

struct member {
    unsigned char *data;
    size_t size;
    int64_t records;
};

struct members {
    struct member batches[BATCHES], boxes[BATCHES], meta;
};

/* ---- members as they come ---- */

static struct member *member_named(struct members *members, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (int i = 0; i < BATCHES; i++) {
        if (strcmp(name, batch_names[i]) == 0)
            return &members->batches[i];
        if (strcmp(name, box_names[i]) == 0)
            return &members->boxes[i];
    }
    return strcmp(name, meta_name) == 0 ? &members->meta : NULL;
}

static bool wants(void *context, const char *path)
{
    return member_named(context, path) != NULL;
}

static int check_records(const struct member *batch, const char *path, struct error *err)
{
    if (batch->size == 0 || batch->size % CIFAR10_RECORD_SIZE != 0)
        return error_set(err, ERR_FORMAT,
                         "member '%s' has %zu bytes, which is not a number of records of %d", path,
                         batch->size, CIFAR10_RECORD_SIZE);
    for (int64_t i = 0; i < batch->records; i++) {
        int label = batch->data[i * CIFAR10_RECORD_SIZE];
        if (label >= CIFAR10_CLASSES)
            return error_set(err, ERR_FORMAT, "member '%s', record %lld: label %d is not 0 to %d",
                             path, (long long)i, label, CIFAR10_CLASSES - 1);
    }
    return 0;
}

static int check_boxes(const struct member *boxes, const char *path, struct error *err)
{
    for (int64_t i = 0; i < boxes->records; i++) {
        const unsigned char *box = boxes->data + i * BOX_SIZE;
        if (box[0] > box[2] || box[1] > box[3] || box[2] >= CIFAR10_SIDE || box[3] >= CIFAR10_SIDE)
            return error_set(
                err, ERR_FORMAT, "member '%s', record %lld: box %d,%d,%d,%d is not inside %dx%d",
                path, (long long)i, box[0], box[1], box[2], box[3], CIFAR10_SIDE, CIFAR10_SIDE);
    }
    return 0;
}

static int take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct members *members = context;
    struct member *member = member_named(members, path);
    if (member->data != NULL) {
        free(data);
        return error_set(err, ERR_FORMAT, "member '%s' is there twice", path);
    }
    member->data = data;
    member->size = size;
    if (member == &members->meta)
        return 0;
    if (member >= members->boxes && member < members->boxes + BATCHES) {
        member->records = (int64_t)(size / BOX_SIZE);
        return check_boxes(member, path, err);
    }
    member->records = (int64_t)(size / CIFAR10_RECORD_SIZE);
    return check_records(member, path, err);
}

/* ---- all members together ---- */

static int check_complete(const struct members *members, struct error *err)
{
    const struct member *batches = members->batches;
    bool boxes = members->boxes[TEST].data != NULL;
    if (members->meta.data == NULL)
        return error_set(err, ERR_FORMAT, "member '%s' is missing", meta_name);
    for (int i = 0; i < BATCHES; i++) {
        /* Batches are numbered without a gap; the first and the test set must be there. */
        bool needed = i == 0 || i == TEST;
        for (int later = i + 1; later < TEST; later++)
            needed = needed || batches[later].data != NULL;
        if (needed && batches[i].data == NULL)
            return error_set(err, ERR_FORMAT, "member '%s' is missing", batch_names[i]);
        if (members->boxes[i].data != NULL
                ? !boxes || members->boxes[i].size != (size_t)batches[i].records * BOX_SIZE
                : boxes && batches[i].data != NULL)
            return error_set(err, ERR_FORMAT,
                             "member '%s' must have %d bytes for each record of '%s'", box_names[i],
                             BOX_SIZE, batch_names[i]);
    }
    return 0;
}

static int add_class(const char *name, size_t size, struct dataset *dataset, struct error *err)
{
    int64_t ignored;
    char **slot = &dataset->classes[dataset->class_count];
    if (dataset->class_count == CIFAR10_CLASSES)
        return error_set(err, ERR_FORMAT, "it must name %d classes, not more", CIFAR10_CLASSES);
    if (class_name_check(name, size, err) < 0 || (*slot = memory_new(size + 1, 1, err)) == NULL)
        return -1;
    memcpy(*slot, name, size);
    dataset->class_count++;
    return class_names_check((const char *const *)dataset->classes, dataset->class_count, &ignored,
                             err);
}

static int read_classes(const struct member *meta, struct dataset *dataset, struct error *err)
{
    int line = 1;
    if ((dataset->classes = memory_new(CIFAR10_CLASSES, sizeof(char *), err)) == NULL)
        return -1;
    const char *at = (const char *)meta->data, *end = at + meta->size;
    for (; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        size_t length = (size_t)(stop - at);
        while (length > 0 && (at[length - 1] == '\r' || at[length - 1] == ' '))
            length--;
        if (length > 0 && add_class(at, length, dataset, err) < 0)
            return error_prefix(err, "member '%s', line %d: ", meta_name, line);
        at = stop + 1;
    }
    if (dataset->class_count != CIFAR10_CLASSES)
        return error_set(err, ERR_FORMAT,
                         "member '%s' must name %d classes, a line each, it names %lld", meta_name,
                         CIFAR10_CLASSES, (long long)dataset->class_count);
    return 0;
}

/* Planes to pixels: [c,y,x] to [y,x,c]. */
void cifar10_interleave(const unsigned char *planes, uint8_t *pixels)
{
    for (int i = 0; i < CIFAR10_PLANE; i++)
        for (int c = 0; c < 3; c++)
            pixels[3 * i + c] = planes[c * CIFAR10_PLANE + i];
}

/* Joins `count` batches into one half of the dataset. */
static int join(const struct member *batches, const struct member *boxes, int count,
                struct npy *images, struct npy *labels, struct npy *box_array, struct error *err)
{
    int64_t total = 0;
    for (int i = 0; i < count; i++)
        total += batches[i].records;
    const int64_t shape[4] = {total, CIFAR10_SIDE, CIFAR10_SIDE, 3},
                  box_shape[2] = {total, BOX_SIZE};
    if (npy_new(NPY_U8, 4, shape, images, err) < 0 || npy_new(NPY_U16, 1, shape, labels, err) < 0 ||
        (boxes[0].data != NULL && npy_new(NPY_U8, 2, box_shape, box_array, err) < 0))
        return -1;
    uint8_t *pixels = images->data, *box = box_array->data;
    uint16_t *label = labels->data;
    for (int64_t done = 0, batch = 0, at = 0; done < total; done++, at++) {
        while (at == batches[batch].records)
            batch++, at = 0;
        const unsigned char *record = batches[batch].data + at * CIFAR10_RECORD_SIZE;
        label[done] = record[0];
        cifar10_interleave(record + 1, pixels + done * 3 * CIFAR10_PLANE);
        if (box != NULL)
            memcpy(box + done * BOX_SIZE, boxes[batch].data + at * BOX_SIZE, BOX_SIZE);
    }
    return 0;
}

static int assemble(const struct members *members, struct dataset *dataset, struct error *err)
{
    if (check_complete(members, err) < 0 || read_classes(&members->meta, dataset, err) < 0)
        return -1;
    dataset->has_boxes = members->boxes[TEST].data != NULL;
    dataset->height = dataset->width = CIFAR10_SIDE;
    if (join(members->batches, members->boxes, CIFAR10_MAX_BATCHES, &dataset->train_images,
             &dataset->train_labels, &dataset->train_boxes, err) < 0)
        return -1;
    return join(&members->batches[TEST], &members->boxes[TEST], 1, &dataset->test_images,
                &dataset->test_labels, &dataset->test_boxes, err);
}

int cifar10_read(const char *archive, struct dataset *dataset, struct error *err)
{
    struct members members = {0};
    struct dataset read = {0};
    const struct unpack_visitor visitor = {wants, take, &members};
    int result = unpack_any(archive, &limits, &visitor, err);
    if (result == 0 && assemble(&members, &read, err) < 0)
        result = error_prefix(err, "'%s': ", archive);
    for (int i = 0; i < BATCHES; i++) {
        free(members.batches[i].data);
        free(members.boxes[i].data);
    }
    free(members.meta.data);
    if (result < 0)
        dataset_release(&read);
    else
        *dataset = read;
    return result;
}
