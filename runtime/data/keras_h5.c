/* What Keras writes (save_weights_to_hdf5_group of its legacy format):
 *
 *   /                     layer_names = array of texts, fixed length or variable; or
 *                         layer_names0, layer_names1, ... where it would exceed 64 KiB
 *   /<layer>              weight_names, the same; an empty array may have any type
 *   /<layer>/<weight>     f32; <weight> is "<layer>/<variable>:0", Keras 3 leaves ":0" out
 *
 * A whole saved model holds the same under /model_weights.
 */
#include "data/keras_h5.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/npy.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 10000, NAME_LIMIT = 1024, VALUES_LIMIT = 1 << 28, SIGNATURE_SIZE = 8 };

static const char *const variables[] = {
    "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel"};

bool keras_h5_is(const char *path)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    char head[SIGNATURE_SIZE];
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return false;
    size_t got = fread(head, 1, sizeof(head), stream);
    fclose(stream);
    return got == sizeof(head) && memcmp(head, signature, sizeof(head)) == 0;
}

/* ---- errors ---- */

static herr_t keep_deepest(unsigned depth, const H5E_error2_t *entry, void *context)
{
    (void)depth;
    const char **description = context;
    *description = entry->desc;
    return 0;
}

/* The library's stack of errors in one line: its deepest. */
static int failed(const char *call, const char *subject, struct error *err)
{
    const char *description = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_deepest, &description);
    error_set(err, ERR_FORMAT, "%s of '%s' failed: %s", call, subject, description);
    H5Eclear2(H5E_DEFAULT);
    return -1;
}

/* ---- lists of names ---- */

struct names {
    char **list;
    size_t count, capacity;
};

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){0};
}

static int add_name(struct names *names, const char *name, struct error *err)
{
    if (name == NULL || *name == '\0' || strlen(name) > NAME_LIMIT)
        return error_set(err, ERR_FORMAT, "a name is empty or longer than %d", NAME_LIMIT);
    if (memory_grow(&names->list, &names->capacity, names->count + 1, sizeof(char *), err) < 0 ||
        (names->list[names->count] = memory_copy_text(name, err)) == NULL)
        return -1;
    names->count++;
    return 0;
}

/* Reads `count` texts; one more byte than the file's fixed length makes room
 * for a NUL, as the file pads without one. */
static int read_texts(hid_t attribute, hid_t space, hid_t file_type, size_t count,
                      struct names *names, struct error *err)
{
    int result = -1;
    bool variable = H5Tis_variable_str(file_type) > 0;
    size_t size = variable ? sizeof(char *) : H5Tget_size(file_type) + 1;
    hid_t type = H5Tcopy(H5T_C_S1);
    char *buffer = size <= NAME_LIMIT ? memory_new(count, size, err) : NULL;
    if (buffer == NULL) {
        if (size > NAME_LIMIT)
            error_set(err, ERR_FORMAT, "names have %zu bytes, more than %d", size, NAME_LIMIT);
        goto done;
    }
    if (type < 0 || H5Tset_size(type, variable ? H5T_VARIABLE : size) < 0 ||
        H5Tset_cset(type, H5Tget_cset(file_type)) < 0 || H5Aread(attribute, type, buffer) < 0) {
        failed("H5Aread", "names", err);
        goto done;
    }
    result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_name(names, variable ? ((char **)(void *)buffer)[i] : buffer + i * size, err);
    if (variable)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
done:
    free(buffer);
    if (type >= 0)
        H5Tclose(type);
    return result;
}

static int read_attribute(hid_t group, const char *attribute_name, struct names *names,
                          struct error *err)
{
    int result = -1;
    hid_t attribute = H5Aopen(group, attribute_name, H5P_DEFAULT);
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (type < 0 || count < 0)
        failed("H5Aopen", attribute_name, err);
    else if (count == 0)
        result = 0; /* the type is float64 then */
    else if (count > NAMES_LIMIT || H5Tget_class(type) != H5T_STRING)
        error_set(err, ERR_FORMAT, "attribute '%s' is not a list of at most %d texts",
                  attribute_name, NAMES_LIMIT);
    else if (read_texts(attribute, space, type, (size_t)count, names, err) < 0)
        error_prefix(err, "attribute '%s': ", attribute_name);
    else
        result = 0;
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (attribute >= 0)
        H5Aclose(attribute);
    return result;
}

