/* The stages that come with this program: a pipeline names them build/stages/NAME, as in a tree of
 * sources. Where a project has no such file, the program's own is meant: of an installed one
 * PREFIX/lib/reprise/stages/NAME beside PREFIX/bin/reprise, else stages/NAME beside the program.
 */
#ifndef RUNNER_OWN_STAGE_H
#define RUNNER_OWN_STAGE_H

#include "base/error.h"

/* The path of the stage that `word` names, in fresh memory. NULL with ERR_NONE where it names none
 * of them. */
char *own_stage_path(const char *word, struct error *err);

#endif
