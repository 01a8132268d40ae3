/* Runs a stage that comes with the program, by hand, for a command that needs what it can: the
 * program itself links neither data nor networks.
 */
#ifndef COMMAND_OWN_RUN_H
#define COMMAND_OWN_RUN_H

#include "base/error.h"

#include <jansson.h>

/* `document` has params, deps and outs of a stage.json, and what more the stage takes; it is let
 * go. The stage runs in a temporary folder, *work, that lies below TMPDIR and receives its outs; on
 * success own_run_end() removes it. ERR_USAGE, ending with `otherwise`, where there is no such
 * stage; ERR_STAGE where it failed, after it has said why on stderr. */
int own_run(const char *stage, json_t *document, const char *otherwise, char **work,
            struct error *err);
void own_run_end(char *work);

#endif
