/* Results on stdout. */
#ifndef COMMAND_PRINT_H
#define COMMAND_PRINT_H

#include "base/error.h"

#include <jansson.h>

/* A value as indented, sorted JSON with a newline. */
int print_json(const json_t *value, struct error *err);

#endif
