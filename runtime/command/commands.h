/* The subcommands, one file each. Results go to stdout, the rest to stderr. */
#ifndef COMMAND_COMMANDS_H
#define COMMAND_COMMANDS_H

#include "command/options.h"

command_fn command_init;    /* init.c */
command_fn command_run;     /* run.c */
command_fn command_status;  /* status.c */
command_fn command_why;     /* why.c */
command_fn command_verify;  /* verify.c */
command_fn command_attest;  /* attest.c */
command_fn command_keygen;  /* keygen.c */
command_fn command_adopt;   /* adopt.c */
command_fn command_metrics; /* metrics.c */
command_fn command_diff;    /* diff.c */
command_fn command_gc;      /* gc.c */
command_fn command_du;      /* gc.c */
command_fn command_log;     /* log.c */
command_fn command_watch;   /* watch.c */
command_fn command_predict; /* predict.c */
command_fn command_dag;     /* draw.c */

/* For the shells: prints what may stand in place of the last of the words. complete.c. */
void command_complete(int count, char **words);

#endif
