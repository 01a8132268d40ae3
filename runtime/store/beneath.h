/* Opening what lies below a folder, and nothing else: no symbolic link on the
 * way, no "..", no other root. What a stage left in its work folder is only
 * ever opened so: it may have put a link to a person's files in the way.
 */
#ifndef STORE_BENEATH_H
#define STORE_BENEATH_H

#include <sys/types.h>

/* open(2) with O_CLOEXEC and O_NOFOLLOW. A `folder` of AT_FDCWD opens any path of our own as
 * open(2) does. Returns a descriptor, or -1 with errno: ELOOP for a link, EXDEV for a path
 * that leaves the folder. */
int beneath_open(int folder, const char *path, int flags);

/* The same without openat2(2), one part of the path after the other: for kernels before 5.6
 * and sandboxes that refuse it. */
int beneath_open_by_parts(int folder, const char *path, int flags);

/* The folder that holds `path`, as O_PATH, and the last part of the path. */
int beneath_open_parent(int folder, const char *path, const char **name);

#endif
