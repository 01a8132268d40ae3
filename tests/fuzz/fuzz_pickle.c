/* Any bytes as a pickle: what is accepted is a value that can be walked. */
#include "data/pickle.h"
#include "fuzz/fuzz_folder.h"

#include <string.h>

/* Sums all that a value points to, to some depth: a list may hold itself. */
static size_t walk(const struct pickle *pickle, const struct pickle_value *value, int depth)
{
    size_t sum = value->size;
    for (size_t i = 0; i < value->size; i++)
        sum += value->data[i];
    ASSERT(value->kind != PICKLE_ARRAY || value->rank <= PICKLE_RANK);
    ASSERT(strnlen(value->type, sizeof(value->type)) < sizeof(value->type));
    for (size_t i = 0; value->kind == PICKLE_LIST && depth > 0 && i < value->count && i < 4; i++)
        sum += walk(pickle, pickle_item(pickle, value, i), depth - 1);
    return sum;
}

enum fuzz_verdict fuzz_pickle(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct pickle *pickle = pickle_read(data, size, &err);
    if (pickle == NULL) {
        ASSERT(fuzz_error_is_good(&err));
        return FUZZ_REFUSED;
    }
    const struct pickle_value *root = pickle_root(pickle);
    const struct pickle_value *found = pickle_get(pickle, root, "data");
    ASSERT(walk(pickle, root, 4) + (found != NULL ? walk(pickle, found, 4) : 0) + 1 > 0);
    pickle_free(pickle);
    return FUZZ_ACCEPTED;
}
