/* Any bytes as an archive of pictures, by folders or by a table: listed, then decoded. */
#include "data/picture_set.h"
#include "data/picture_source.h"
#include "fuzz/fuzz_folder.h"

#include <stdlib.h>

static void check_pictures(const struct picture_list *list)
{
    const struct picture_set_options options = {.threads = 1, .skip_broken = true};
    struct picture_seen *seen = calloc(list->count, sizeof(*seen));
    struct error err = {0};
    ASSERT(list->kind != PICTURES_NONE && seen != NULL);
    if (picture_set_read(list, &options, seen, &err) < 0)
        ASSERT(fuzz_error_is_good(&err));
    else
        for (size_t i = 0; i < list->count; i++) {
            ASSERT(list->entries[i].label < list->class_count);
            ASSERT((seen[i].why != NULL) == (seen[i].height == 0));
        }
    picture_seen_release(seen, list->count);
}

enum fuzz_verdict fuzz_picture_archive(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct picture_list list = {0};
    enum fuzz_verdict verdict = FUZZ_REFUSED;
    fuzz_folder_make(&folder, data, size);
    if (picture_source_open(folder.input, NULL, &list, &err) < 0)
        ASSERT(fuzz_error_is_good(&err));
    else if (list.count > 0) {
        check_pictures(&list);
        verdict = FUZZ_ACCEPTED;
    }
    ASSERT(fuzz_folder_is_clean(&folder));
    picture_list_release(&list);
    fuzz_folder_remove(&folder);
    return verdict;
}
