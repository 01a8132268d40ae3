/* What a revision of git has, asked of the program git. */
#ifndef COMMAND_GIT_H
#define COMMAND_GIT_H

#include "base/error.h"

/* A file as `revision` has it; `path` is relative to the working folder. *copy is a file to be read
 * and then given to git_file_end(). ERR_USAGE where the revision has no such file, or "'...' is
 * <what else it may have been>no revision of git", with what git says where it could not look. */
int git_file(const char *revision, const char *else_no, const char *path, char **copy,
             struct error *err);
void git_file_end(char *copy);

#endif