/* `name`, or `name`0, `name`1 ... */
static int read_names(hid_t group, const char *name, struct names *names, struct error *err)
{
    if (H5Aexists(group, name) > 0)
        return read_attribute(group, name, names, err);
    for (int i = 0; i < NAMES_LIMIT; i++) {
        char part[64];
        snprintf(part, sizeof(part), "%s%d", name, i);
        if (H5Aexists(group, part) <= 0)
            return i > 0 ? 0
                         : error_set(err, ERR_FORMAT,
                                     "there is no attribute '%s': these are not "
                                     "weights as keras-applications publishes them",
                                     name);
        if (read_attribute(group, part, names, err) < 0)
            return -1;
    }
    return error_set(err, ERR_FORMAT, "attribute '%s' has too many parts", name);
}

/* ---- tensors ---- */

struct reader {
    hid_t access; /* of links: none leads out of the file */
    struct safetensors *set;
};

static herr_t refuse_external_link(const char *parent_file, const char *parent_group,
                                   const char *child_file, const char *child, unsigned *flags,
                                   hid_t access, void *context)
{
    (void)parent_file, (void)parent_group, (void)child_file, (void)child;
    (void)flags, (void)access, (void)context;
    return -1;
}

static int check_dataset(hid_t dataset, hid_t type, int rank, const hsize_t *dims, int64_t *shape,
                         int64_t *count, struct error *err)
{
    hid_t creation = H5Dget_create_plist(dataset);
    int external = creation >= 0 ? H5Pget_external_count(creation) : -1;
    if (creation >= 0)
        H5Pclose(creation);
    if (external != 0)
        return error_set(err, ERR_FORMAT, "its values are in another file");
    /* The library would read zeros, as many as the shape claims. */
    H5D_space_status_t allocated = H5D_SPACE_STATUS_ERROR;
    if (H5Dget_space_status(dataset, &allocated) < 0 || allocated == H5D_SPACE_STATUS_NOT_ALLOCATED)
        return error_set(err, ERR_FORMAT, "its values were never written");
    if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) != sizeof(float))
        return error_set(err, ERR_FORMAT, "it is not f32");
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] > VALUES_LIMIT || (*count *= (int64_t)dims[i]) > VALUES_LIMIT)
            return error_set(err, ERR_FORMAT, "it has more than %d values", VALUES_LIMIT);
        shape[i] = (int64_t)dims[i];
    }
    return 0;
}

static int read_values(hid_t dataset, const char *name, struct reader *reader, struct error *err)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hsize_t dims[SAFETENSOR_MAX_RANK] = {0};
    int64_t shape[SAFETENSOR_MAX_RANK] = {0}, count = 0;
    int result = -1, rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    float *values = NULL;
    if (type < 0 || rank < 0 || rank > SAFETENSOR_MAX_RANK ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        failed("H5Dget_space", name, err);
    else if (check_dataset(dataset, type, rank, dims, shape, &count, err) == 0 &&
             (values = memory_new((size_t)count, sizeof(float), err)) != NULL) {
        if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
            failed("H5Dread", name, err);
        else
            result = safetensors_add(reader->set, name, rank, shape, values, err);
    }
    free(values);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return result;
}

/* "conv1_conv/kernel:0" of layer conv1_conv becomes "conv1_conv/kernel". */
static int name_tensor(const char *layer, const char *weight, struct text *name, struct error *err)
{
    const char *slash = strrchr(weight, '/');
    const char *variable = slash != NULL ? slash + 1 : weight;
    size_t length = strcspn(variable, ":");
    size_t known = 0, count = sizeof(variables) / sizeof(variables[0]);
    while (known < count &&
           (strlen(variables[known]) != length || strncmp(variable, variables[known], length) != 0))
        known++;
    if (known == count)
        return error_set(err, ERR_FORMAT,
                         "weight '%s' is none of a convolution, batch norm or dense layer", weight);
    /* Keras 3 calls the depthwise kernel just kernel. */
    const char *chosen = variables[known];
    if (known == 0 && strncmp(layer, "conv_dw_", strlen("conv_dw_")) == 0)
        chosen = "depthwise_kernel";
    text_addf(name, "%s/%s", layer, chosen);
    return text_check(name, err);
}

