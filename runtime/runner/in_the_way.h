/* A name that an earlier run published as a file and this one needs as a folder, or the reverse:
 * what lies there may go where all of it is ours (ours.h), with the bytes that it was published
 * with. Whatever else lies there stays, and is an error of who finds it. */
#ifndef RUNNER_IN_THE_WAY_H
#define RUNNER_IN_THE_WAY_H

#include "runner/project.h"

/* Of a file, a link, or a folder with at least a file in it; `name` is relative to the project. */
int in_the_way_is_ours(const struct project *project, const char *name, bool *is_ours,
                       struct error *err);

/* Removes what is not of the kind that `name` and the folders that hold it must be: where `folder`,
 * a folder. The caller has seen that all of it is ours, or of the kind. */
int in_the_way_remove(const struct project *project, const char *name, bool folder,
                      struct error *err);

#endif
