/* Names in a folder dep that do not count: they are neither hashed nor copied
 * for a stage, so that what editors and interpreters drop there re-runs
 * nothing. Never applied to an out, nor to the path of a dep itself.
 *
 * Built in:  __pycache__/ *.pyc .ipynb_checkpoints/ .git .hg .svn .DS_Store
 *            Thumbs.db *~ .*.sw? .#* #*# .nfs* .reprise-*-*
 *
 * `.reprise-ignore` beside pipeline.yaml adds one pattern a line:
 *
 *   # a comment
 *   *.tmp          a name anywhere
 *   notes/         a folder of this name
 *   raw/a?.log with a slash inside or in front: a path from the project's folder;
 *                  * and ? match no slash
 *   !keep.pyc      counts after all; the last pattern that matches decides
 *
 * What lies in an ignored folder does not count whatever is said of it.
 *
 * In the project's own folder, which only the dep "." looks through, folders alone count, and of
 * these neither hidden ones nor artifacts, cache and reports: what a run writes, and logs and
 * tables that people drop beside the pipeline file, re-run nothing.
 */
#ifndef STORE_IGNORE_H
#define STORE_IGNORE_H

#include "base/error.h"

#include <stdbool.h>

struct ignore;

/* `folder` is the absolute path of the project's folder; `text` the file's, or NULL.
 * ERR_USAGE with `.reprise-ignore:<line>: …` where a pattern is not understood. */
int ignore_parse(const char *folder, const char *text, struct ignore **ignore, struct error *err);
void ignore_free(struct ignore *ignore);

/* Of a file or folder at the absolute `path`. NULL knows the built-in names. */
bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder);

#endif
