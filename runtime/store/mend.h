/* What lies in the store's folder under a name of ours and is of another kind (a folder or a pipe
 * where a file belongs, a file where a folder does) is removed: whatever it is, it is nothing that
 * anybody could use, and it would stand in the way of all that follow. */
#ifndef STORE_MEND_H
#define STORE_MEND_H

#include <sys/types.h>

/* Of the store's folder, as it is opened. */
void mend_kinds(const char *folder);

/* Of what lies deeper, as it is written: on the way from `folder` to `path`, which is below one of
 * its folders, and at its end, where `type` (S_IFREG or S_IFDIR) belongs. */
void mend_way(const char *folder, const char *path, mode_t type);

#endif
