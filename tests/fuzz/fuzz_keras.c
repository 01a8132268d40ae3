/* Any bytes as weights of Keras, in HDF5 and in a .keras; what is read is written as safetensors.
 */
#include "data/keras_archive.h"
#include "data/keras_h5.h"
#include "fuzz/fuzz_folder.h"

typedef int read_fn(const char *path, struct safetensors *set, struct text *note,
                    struct error *err);

static int convert(read_fn *read_in, const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    struct text note = {0};
    if (read_in(from, &set, &note, err) < 0) {
        ASSERT(set.tensors == NULL && set.metadata == NULL && note.size == 0);
        return -1;
    }
    ASSERT(set.count > 0 && fuzz_text_is_clean(text_string(&note)));
    text_release(&note);
    int result = safetensors_write(to, &set, err);
    safetensors_release(&set);
    return result;
}

static int convert_h5(const char *from, const char *to, struct error *err)
{
    return convert(keras_h5_read, from, to, err);
}

static int convert_archive(const char *from, const char *to, struct error *err)
{
    return convert(keras_archive_read, from, to, err);
}

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    ASSERT(safetensors_read(from, &set, err) == 0);
    ASSERT(safetensors_write(to, &set, err) == 0);
    safetensors_release(&set);
    return 0;
}

enum fuzz_verdict fuzz_keras_h5(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, convert_h5, rewrite);
}

enum fuzz_verdict fuzz_keras_archive(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, convert_archive, rewrite);
}
