#include "data/sample.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/philox.h"
#include "base/text.h"
#include "data/cifar10.h"
#include "data/scene.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "sample:";

enum { PICTURES_LIMIT = 50000, BATCH_SIZE = 1000, TAR_BLOCK = 10240 };

/* Streams of random numbers: pictures of the four halves, and their labels. */
enum { STREAM_TRAIN, STREAM_TEST, STREAMS_OF_FAMILY, STREAM_LABELS = 16 };

static const struct {
    const char *name;
    int64_t train, test;
} families[] = {
    [FAMILY_OBJECTS] = {"objects", 3000, 1000},
    [FAMILY_SHAPES] = {"shapes", 6000, 500},
};

/* ---- URL ---- */

bool sample_is_url(const char *url)
{
    return strncmp(url, scheme, sizeof(scheme) - 1) == 0;
}

static int parse_option(const char *option, struct sample_request *request, struct error *err)
{
    static const char *const names[] = {"train", "test", "seed"};
    char name[16] = "";
    long long value;
    const char *equals = strchr(option, '=');
    if (equals != NULL && (size_t)(equals - option) < sizeof(name))
        memcpy(name, option, (size_t)(equals - option));
    int known = 0;
    while (known < 3 && strcmp(name, names[known]) != 0)
        known++;
    if (known == 3)
        return error_set(err, ERR_USAGE, "unknown option '%s', not train=, test= or seed=", option);
    long long low = known == 2 ? 0 : 1, high = known == 2 ? UINT32_MAX : PICTURES_LIMIT;
    if (!text_to_int64(equals + 1, &value) || value < low || value > high)
        return error_set(err, ERR_USAGE, "option '%s' must be an integer from %lld to %lld", option,
                         low, high);
    if (known == 0)
        request->train = value;
    else if (known == 1)
        request->test = value;
    else
        request->seed = (uint32_t)value;
    return 0;
}

static int parse_options(char *options, struct sample_request *request, struct error *err)
{
    while (options != NULL) {
        char *next = strchr(options, '&');
        if (next != NULL)
            *next++ = '\0';
        if (parse_option(options, request, err) < 0)
            return -1;
        options = next;
    }
    return 0;
}

int sample_parse(const char *url, struct sample_request *request, struct error *err)
{
    if (!sample_is_url(url))
        return error_set(err, ERR_USAGE, "'%s' is not a sample: URL", url);
    char *name = memory_copy_text(url + sizeof(scheme) - 1, err);
    if (name == NULL)
        return -1;
    char *options = strchr(name, '?');
    if (options != NULL)
        *options++ = '\0';
    int result = -1;
    for (int i = 0; i < 2 && result < 0; i++)
        if (strcmp(name, families[i].name) == 0) {
            *request = (struct sample_request){i, families[i].train, families[i].test, 0};
            result = 0;
        }
    if (result < 0)
        error_set(err, ERR_USAGE, "'%s': there is no sample '%s', only objects and shapes", url,
                  name);
    else if (parse_options(options, request, err) < 0)
        result = error_prefix(err, "'%s': ", url);
    free(name);
    return result;
}

/* ---- pictures ---- */

