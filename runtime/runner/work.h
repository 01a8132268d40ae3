/* The folder of an attempt: made before the process starts, turned into blobs
 * after it ended well. */
#ifndef RUNNER_WORK_H
#define RUNNER_WORK_H

#include "runner/attempt.h"

/* Makes the folder and all that a stage finds there (layout.h), and opens its log. */
int work_make(struct attempt *attempt, struct error *err);

/* True where its deps and its own files are few and small, so that laying them out, looking at
 * them again and removing them takes no longer than a moment. */
bool work_deps_are_small(const struct job *job);

/* True where storing takes no longer than a moment: a few small files. */
bool work_is_small(const struct attempt *attempt);

/* Checks that what the key names is as it was, stores outs and log, and makes the action, which
 * becomes job->action; commit.h records it. Where an out is refused it stays, and the message says
 * where. Runs in a worker. */
int work_store(struct attempt *attempt, struct error *err);

/* Writes the log of a stage that failed to cache/logs/<stage>.log, which
 * becomes log_path, and looks there for what it may have missed. */
void work_keep_log(struct attempt *attempt);

/* The result is recorded: the checkpoint has served. */
void work_forget_checkpoint(struct attempt *attempt);

void work_remove(struct attempt *attempt);

#endif
