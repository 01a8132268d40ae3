/* What a revision of git has, asked of the program git. */
#ifndef COMMAND_GIT_H
#define COMMAND_GIT_H

#include "base/error.h"

/* A file as `revision` has it; `path` is relative to the working folder. 1 with *copy, a
 * file to be read and then given to git_file_end(); 0 where there is no git, no repository or no
 * such revision; -1 where the revision has no such file, or reading failed. */
int git_file(const char *revision, const char *path, char **copy, struct error *err);
void git_file_end(char *copy);

#endif
