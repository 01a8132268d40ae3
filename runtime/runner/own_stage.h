/* Where the stages lie that come with this program. One place answers for all that start one: of an
 * installed program PREFIX/lib/reprise/stages/NAME beside PREFIX/bin/reprise, else, as in a tree of
 * sources, stages/NAME beside the program.
 *
 * A pipeline names one by its bare name, as the only word of cmd: `cmd: phase1`. They take no
 * words, so that `cmd: split -n 4 data` is the program in PATH. build/stages/NAME means one of
 * them, too, where a project has no such file.
 */
#ifndef RUNNER_OWN_STAGE_H
#define RUNNER_OWN_STAGE_H

#include "base/error.h"

#include <stddef.h>

/* The path of the executable stage that `word` names, in fresh memory. NULL with ERR_NONE where it
 * names none of them. */
char *own_stage_path(const char *word, struct error *err);

/* The places where it is looked for, first 0, in fresh memory; NULL with ERR_NONE after the last,
 * and where `word` can name none. */
char *own_stage_place(const char *word, size_t index, struct error *err);

/* The folder that holds the stages, in fresh memory: the first place that is there, else the last.
 */
char *own_stage_folder(struct error *err);

#endif
