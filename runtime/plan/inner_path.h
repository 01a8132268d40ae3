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

/* A path that may lie elsewhere, for a folder whose absolute path without links is given: what lies
 * inside is as inner_path() gives it; else "../a" or "/a", without "." and doubled slashes. ".."
 * may stand only at the start. */
char *outer_path(const char *path, const char *folder, struct error *err);

/* Whether it lies outside, or is a folder above. */
bool outer_path_is_outside(const char *path);

/* Whether `path` is `folder` or lies in it. "" holds all. */
bool inner_path_holds(const char *folder, const char *path);

/* Whether a part of the path is ".git", in letters of any case. */
bool inner_path_is_git(const char *path);

/* Whether two such paths are the same or one lies in the other. */
bool inner_path_overlaps(const char *a, const char *b);

#endif
