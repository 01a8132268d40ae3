/* Any bytes as weights of Keras in HDF5; what is read is written as safetensors. */
#include "data/keras_h5.h"
#include "fuzz/fuzz_folder.h"

static int convert(const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    struct text note = {0};
    if (keras_h5_read(from, &set, &note, err) < 0) {
        ASSERT(set.tensors == NULL && set.metadata == NULL && note.size == 0);
        return -1;
    }
    ASSERT(set.count > 0 && fuzz_text_is_clean(text_string(&note)));
    text_release(&note);
    int result = safetensors_write(to, &set, err);
    safetensors_release(&set);
    return result;
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
    return fuzz_rewrite(data, size, convert, rewrite);
}
