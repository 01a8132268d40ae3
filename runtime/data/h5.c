#include "data/h5.h"

#include "base/memory.h"
#include "data/element.h"
#include "data/npy.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES_LIMIT = 1 << 28, BRAIN_SIZE = 2 };

/* ---- errors ---- */

static herr_t keep_deepest(unsigned depth, const H5E_error2_t *entry, void *context)
{
    (void)depth;
    const char **description = context;
    *description = entry->desc;
    return 0;
}

int h5_failed(const char *call, const char *subject, struct error *err)
{
    const char *description = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_deepest, &description);
    error_set(err, ERR_FORMAT, "%s of '%s' failed: %s", call, subject, description);
    H5Eclear2(H5E_DEFAULT);
    return -1;
}

/* ---- the file ---- */

/* The library asks for a copy of the image and is given the image. */
static void *lend(size_t size, H5FD_file_image_op_t op, void *image)
{
    (void)size, (void)op;
    return image;
}

static void *copy_nothing(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                          void *image)
{
    (void)from, (void)size, (void)op, (void)image;
    return to;
}

static void *grow_nothing(void *old, size_t size, H5FD_file_image_op_t op, void *image)
{
    (void)old, (void)size, (void)op, (void)image;
    return NULL;
}

static herr_t take_back(void *copy, H5FD_file_image_op_t op, void *image)
{
    (void)copy, (void)op, (void)image;
    return 0;
}

static void *same_image(void *image)
{
    return image;
}

static herr_t keep_image(void *image)
{
    (void)image;
    return 0;
}

static herr_t refuse_external_link(const char *parent_file, const char *parent_group,
                                   const char *child_file, const char *child, unsigned *flags,
                                   hid_t access, void *context)
{
    (void)parent_file, (void)parent_group, (void)child_file, (void)child;
    (void)flags, (void)access, (void)context;
    return -1;
}

static hid_t open_image(unsigned char *bytes, size_t size, struct error *err)
{
    H5FD_file_image_callbacks_t lending = {lend,       copy_nothing, grow_nothing, take_back,
                                           same_image, keep_image,   bytes};
    hid_t file = H5I_INVALID_HID, access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_core(access, size, false) >= 0 &&
        H5Pset_file_image_callbacks(access, &lending) >= 0 &&
        H5Pset_file_image(access, bytes, size) >= 0)
        file = H5Fopen("weights", H5F_ACC_RDONLY, access);
    if (file < 0) /* before the next call, which forgets why */
        h5_failed("H5Fopen", "the file", err);
    if (access >= 0)
        H5Pclose(access);
    return file;
}

int h5_open(unsigned char *bytes, size_t size, struct h5 *h5, struct error *err)
{
    struct h5 opened = {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* or the library prints its whole stack to stderr */
    H5PLset_loading_state(0);              /* no filters from elsewhere */
    opened.groups = H5Pcreate(H5P_GROUP_ACCESS);
    opened.datasets = H5Pcreate(H5P_DATASET_ACCESS);
    int result = 0;
    if (opened.groups < 0 || opened.datasets < 0 ||
        H5Pset_elink_cb(opened.groups, refuse_external_link, NULL) < 0 ||
        H5Pset_elink_cb(opened.datasets, refuse_external_link, NULL) < 0)
        result = h5_failed("H5Pcreate", "the file", err);
    else if ((opened.file = open_image(bytes, size, err)) < 0)
        result = -1;
    if (result < 0)
        h5_close(&opened);
    else
        *h5 = opened;
    return result;
}

void h5_close(struct h5 *h5)
{
    if (h5->file > 0)
        H5Fclose(h5->file);
    if (h5->datasets > 0)
        H5Pclose(h5->datasets);
    if (h5->groups > 0)
        H5Pclose(h5->groups);
    *h5 = (struct h5){0};
}

/* ---- lists of names ---- */

void h5_names_release(struct h5_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct h5_names){0};
}

static int add_name(struct h5_names *names, const char *name, struct error *err)
{
    if (name == NULL || *name == '\0' || strlen(name) > H5_NAME_LIMIT)
        return error_set(err, ERR_FORMAT, "a name is empty or longer than %d", H5_NAME_LIMIT);
    if (memory_grow(&names->list, &names->capacity, names->count + 1, sizeof(char *), err) < 0 ||
        (names->list[names->count] = memory_copy_text(name, err)) == NULL)
        return -1;
    names->count++;
    return 0;
}

/* Reads `count` texts; one more byte than the file's fixed length makes room
 * for a NUL, as the file pads without one. */
