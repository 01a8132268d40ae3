#include "data/keras_archive.h"

#include "base/memory.h"
#include "data/confined.h"
#include "data/keras_h5.h"

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_LIMIT = 100000 };
static const int64_t member_limit = (int64_t)8 << 30;

/* What else a zip archive may be, by the end of a member's name. */
static const struct {
    const char *suffix, *what;
} kinds[] = {
    {"data.pkl",
     "it is a PyTorch file (a pickle in a zip archive, as .pth, .pt and .bin are), which can run "
     "code where it is opened; in Python write safetensors.torch.save_file(torch.load(FILE, "
     "weights_only=True), 'weights.safetensors') and give that"},
    {"constants.pkl", "it is a TorchScript model (a zip archive); save the model's state_dict() as "
                      ".safetensors and give that"},
    {"saved_model.pb",
     "it is a TensorFlow SavedModel in a zip archive; load it with Keras and write its weights by "
     "model.save_weights('model.weights.h5')"},
    {"model.weights.json",
     "it is a .keras (a zip archive) whose weights are in several files; save "
     "it without max_shard_size"},
    {".npy", "it is a .npz of numpy (a zip archive); save its arrays as .safetensors"},
    {".h5", "it is a zip archive with an .h5 in it; unpack it and give that"},
    {".keras", "it is a zip archive with a .keras in it; unpack it and give that"},
    {".safetensors", "it is a zip archive with a .safetensors in it; unpack it and give that"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct member {
    unsigned char *data;
    size_t size;
};

struct contents {
    struct member config, weights;
    bool metadata;
    int kind; /* of kinds, the first that fits; KINDS for none */
};

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

static int failed(struct archive *archive, struct error *err)
{
    const char *why = archive_error_string(archive);
    return error_set(err, ERR_FORMAT, "it is a zip archive that is damaged or truncated: %s",
                     why != NULL ? why : "no reason given");
}

static int take_member(struct archive *archive, const char *name, struct member *member,
                       struct error *err)
{
    size_t capacity = 0;
    if (member->data != NULL)
        return error_set(err, ERR_FORMAT, "its member '%s' is there twice", name);
    for (;;) {
        if (memory_grow(&member->data, &capacity, member->size + (1 << 20), 1, err) < 0)
            return -1;
        la_ssize_t got =
            archive_read_data(archive, member->data + member->size, capacity - member->size);
        if (got < 0)
            return failed(archive, err);
        if (got == 0)
            return 0;
        member->size += (size_t)got;
        if ((int64_t)member->size > member_limit)
            return error_set(err, ERR_FORMAT, "its member '%s' is too large", name);
    }
}

static int take_entry(struct archive *archive, struct archive_entry *entry,
                      struct contents *contents, struct error *err)
{
    const char *name = archive_entry_pathname(entry);
    if (name == NULL)
        return 0;
    for (int i = 0; i < contents->kind; i++)
        if (ends_with(name, kinds[i].suffix))
            contents->kind = i;
    contents->metadata = contents->metadata || strcmp(name, "metadata.json") == 0;
    if (strcmp(name, "config.json") == 0)
        return take_member(archive, name, &contents->config, err);
    if (strcmp(name, "model.weights.h5") == 0)
        return take_member(archive, name, &contents->weights, err);
    return 0;
}

static int take_contents(struct archive *archive, struct contents *contents, struct error *err)
{
    struct archive_entry *entry;
    for (int i = 0; i < MEMBERS_LIMIT; i++) {
        int status = archive_read_next_header(archive, &entry);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status < ARCHIVE_WARN)
            return failed(archive, err);
        if (take_entry(archive, entry, contents, err) < 0)
            return -1;
    }
    return error_set(err, ERR_FORMAT, "it is a zip archive of more than %d members", MEMBERS_LIMIT);
}

static int open_archive(unsigned char *bytes, size_t size, struct contents *contents,
                        struct error *err)
{
    struct archive *archive = archive_read_new();
    if (archive == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = archive_read_support_format_zip(archive) != ARCHIVE_OK ||
                         archive_read_open_memory(archive, bytes, size) != ARCHIVE_OK
                     ? failed(archive, err)
                     : take_contents(archive, contents, err);
    archive_read_free(archive);
    return result;
}

static int read_contents(const struct contents *contents, struct safetensors *set,
                         struct text *note, struct error *err)
{
    json_error_t problem;
    if (contents->weights.data == NULL || contents->config.data == NULL) {
        if (contents->config.data != NULL && contents->metadata &&
            strcmp(kinds[contents->kind % KINDS].suffix, "model.weights.json") != 0)
            return error_set(err, ERR_FORMAT,
                             "it is a .keras (a zip archive) without its model.weights.h5");
        return error_set(err, ERR_FORMAT, "%s",
                         contents->kind < KINDS
                             ? kinds[contents->kind].what
                             : "it is a zip archive, and no .keras: weights are read from "
                               ".safetensors, Keras' .h5, .weights.h5 and .keras");
    }
    json_t *config = json_loadb((const char *)contents->config.data, contents->config.size,
                                JSON_REJECT_DUPLICATES, &problem);
    if (config == NULL)
        return error_set(err, ERR_FORMAT,
                         "it is a .keras (a zip archive); its config.json:%d:%d: %s", problem.line,
                         problem.column, problem.text);
    int result =
        keras_h5_parse(contents->weights.data, contents->weights.size, config, set, note, err);
    json_decref(config);
    return result < 0 ? error_prefix(err, "it is a .keras (a zip archive); its model.weights.h5: ")
                      : 0;
}

int keras_archive_parse(unsigned char *bytes, size_t size, struct safetensors *set,
                        struct text *note, struct error *err)
{
    struct contents contents = {.kind = KINDS};
    int result = open_archive(bytes, size, &contents, err);
    if (result == 0)
        result = read_contents(&contents, set, note, err);
    free(contents.config.data);
    free(contents.weights.data);
    return result;
}

int keras_archive_read(const char *path, struct safetensors *set, struct text *note,
                       struct error *err)
{
    return confined_read(path, keras_archive_parse, set, note, err);
}
