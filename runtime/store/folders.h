/* The folders of many paths below one root, made before the files that go
 * into them: mode 0755 whatever the umask, each once where the paths come
 * folder by folder.
 */
#ifndef STORE_FOLDERS_H
#define STORE_FOLDERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct folders {
    const char *root;
    const char *made; /* the last one is a part of this path */
    size_t length;
};

/* Makes the root and its parents. */
int folders_start(struct folders *folders, const char *root, struct error *err);

/* Makes the folders that hold `path`, or `path` itself where it is one. It must live as long as
 * `folders` is used. */
int folders_add(struct folders *folders, const char *path, bool is_folder, struct error *err);

#endif
