/* What a stage finds where it works: a small project with what it declared and
 * nothing else.
 *
 *   stage.json
 *   deps/<name>/<last part>   each dep: real folders, regular files, read-only
 *   outs/                     with the parents of the outs
 *   home/                     HOME and TMPDIR
 *   scratch/, scratch_out/    what it left an earlier time, and may leave now (scratch.h)
 *   stages/train.py ...       the files of cmd at their places in the project, as copies
 *   data/raw ...              deps on the project's files at their places: links into deps/
 */
#ifndef RUNNER_LAYOUT_H
#define RUNNER_LAYOUT_H

#include "runner/attempt.h"

/* Makes all of it in attempt->folder, which is there and empty. ERR_CHANGED, naming the file,
 * where a file of cmd or a dep of the project is not what the key names. */
int layout_make(struct attempt *attempt, struct error *err);

/* True where the files of cmd, copied or in their own places, are what the key names; else
 * ERR_STAGE with the name of one that is not. */
int layout_check_programs(const struct attempt *attempt, struct error *err);

/* "../.." as often as the path has folders, then `to`: a link at `from` that leads to `to`. */
char *layout_relative(const char *from, const char *to, struct error *err);

#endif
