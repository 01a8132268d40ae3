/* What differs between two files, as far as their format tells it: tensors, values, pixels, lines,
 * or bytes. The caller knows that they differ.
 */
#ifndef STAGES_DIFFER_FILES_H
#define STAGES_DIFFER_FILES_H

#include "base/text.h"

#include <jansson.h>

struct file_difference {
    const char *format; /* "safetensors", "npy", "json", "picture", "text" or "bytes" */
    json_t *lines;      /* for people */
    json_t *details;    /* an object, see each format */
};

struct file_pair {
    const char *name;    /* ends as files of its format do */
    const char *a, *b;   /* paths */
    const char *picture; /* where a picture of the difference may be written */
};

/* Each returns 1 where it found what differs, 0 where it has nothing to say of such files, and -1
 * where memory is out. */

/* {"tensors": [{"name", and as elements_json, or "a" and "b": its type and shape, null where it is
 * absent}], "metadata": [as values_compare]}: differ_tensors.c */
int tensors_compare(const struct file_pair *pair, struct file_difference *found, struct error *err);

/* {"values": [{"path": "a.b.0", "a", "b": texts in JSON, null where absent}], "count"}:
 * differ_values.c */
int values_compare(const struct file_pair *pair, struct file_difference *found, struct error *err);

/* {"pixels", "of", "largest": of 255, "picture": true where it was written}, or {"a", "b": sizes}:
 * differ_picture.c */
int picture_compare(const struct file_pair *pair, struct file_difference *found, struct error *err);

/* {"line", "a", "b"}, or of bytes {"differ", "first", "a", "b": sizes}; always finds:
 * differ_bytes.c */
int bytes_compare(const struct file_pair *pair, struct file_difference *found, struct error *err);

/* All of them in turn. */
int files_compare(const struct file_pair *pair, struct file_difference *found, struct error *err);
void file_difference_release(struct file_difference *found);

/* Adds what differs between two values: a member to `values` and a line, which begins with `what`,
 * for each of the first. Returns how many there are. */
size_t values_add(const char *what, const json_t *a, const json_t *b, json_t **values,
                  struct file_difference *found);

/* Adds a line, which is released. */
void difference_line(struct file_difference *found, struct text *line);

/* How many of a kind are listed. */
enum { DIFFER_LISTED = 20 };

#endif
