#include "store/folders.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int folders_start(struct folders *folders, const char *root, struct error *err)
{
    *folders = (struct folders){.root = root, .made = ""};
    if (file_make_folders(root, err) < 0)
        return -1;
    return chmod(root, 0755) == 0 ? 0 : error_errno(err, "cannot set the mode of '%s'", root);
}

int folders_add(struct folders *folders, const char *path, bool is_folder, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = is_folder ? strlen(path) : slash != NULL ? (size_t)(slash - path) : 0;
    if (length == 0 || (length == folders->length && memcmp(path, folders->made, length) == 0))
        return 0;
    char *name = strndup(path, length);
    int result = name == NULL ? error_set(err, ERR_MEMORY, "out of memory for a path")
                              : file_make_folders_below(folders->root, name, err);
    free(name);
    folders->made = path;
    folders->length = length;
    return result;
}
