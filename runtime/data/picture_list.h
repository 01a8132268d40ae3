/* A list of pictures before any of them is decoded: paths, classes and, where they are told, parts
 * and groups. picture_source.h makes it of a folder, an archive or a table.
 *
 * Names are UTF-8 and stay as they are (no normal form). Classes are in the order of their names by
 * bytes.
 */
#ifndef DATA_PICTURE_LIST_H
#define DATA_PICTURE_LIST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum picture_kind {
    PICTURES_NONE,
    PICTURES_CLASS_FOLDERS,
    PICTURES_SPLIT_FOLDERS,
    PICTURES_CSV,
    PICTURES_JSONL,
};

enum picture_part { PART_ANY, PART_TRAIN, PART_VAL, PART_TEST, PART_COUNT };

struct picture_entry {
    char *path; /* below the root, or in the archive; more than one may name the same */
    uint16_t label;
    enum picture_part part;
    int64_t group; /* -1: none */
};

enum { PICTURE_LIST_NAMES = 5 }; /* of those left out, kept for messages */

struct picture_list {
    enum picture_kind kind;
    bool archive;     /* the root is one */
    char *root;       /* the folder or the archive that paths are below */
    char *table;      /* name of the table's file in the root, or in an archive's top; NULL: there
                         is none */
    char *columns[4]; /* of the table: path, label, group, split; NULL: there is none */
    struct picture_entry *entries;
    size_t count, capacity;
    char **classes;
    size_t class_count;
    size_t hidden; /* files left out by their names */
    size_t others; /* files that are no pictures, */
    char *other_names[PICTURE_LIST_NAMES];
    size_t stray; /* pictures outside of a class folder, */
    char *stray_names[PICTURE_LIST_NAMES];
};

void picture_list_release(struct picture_list *list);

/* ---- for the readers of layouts ---- */

/* Takes a copy of the path. */
int picture_list_add(struct picture_list *list, const char *path, size_t size,
                     const struct picture_entry *like, struct error *err);

/* Names of classes in `names` [list->count], borrowed: sorts them, and gives each entry its
 * label. */
int picture_list_label(struct picture_list *list, const char *const *names, struct error *err);

/* "train", "Validation", ...: PART_ANY where it is none of them. */
enum picture_part picture_part_named(const char *name, size_t size);
extern const char *const picture_part_names[PART_COUNT];

#endif
