#include "differ/differ_files.h"

#include "base/json.h"

void difference_line(struct file_difference *found, struct text *line)
{
    struct text clean = {0};
    text_add_clean(&clean, text_string(line), line->size);
    found->lines = json_list_with(
        found->lines, line->failed || clean.failed ? NULL : json_string(text_string(&clean)));
    text_release(&clean);
    text_release(line);
}

void file_difference_release(struct file_difference *found)
{
    json_decref(found->lines);
    json_decref(found->details);
    *found = (struct file_difference){.format = NULL};
}

int files_compare(const struct file_pair *pair, struct file_difference *found, struct error *err)
{
    static int (*const readers[])(const struct file_pair *pair, struct file_difference *found,
                                  struct error *err) = {tensors_compare, values_compare,
                                                        picture_compare, bytes_compare};
    int result = 0;
    for (size_t i = 0; i < sizeof(readers) / sizeof(*readers) && result == 0; i++) {
        *found = (struct file_difference){.lines = json_array()};
        result = readers[i](pair, found, err);
        if (result == 1 && (found->lines == NULL || found->details == NULL))
            result = error_set(err, ERR_MEMORY, "out of memory for what differs");
        if (result != 1)
            file_difference_release(found);
    }
    return result;
}