/* Every ten pictures in a row hold the ten classes, in a random order. */
static int label_of(uint32_t seed, uint32_t stream, int64_t index)
{
    uint32_t group = (uint32_t)(index / SILHOUETTE_CLASSES);
    int order[SILHOUETTE_CLASSES];
    for (int i = 0; i < SILHOUETTE_CLASSES; i++)
        order[i] = i;
    for (int i = SILHOUETTE_CLASSES - 1; i > 0; i--) {
        struct philox words =
            philox_at(seed, RANDOM_GENERATE, STREAM_LABELS + stream, group, (uint32_t)i);
        int j = (int)philox_below(words.words[0], (uint32_t)i + 1);
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    return order[index % SILHOUETTE_CLASSES];
}

/* ---- archive ---- */

struct writer {
    struct archive *archive;
    const struct sample_request *request;
    sample_progress_fn *progress;
    void *context;
    int64_t done;
};

/* All that could differ between two machines is set: time, owner, mode. */
static int write_member(struct writer *writer, const char *name, const void *data, size_t size,
                        struct error *err)
{
    struct text path = {0};
    text_addf(&path, "sample-%s-bin/%s", families[writer->request->family].name, name);
    if (text_check(&path, err) < 0)
        return -1;
    int result = 0;
    struct archive_entry *entry = archive_entry_new();
    if (entry == NULL) {
        text_release(&path);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    archive_entry_set_pathname(entry, path.data);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    if (archive_write_header(writer->archive, entry) != ARCHIVE_OK ||
        archive_write_data(writer->archive, data, size) != (la_ssize_t)size)
        result = error_set(err, ERR_IO, "cannot write member '%s': %s", path.data,
                           archive_error_string(writer->archive));
    archive_entry_free(entry);
    text_release(&path);
    return result;
}

static int write_meta(struct writer *writer, struct error *err)
{
    struct text names = {0};
    for (int i = 0; i < SILHOUETTE_CLASSES; i++)
        text_addf(&names, "%s\n", silhouette_class_name(writer->request->family, i));
    text_add(&names, "\n");
    int result = text_check(&names, err);
    if (result == 0)
        result = write_member(writer, "batches.meta.txt", names.data, names.size, err);
    text_release(&names);
    return result;
}

/* Pictures first to first + count - 1 of a half, and their boxes. */
static int write_batch(struct writer *writer, uint32_t half, int64_t first, int64_t count,
                       const char *name, const char *boxes_name, struct error *err)
{
    const struct sample_request *request = writer->request;
    uint32_t stream = (uint32_t)request->family * STREAMS_OF_FAMILY + half;
    int result = -1;
    uint8_t *boxes = NULL, *records = memory_new((size_t)count, CIFAR10_RECORD_SIZE, err);
    if (records == NULL || (boxes = memory_new((size_t)count, 4, err)) == NULL)
        goto done;
    for (int64_t i = 0; i < count; i++) {
        struct scene scene;
        int label = label_of(request->seed, stream, first + i);
        scene_draw(silhouette_of(request->family, label), request->seed, stream,
                   (uint32_t)(first + i), &scene);
        records[i * CIFAR10_RECORD_SIZE] = (uint8_t)label;
        memcpy(records + i * CIFAR10_RECORD_SIZE + 1, scene.planes, sizeof(scene.planes));
        memcpy(boxes + i * 4, scene.box, 4);
    }
    if (write_member(writer, name, records, (size_t)count * CIFAR10_RECORD_SIZE, err) < 0 ||
        write_member(writer, boxes_name, boxes, (size_t)count * 4, err) < 0)
        goto done;
    writer->done += count;
    result = 0;
    if (writer->progress != NULL &&
        !writer->progress(writer->context, writer->done, request->train + request->test))
        result = error_set(err, ERR_INTERRUPTED, "interrupted");
done:
    free(boxes);
    free(records);
    return result;
}

static int write_members(struct writer *writer, struct error *err)
{
    int64_t train = writer->request->train;
    int64_t batches = (train + BATCH_SIZE - 1) / BATCH_SIZE;
    if (batches > CIFAR10_MAX_BATCHES)
        batches = CIFAR10_MAX_BATCHES;
    if (write_meta(writer, err) < 0)
        return -1;
    for (int64_t i = 0; i < batches; i++) {
        char name[48], boxes_name[48];
        snprintf(name, sizeof(name), "data_batch_%lld.bin", (long long)i + 1);
        snprintf(boxes_name, sizeof(boxes_name), "boxes_%lld.bin", (long long)i + 1);
        int64_t first = train * i / batches, end = train * (i + 1) / batches;
        if (write_batch(writer, STREAM_TRAIN, first, end - first, name, boxes_name, err) < 0)
            return -1;
    }
    return write_batch(writer, STREAM_TEST, 0, writer->request->test, "test_batch.bin",
                       "test_boxes.bin", err);
}

int sample_write(const char *path, const struct sample_request *request,
                 sample_progress_fn *progress, void *context, struct error *err)
{
    struct file_writer file = {0};
    struct writer writer = {archive_write_new(), request, progress, context, 0};
    if (writer.archive == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = file_create(&file, path, err);
    if (result == 0 &&
        (archive_write_set_format_ustar(writer.archive) != ARCHIVE_OK ||
         archive_write_set_bytes_per_block(writer.archive, TAR_BLOCK) != ARCHIVE_OK ||
         archive_write_set_bytes_in_last_block(writer.archive, 1) != ARCHIVE_OK ||
         archive_write_open_FILE(writer.archive, file.stream) != ARCHIVE_OK))
        result = error_set(err, ERR_IO, "cannot write '%s': %s", path,
                           archive_error_string(writer.archive));
    if (result == 0)
        result = write_members(&writer, err);
    if (result == 0 && archive_write_close(writer.archive) != ARCHIVE_OK)
        result = error_set(err, ERR_IO, "cannot write '%s': %s", path,
                           archive_error_string(writer.archive));
    archive_write_free(writer.archive);
    if (result == 0)
        return file_commit(&file, err);
    file_abandon(&file);
    return -1;
}
