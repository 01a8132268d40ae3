/* What the readers and the writer of pipeline.lock share; lockfile.h is for others. */
#ifndef RUNNER_LOCKFILE_PARTS_H
#define RUNNER_LOCKFILE_PARTS_H

#include "runner/lockfile.h"

/* The first line. */
#define LOCKFILE_HEADER                                                                            \
    "# Written by `reprise run`, checked by `reprise verify`; commit it. Not for editing by "      \
    "hand.\n"

/* Stands in the file for the empty profile of a pipeline that has none. */
#define LOCKFILE_NO_PROFILE "(none)"

/* The text of lockfile_text(), read fast: 0 with *lock NULL where the text is
 * not exactly of that form. */
int lockfile_scan(const char *data, size_t size, struct lock **lock, struct error *err);

/* Any YAML that says the same, and schema 1. Messages have the place and not the way out. */
int lockfile_parse(const char *path, const char *data, size_t size, struct lock **lock,
                   struct error *err);

/* True where YAML reads these bytes as they are with no quotes around, as a
 * text or as what plain scalars stand for. Strict: many more are. */
bool lockfile_is_plain(const char *text);

/* "<64 hex> name" of a published copy. Line breaks, backslashes and bytes that are no UTF-8 are
 * \\xNN, so it is one line. */
void lockfile_add_published(struct text *text, const struct lock_named *named);

/* That of `published`; *name in fresh memory. ERR_FORMAT where it is none. */
int lockfile_read_published(const char *text, struct digest *digest, char **name,
                            struct error *err);

#endif
