/* Paths that stay inside a folder. */
#ifndef PLAN_INNER_PATH_H
#define PLAN_INNER_PATH_H

#include "base/error.h"

#include <stdbool.h>

/* The path without "." and doubled or last slashes, in fresh memory: "./a//b/"
 * is "a/b", and "." is "". NULL with ERR_USAGE where it is absolute or leaves
 * the folder, or has ".." anywhere, which a link could lead astray. The message
 * begins with the quoted path. */
char *inner_path(const char *path, struct error *err);

/* Whether two such paths are the same or one lies in the other. */
bool inner_path_overlaps(const char *a, const char *b);

#endif
