#include "data/picture_list.h"

#include "base/memory.h"
#include "data/class_names.h"
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const picture_part_names[PART_COUNT] = {"any", "train", "validation", "test"};

enum picture_part picture_part_named(const char *name, size_t size)
{
    static const struct {
        const char *name;
        enum picture_part part;
    } known[] = {
        {"train", PART_TRAIN}, {"training", PART_TRAIN}, {"val", PART_VAL},
        {"valid", PART_VAL},   {"validation", PART_VAL}, {"dev", PART_VAL},
        {"test", PART_TEST},   {"testing", PART_TEST},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i].name) == size && strncasecmp(known[i].name, name, size) == 0)
            return known[i].part;
    return PART_ANY;
}

int picture_list_add(struct picture_list *list, const char *path, size_t size,
                     const struct picture_entry *like, struct error *err)
{
    char *copy = NULL;
    if (memory_grow(&list->entries, &list->capacity, list->count + 1, sizeof(*list->entries), err) <
            0 ||
        (copy = memory_new(size + 1, 1, err)) == NULL)
        return -1;
    memcpy(copy, path, size);
    list->entries[list->count] =
        like != NULL ? *like : (struct picture_entry){.part = PART_ANY, .group = -1};
    list->entries[list->count++].path = copy;
    return 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Says of which picture the class is, since its name may be nothing that can be shown. */
static int check_class(const struct picture_list *list, const char *const *names, const char *name,
                       struct error *err)
{
    size_t i = 0;
    if (class_name_check(name, strlen(name), err) == 0)
        return 0;
    while (strcmp(names[i], name) != 0)
        i++;
    return error_prefix(err, "'%s': ", list->entries[i].path);
}

/* The different ones of `count` names, sorted. */
static int sort_classes(struct picture_list *list, const char *const *names, struct error *err)
{
    const char **sorted = memory_new(list->count, sizeof(*sorted), err);
    size_t kinds = 0;
    int result = -1;
    if (sorted == NULL)
        return -1;
    memcpy(sorted, names, list->count * sizeof(*sorted));
    qsort(sorted, list->count, sizeof(*sorted), compare_texts);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || strcmp(sorted[i], sorted[kinds - 1]) != 0)
            sorted[kinds++] = sorted[i];
    if (kinds > DATASET_MAX_CLASSES) {
        error_set(err, ERR_FORMAT, "there are %zu classes, more than %d", kinds,
                  DATASET_MAX_CLASSES);
        goto done;
    }
    if ((list->classes = memory_new(kinds, sizeof(char *), err)) == NULL)
        goto done;
    for (; list->class_count < kinds; list->class_count++) {
        const char *name = sorted[list->class_count];
        if (check_class(list, names, name, err) < 0 ||
            (list->classes[list->class_count] = memory_copy_text(name, err)) == NULL)
            goto done;
    }
    result = 0;
done:
    free(sorted);
    return result;
}

int picture_list_label(struct picture_list *list, const char *const *names, struct error *err)
{
    if (list->count == 0)
        return 0;
    if (sort_classes(list, names, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        char **found =
            bsearch(&names[i], list->classes, list->class_count, sizeof(char *), compare_texts);
        ASSERT(found != NULL);
        list->entries[i].label = (uint16_t)(found - list->classes);
    }
    return 0;
}

void picture_list_release(struct picture_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].path);
    for (size_t i = 0; list->classes != NULL && i < list->class_count; i++)
        free(list->classes[i]);
    for (size_t i = 0; i < PICTURE_LIST_NAMES; i++) {
        free(list->other_names[i]);
        free(list->stray_names[i]);
    }
    for (size_t i = 0; i < 4; i++)
        free(list->columns[i]);
    free(list->entries);
    free(list->classes);
    free(list->root);
    free(list->table);
    *list = (struct picture_list){0};
}
