/* reprise run --suggest-deps STAGE...: executes stages again, in scratch and refusing nothing, and
 * says in which way their deps are not what they read. Stores and delivers nothing. */
#ifndef COMMAND_SUGGEST_DEPS_H
#define COMMAND_SUGGEST_DEPS_H

#include "command/options.h"

/* 0 where all agrees; ERR_STAGE where something is to be changed, or a stage failed. */
int suggest_deps(const struct options *options, struct error *err);

#endif