static int read_weight(hid_t group, const char *layer, const char *weight, struct reader *reader,
                       struct error *err)
{
    struct text name = {0};
    int result = name_tensor(layer, weight, &name, err);
    if (result == 0) {
        hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
        hid_t dataset = H5I_INVALID_HID;
        if (access >= 0 && H5Pset_elink_cb(access, refuse_external_link, NULL) >= 0)
            dataset = H5Dopen2(group, weight, access);
        result = dataset < 0 ? failed("H5Dopen", weight, err)
                             : read_values(dataset, name.data, reader, err);
        if (dataset >= 0)
            H5Dclose(dataset);
        if (access >= 0)
            H5Pclose(access);
    }
    text_release(&name);
    return result;
}

static int read_layer(hid_t root, const char *layer, struct reader *reader, struct error *err)
{
    struct names weights = {0};
    /* res2a_branch2a, bn2a_branch2a: the first release's names. */
    if (strstr(layer, "_branch") != NULL)
        return error_set(err, ERR_FORMAT,
                         "the names are those of an old keras-applications release; use the file "
                         "of storage.googleapis.com/tensorflow/keras-applications, whose layers "
                         "are named like 'conv2_block1_1_conv'");
    hid_t group = H5Gopen2(root, layer, reader->access);
    if (group < 0)
        return failed("H5Gopen", layer, err);
    int result = read_names(group, "weight_names", &weights, err);
    for (size_t i = 0; i < weights.count && result == 0; i++)
        result = read_weight(group, layer, weights.list[i], reader, err);
    release_names(&weights);
    H5Gclose(group);
    return result;
}

static int read_layers(hid_t root, struct reader *reader, struct error *err)
{
    struct names layers = {0};
    int result = read_names(root, "layer_names", &layers, err);
    for (size_t i = 0; i < layers.count && result == 0; i++)
        if ((result = read_layer(root, layers.list[i], reader, err)) < 0)
            error_prefix(err, "layer '%s': ", layers.list[i]);
    if (result == 0 && reader->set->count == 0)
        result = error_set(err, ERR_FORMAT, "none of its %zu layers has weights", layers.count);
    release_names(&layers);
    return result;
}

/* ---- file ---- */

static int read_file(const char *path, struct reader *reader, struct error *err)
{
    int result = -1;
    hid_t file = H5I_INVALID_HID, root = H5I_INVALID_HID;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    reader->access = H5Pcreate(H5P_GROUP_ACCESS);
    /* Without its lock: the file may lie where locks don't work, and nobody writes it. */
    if (access < 0 || reader->access < 0 || H5Pset_file_locking(access, false, true) < 0 ||
        H5Pset_elink_cb(reader->access, refuse_external_link, NULL) < 0) {
        failed("H5Pcreate", path, err);
        goto done;
    }
    if ((file = H5Fopen(path, H5F_ACC_RDONLY, access)) < 0) {
        failed("H5Fopen", path, err);
        goto done;
    }
    const char *top = H5Lexists(file, "model_weights", H5P_DEFAULT) > 0 ? "model_weights" : "/";
    if ((root = H5Gopen2(file, top, reader->access)) < 0) {
        failed("H5Gopen", top, err);
        goto done;
    }
    if ((result = read_layers(root, reader, err)) < 0)
        error_prefix(err, "'%s': ", path);
done:
    if (root >= 0)
        H5Gclose(root);
    if (file >= 0)
        H5Fclose(file);
    if (reader->access >= 0)
        H5Pclose(reader->access);
    if (access >= 0)
        H5Pclose(access);
    return result;
}

int keras_h5_read(const char *path, struct safetensors *set, struct error *err)
{
    struct safetensors read = {0};
    struct reader reader = {H5I_INVALID_HID, &read};
    H5E_auto2_t report;
    void *report_context;
    /* The library would print its whole stack to stderr. */
    H5Eget_auto2(H5E_DEFAULT, &report, &report_context);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    int result = read_file(path, &reader, err);
    H5Eset_auto2(H5E_DEFAULT, report, report_context);
    if (result < 0) {
        safetensors_release(&read);
        return -1;
    }
    *set = read;
    return 0;
}