static int read_texts(hid_t attribute, hid_t space, hid_t file_type, size_t count,
                      struct h5_names *names, struct error *err)
{
    int result = -1;
    bool variable = H5Tis_variable_str(file_type) > 0;
    size_t size = variable ? sizeof(char *) : H5Tget_size(file_type) + 1;
    hid_t type = H5Tcopy(H5T_C_S1);
    char *buffer = size <= H5_NAME_LIMIT ? memory_new(count, size, err) : NULL;
    if (buffer == NULL) {
        if (size > H5_NAME_LIMIT)
            error_set(err, ERR_FORMAT, "names have %zu bytes, more than %d", size, H5_NAME_LIMIT);
        goto done;
    }
    if (type < 0 || H5Tset_size(type, variable ? H5T_VARIABLE : size) < 0 ||
        H5Tset_cset(type, H5Tget_cset(file_type)) < 0 || H5Aread(attribute, type, buffer) < 0) {
        h5_failed("H5Aread", "names", err);
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

static int read_attribute(hid_t group, const char *attribute_name, struct h5_names *names,
                          struct error *err)
{
    int result = -1;
    hid_t attribute = H5Aopen(group, attribute_name, H5P_DEFAULT);
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (type < 0 || count < 0)
        h5_failed("H5Aopen", attribute_name, err);
    else if (count == 0)
        result = 0; /* the type is float64 then */
    else if (count > H5_NAMES_LIMIT || H5Tget_class(type) != H5T_STRING)
        error_set(err, ERR_FORMAT, "attribute '%s' is not a list of at most %d texts",
                  attribute_name, H5_NAMES_LIMIT);
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

int h5_names_read(hid_t object, const char *name, struct h5_names *names, struct error *err)
{
    if (H5Aexists(object, name) > 0)
        return read_attribute(object, name, names, err);
    for (int i = 0; i < H5_NAMES_LIMIT; i++) {
        char part[64];
        snprintf(part, sizeof(part), "%s%d", name, i);
        if (H5Aexists(object, part) <= 0)
            return i > 0 ? 0
                         : error_set(err, ERR_FORMAT,
                                     "there is no attribute '%s': these are not "
                                     "weights as keras-applications publishes them",
                                     name);
        if (read_attribute(object, part, names, err) < 0)
            return -1;
    }
    return error_set(err, ERR_FORMAT, "attribute '%s' has too many parts", name);
}

static herr_t keep_member(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct h5_names *names = context;
    struct error err = {0};
    (void)group, (void)info;
    return names->count < H5_NAMES_LIMIT && add_name(names, name, &err) == 0 ? 0 : -1;
}

int h5_members(hid_t group, struct h5_names *names, struct error *err)
{
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, keep_member, names) < 0)
        return h5_failed("H5Literate", "a group", err);
    return 0;
}

bool h5_text(hid_t object, const char *name, char *text, size_t size)
{
    struct h5_names names = {0};
    struct error ignored = {0};
    bool found = H5Aexists(object, name) > 0 &&
                 read_attribute(object, name, &names, &ignored) == 0 && names.count == 1;
    if (found)
        snprintf(text, size, "%s", names.list[0]);
    h5_names_release(&names);
    return found;
}

/* ---- tensors ---- */

/* Keras 3 stores bf16 as two bytes without a meaning, and says so beside them. */
static bool is_brain(hid_t dataset, hid_t type)
{
    char said[16] = "";
    return H5Tget_class(type) == H5T_OPAQUE && H5Tget_size(type) == BRAIN_SIZE &&
           h5_text(dataset, "dtype", said, sizeof said) && strcmp(said, "bfloat16") == 0;
}

static int check_storage(hid_t dataset, struct error *err)
{
    H5D_space_status_t allocated = H5D_SPACE_STATUS_ERROR;
    hid_t creation = H5Dget_create_plist(dataset);
    const int external = creation >= 0 ? H5Pget_external_count(creation) : -1;
    const H5D_layout_t layout = creation >= 0 ? H5Pget_layout(creation) : H5D_LAYOUT_ERROR;
    if (creation >= 0)
        H5Pclose(creation);
    if (external != 0 || layout == H5D_VIRTUAL)
        return error_set(err, ERR_FORMAT, "its values are in another file");
    /* The library would read zeros, as many as the shape claims. */
    if (H5Dget_space_status(dataset, &allocated) < 0 || allocated == H5D_SPACE_STATUS_NOT_ALLOCATED)
        return error_set(err, ERR_FORMAT, "its values were never written");
    return 0;
}

static int check_shape(int rank, const hsize_t *dims, int64_t *shape, int64_t *count,
                       struct error *err)
{
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] > VALUES_LIMIT || (*count *= (int64_t)dims[i]) > VALUES_LIMIT)
            return error_set(err, ERR_FORMAT, "it has more than %d values", VALUES_LIMIT);
        shape[i] = (int64_t)dims[i];
    }
    return 0;
}

static int read_floats(hid_t dataset, hid_t type, const char *name, int64_t count, float *values,
                       struct error *err)
{
    if (!is_brain(dataset, type)) {
        if (H5Tget_class(type) != H5T_FLOAT)
            return error_set(err, ERR_FORMAT, "it holds no floating point numbers");
        return H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0
                   ? h5_failed("H5Dread", name, err)
                   : 0;
    }
    void *brains = memory_new((size_t)count, BRAIN_SIZE, err);
    if (brains == NULL)
        return -1;
    int result = 0;
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, brains) < 0)
        result = h5_failed("H5Dread", name, err);
    else
        element_widen(ELEMENT_BF16, brains, (size_t)count, values);
    free(brains);
    return result;
}

static int read_dataset(hid_t dataset, const char *name, struct safetensors *set, struct error *err)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hsize_t dims[SAFETENSOR_MAX_RANK] = {0};
    int64_t shape[SAFETENSOR_MAX_RANK] = {0}, count = 0;
    int result = -1, rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    float *values = NULL;
    if (type < 0 || rank < 0 || rank > SAFETENSOR_MAX_RANK ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        h5_failed("H5Dget_space", name, err);
    else if (check_storage(dataset, err) == 0 && check_shape(rank, dims, shape, &count, err) == 0 &&
             (values = memory_new((size_t)count, sizeof(float), err)) != NULL &&
             read_floats(dataset, type, name, count, values, err) == 0)
        result = safetensors_add(set, name, rank, shape, values, err);
    free(values);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return result;
}

int h5_tensor(const struct h5 *h5, hid_t group, const char *path, const char *name,
              struct safetensors *set, struct error *err)
{
    hid_t dataset = H5Dopen2(group, path, h5->datasets);
    if (dataset < 0)
        return h5_failed("H5Dopen", path, err);
    int result = read_dataset(dataset, name, set, err);
    H5Dclose(dataset);
    return result;
}
