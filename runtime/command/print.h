/* Results on stdout. */
#ifndef COMMAND_PRINT_H
#define COMMAND_PRINT_H

#include "base/digest.h"
#include "base/error.h"

#include <jansson.h>
#include <stdio.h>

/* A value as indented, sorted JSON with a newline. */
int print_json(const json_t *value, struct error *err);

/* Bytes of stages, names and URLs: to a terminal without controls, as
 * text_add_clean() makes them, line breaks kept; to files and pipes as they are. */
void print_bytes(FILE *stream, const char *bytes, size_t size);
void print_clean(FILE *stream, const char *string);

/* A whole file so, piece by piece. *digest, if not NULL, is that of the bytes. */

int print_file(FILE *stream, const char *path, struct digest *digest, struct error *err);

#endif
