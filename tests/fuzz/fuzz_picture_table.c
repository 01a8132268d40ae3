/* Any bytes as a table of pictures: JSON lines where they begin with a brace, else CSV. */
#include "data/picture_table.h"
#include "fuzz/fuzz_folder.h"

#include <string.h>

enum fuzz_verdict fuzz_picture_table(const uint8_t *data, size_t size)
{
    static const struct picture_columns usual = {0};
    struct error err = {0};
    struct picture_list list = {0};
    const char *bytes = (const char *)data;
    const bool lines = size > 0 && data[0] == '{';
    bool right;
    ASSERT(picture_table_looks_right(bytes, size, lines, &usual, &right, &err) == 0);
    int result = picture_table_read(bytes, size, lines, &usual, &list, &err);
    if (result < 0)
        ASSERT(fuzz_error_is_good(&err));
    ASSERT(result < 0 || right);
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        ASSERT(list.entries[i].label < list.class_count);
        ASSERT(list.entries[i].path[0] != '/' && strncmp(list.entries[i].path, "../", 3) != 0);
    }
    picture_list_release(&list);
    return result == 0 ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
