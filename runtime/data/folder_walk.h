/* All files below a folder, folders in folders, in the order of file_list() at each level. Links
 * are followed, so that depth is bounded. */
#ifndef DATA_FOLDER_WALK_H
#define DATA_FOLDER_WALK_H

#include "base/error.h"

#include <stdbool.h>

struct folder_file {
    const char *path; /* below the folder that was asked for */
    const char *full;
    const char *name;
    bool regular; /* false too for what cannot be looked at */
};

struct folder_visitor {
    bool (*enters)(const char *name); /* a folder of that name */
    int (*file)(void *context, const struct folder_file *file, struct error *err);
    void *context;
};

/* -1 where a call did; ERR_FORMAT where folders are nested too deep. */
int folder_walk(const char *folder, const struct folder_visitor *visitor, struct error *err);

/* For `enters`: no hidden ones. */
bool folder_walk_visible(const char *name);

#endif
