/* What lies in a folder, before anything is done with it: so that an out is
 * refused as a whole, or a dep's ignored names never looked at.
 *
 *   WALK_OUT    links are entries, and must stay inside; folders that their
 *               owner may not read or change are made so
 *   WALK_EXACT  the same, changing nothing
 *   WALK_DEP    links are followed, ignored names left out
 *
 * Files, folders and links are all there can be: devices, sockets and pipes
 * are ERR_FORMAT, as are folders that nest deeper than WALK_DEPTH, a link that
 * leads out of an out, and a dep's link to nowhere or to a folder around it.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include "base/error.h"
#include "store/ignore.h"

#include <stddef.h>
#include <sys/stat.h>

enum { WALK_DEPTH = 100 };

enum walk_rule { WALK_OUT, WALK_EXACT, WALK_DEP };

struct walk_entry {
    char *name;     /* path in the folder */
    char *target;   /* of a link, else NULL */
    struct stat st; /* of a folder only where it is empty: others are not listed */
};

struct walk {
    enum walk_rule rule;
    const char *path; /* of the folder, for messages and ignored names */
    const struct ignore *ignore;
    struct walk_entry *entries; /* in no order to rely on */
    size_t count, capacity;
};

/* Opens `path` below `folder` (beneath.h; a dep's last part may be a link). */
int walk_open(enum walk_rule rule, int folder, const char *path, struct error *err);

/* Lists the open folder. */
int walk_list(struct walk *walk, int root, struct error *err);
void walk_release(struct walk *walk);

/* A file of a listed folder, for reading. */
int walk_open_file(const struct walk *walk, int root, const char *name, struct error *err);

#endif
