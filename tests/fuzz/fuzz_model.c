/* Any bytes as the description in a model file's metadata. The file has no
 * tensors, so it is refused in any case; a good description gets as far as them. */
#include "data/safetensors.h"
#include "fuzz/fuzz_folder.h"
#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

static int write_file(const char *path, const char *description, struct error *err)
{
    struct safetensors set = {0};
    int result = safetensors_describe(&set, "reprise", description, err);
    if (result == 0)
        ASSERT(safetensors_write(path, &set, err) == 0);
    safetensors_release(&set);
    return result;
}

enum fuzz_verdict fuzz_model(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct model *model = NULL;
    fuzz_folder_make(&folder, data, size);
    char *description = strndup((const char *)data, size);
    ASSERT(description != NULL);
    int status = write_file(folder.input, description, &err);
    if (status == 0)
        status = model_read(folder.input, NULL, &model, &err);
    ASSERT(status < 0 && model == NULL);
    ASSERT(fuzz_error_is_good(&err) && fuzz_folder_is_clean(&folder));
    free(description);
    fuzz_folder_remove(&folder);
    return strstr(err.message, ": no tensor '") != NULL ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
