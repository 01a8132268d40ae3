/* Reads the members of an archive, tar (plain, gzip, bzip2, xz or zstd) or zip, that
 * nobody vouches for. Names are bytes of UTF-8 whatever the locale says. Nothing is written to
 * disk: wanted members are handed over in memory.
 *
 * The whole archive is refused for an absolute path or one with "..", for a
 * link, a device or another special file, a sparse file, more entries or bytes
 * than the limits, and for data that end early, also in members that nobody
 * wants.
 */
#ifndef DATA_UNPACK_H
#define DATA_UNPACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unpack_limits {
    int64_t entries;      /* files and folders */
    int64_t member_bytes; /* of one file */
    int64_t total_bytes;  /* of all files, unpacked */
};

struct unpack_visitor {
    /* Whether the regular file at `path` is wanted; may be called more than
     * once with the same path, where an archive holds it twice. */
    bool (*wants)(void *context, const char *path);
    /* Takes over `data` (free() it), also where it fails. */
    int (*take)(void *context, const char *path, void *data, size_t size, struct error *err);
    void *context;
};

int unpack_archive(const char *archive, const struct unpack_limits *limits,
                   const struct unpack_visitor *visitor, struct error *err);

/* The same of the files in a folder and in its folders, where `path` is one; entries count once. */
int unpack_any(const char *path, const struct unpack_limits *limits,
               const struct unpack_visitor *visitor, struct error *err);

#endif
