/* Any bytes as a .safetensors file. */
#include "data/safetensors.h"
#include "fuzz/fuzz_folder.h"

#include <string.h>

static void check_set(const struct safetensors *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct safetensor *tensor = &set->tensors[i];
        int64_t count = 1;
        for (int d = 0; d < tensor->rank; d++)
            count *= tensor->shape[d];
        ASSERT(tensor->data != NULL && tensor->count == count);
        ASSERT(i == 0 || strcmp(set->tensors[i - 1].name, tensor->name) < 0);
        ASSERT(safetensors_find(set, tensor->name) == tensor);
    }
}

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    if (safetensors_read(from, &set, err) < 0) {
        ASSERT(set.tensors == NULL && set.metadata == NULL);
        return -1;
    }
    check_set(&set);
    ASSERT(safetensors_write(to, &set, err) == 0);
    safetensors_release(&set);
    return 0;
}

enum fuzz_verdict fuzz_safetensors(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, rewrite, rewrite);
}
