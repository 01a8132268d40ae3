#include "data/h5_write.h"

#include "base/memory.h"
#include "data/h5.h"

#include <stdlib.h>
#include <string.h>

enum { GROWTH = 1 << 20 };

_Static_assert(sizeof(hid_t) == sizeof(int64_t), "handles are kept as numbers");

int h5_image_open(struct h5_image *image, struct error *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    *image =
        (struct h5_image){H5I_INVALID_HID, H5Pcreate(H5P_LINK_CREATE), H5Pcreate(H5P_GROUP_CREATE)};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    int result = 0;
    if (access < 0 || creation < 0 || image->link < 0 || image->object < 0 ||
        H5Pset_fapl_core(access, GROWTH, false) < 0 ||
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) < 0 ||
        H5Pset_obj_track_times(creation, false) < 0 ||
        H5Pset_obj_track_times(image->object, false) < 0 ||
        H5Pset_create_intermediate_group(image->link, 1) < 0 ||
        (image->file = H5Fcreate("weights", H5F_ACC_TRUNC, creation, access)) < 0)
        result = h5_failed("H5Fcreate", "the file", err);
    if (access >= 0)
        H5Pclose(access);
    if (creation >= 0)
        H5Pclose(creation);
    return result;
}

int h5_image_group(struct h5_image *image, const char *path, struct error *err)
{
    hid_t group = H5Gcreate2(image->file, path, image->link, image->object, H5P_DEFAULT);
    if (group < 0)
        return h5_failed("H5Gcreate", path, err);
    H5Gclose(group);
    return 0;
}

int h5_image_say(struct h5_image *image, const char *path, const char *attribute, const char *value,
                 struct error *err)
{
    hid_t group = H5Gopen2(image->file, path, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t type = H5Tcopy(H5T_C_S1), said = H5I_INVALID_HID;
    int result = 0;
    if (group < 0 || space < 0 || type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
        (said = H5Acreate2(group, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT)) < 0 ||
        H5Awrite(said, type, &value) < 0)
        result = h5_failed("H5Awrite", path, err);
    if (said >= 0)
        H5Aclose(said);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (group >= 0)
        H5Gclose(group);
    return result;
}

int h5_image_add(struct h5_image *image, const char *group, const char *name, int rank,
                 const int64_t *shape, const float *values, struct error *err)
{
    hsize_t dims[8] = {0};
    ASSERT(rank > 0 && rank <= 8);
    for (int i = 0; i < rank; i++)
        dims[i] = (hsize_t)shape[i];
    hid_t parent = H5Gopen2(image->file, group, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, dims, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset = H5I_INVALID_HID;
    int result = 0;
    if (parent < 0 || space < 0 || creation < 0 || H5Pset_obj_track_times(creation, false) < 0 ||
        (dataset = H5Dcreate2(parent, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation,
                              H5P_DEFAULT)) < 0 ||
        H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        result = h5_failed("H5Dwrite", group, err);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (creation >= 0)
        H5Pclose(creation);
    if (space >= 0)
        H5Sclose(space);
    if (parent >= 0)
        H5Gclose(parent);
    return result;
}

static int take_image(hid_t file, void **bytes, size_t *size, struct error *err)
{
    ssize_t length = H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
    void *image = length > 0 ? memory_new((size_t)length, 1, err) : NULL;
    if (length <= 0)
        return h5_failed("H5Fget_file_image", "the file", err);
    if (image == NULL)
        return -1;
    if (H5Fget_file_image(file, image, (size_t)length) != length) {
        free(image);
        return h5_failed("H5Fget_file_image", "the file", err);
    }
    *bytes = image;
    *size = (size_t)length;
    return 0;
}

int h5_image_close(struct h5_image *image, void **bytes, size_t *size, struct error *err)
{
    int result = 0;
    if (bytes != NULL)
        *bytes = NULL;
    if (bytes != NULL && image->file >= 0)
        result = take_image(image->file, bytes, size, err);
    if (image->file >= 0)
        H5Fclose(image->file);
    if (image->link >= 0)
        H5Pclose(image->link);
    if (image->object >= 0)
        H5Pclose(image->object);
    *image = (struct h5_image){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID};
    return result;
}
