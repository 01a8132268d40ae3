/* A table of pictures: path and label, optionally group and split.
 *
 *   CSV    RFC 4180 with a header; separated by , ; or tab, whichever the header has most; quotes;
 *          lines end with CR LF or LF; a byte order mark is skipped
 *   JSONL  an object a line; values are texts or whole numbers
 *
 * Columns are found by name, in any case: path, file, filename or image; label, class or target;
 * group, patient or video; split or set. Paths are relative to the table's folder and stay below
 * it.
 */
#ifndef DATA_PICTURE_TABLE_H
#define DATA_PICTURE_TABLE_H

#include "data/picture_list.h"

/* Columns by name; NULL: found by the usual names. */
struct picture_columns {
    const char *path, *label, *group, *split;
};

bool picture_table_is_name(const char *path); /* .csv, .tsv, .jsonl or .ndjson */
bool picture_table_is_jsonl(const char *path);

enum { PICTURE_TABLE_HEAD = 64 << 10 }; /* bytes that hold the first line */

/* Whether the first line of the bytes has a column of paths and one of labels. ERR_MEMORY. */
int picture_table_looks_right(const char *bytes, size_t size, bool jsonl,
                              const struct picture_columns *columns, bool *right,
                              struct error *err);

/* Fills entries, classes and columns. An error begins with ":LINE: ", behind the file's name. */
int picture_table_read(const char *bytes, size_t size, bool jsonl,
                       const struct picture_columns *columns, struct picture_list *list,
                       struct error *err);

#endif
