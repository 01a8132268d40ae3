/* Deps on files: where a reference leads, through links too, and that this is nothing that the
 * runner or git writes. */
#ifndef PLAN_FILE_LINKS_H
#define PLAN_FILE_LINKS_H

#include "plan/stage_draft.h"

/* Set the folder, the project's, and zero the rest. */
struct file_links {
    const char *folder;
    char *root; /* the same, absolute and without links; NULL before the first file */
    /* The folder of the file before, and the same without links: files of a folder stand together.
     */
    char *parent, *real_parent;
};

/* *path becomes the path in the plan, in fresh memory, to be freed also after an error if it is not
 * NULL; *missing whether nothing is there, which is for the caller to tell. */
int file_links_find(struct file_links *links, const struct stage_draft *draft,
                    const struct dep_draft *dep, char **path, bool *missing, struct error *err);

void file_links_release(struct file_links *links);

#endif
