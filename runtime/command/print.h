/* Results on stdout. */
#ifndef COMMAND_PRINT_H
#define COMMAND_PRINT_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>

/* A document as json_write() has it in a file. */
int print_json(const json_t *value, struct error *err);

/* What a stage printed: to a terminal without controls, as text_add_clean() makes it, line breaks
 * kept; to files and pipes as it is. */
void print_bytes(FILE *stream, const char *bytes, size_t size);

/* Our own lines with names, values and URLs in them: without controls, whatever shows them. */
void print_clean(FILE *stream, const char *string);

/* The same of a text, on stdout, which is released; -1 where it has failed. */
int print_text(struct text *text, struct error *err);

/* What printf, which counts bytes, is to be told as the width that pads a string to so many
 * characters: classes have names in any language. */
int print_width(const char *string, int characters);

/* Adds each of what --set gave as `before`name=value. */
void print_add_sets(struct text *text, const char *before, const json_t *sets);

/* A whole file as print_bytes(), piece by piece. *digest, if not NULL, is that of the bytes. */
int print_file(FILE *stream, const char *path, struct digest *digest, struct error *err);

/* Into the file that a person named. It appears whole; what is no plain file (a device, a pipe, a
 * link as /dev/stdout) is written to, and stays what it is. */
int print_into(const char *path, const char *bytes, size_t size, struct error *err);

#endif
