#include "data/weights.h"

#include "data/file_kind.h"
#include "data/keras_archive.h"
#include "data/keras_h5.h"

int weights_read(const char *path, struct safetensors *set, struct text *note, struct error *err)
{
    enum file_kind kind;
    const char *what;
    if (file_kind_of(path, &kind, &what, err) < 0)
        return -1;
    switch (kind) {
    case FILE_SAFETENSORS: return safetensors_read(path, set, err);
    case FILE_HDF5: return keras_h5_read(path, set, note, err);
    case FILE_ZIP: return keras_archive_read(path, set, note, err);
    case FILE_OTHER: break;
    }
    return error_set(err, ERR_FORMAT, "'%s' is %s", path, what);
}
