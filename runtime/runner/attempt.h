/* One execution of a stage: a fresh folder below the store's work/, a process,
 * its log and progress, and what became of its outs.
 *
 *   work/<key>/run-XXXXXX/   stage.json, log, deps/, outs/ ("kept" with --keep-work)
 *   work/<key>/checkpoint/   stays until the stage succeeds
 *
 * The folder has a new name each time: a process that a killed attempt left
 * behind cannot write into the next one.
 */
#ifndef RUNNER_ATTEMPT_H
#define RUNNER_ATTEMPT_H

#include "runner/job.h"
#include "runner/progress.h"

struct attempt {
    struct project *project;
    struct job *job;
    struct store_lock *lock;
    char *folder, *checkpoint, *log_path;
    int threads;
    pid_t pid;
    int pidfd, progress_fd; /* -1 where closed */
    struct progress progress;
    double start;     /* of a monotonic clock, seconds */
    char started[32]; /* UTC */
    double deadline;  /* 0: none */
    double kill_at;   /* after SIGTERM, SIGKILL; 0: not asked to stop */
    bool timed_out;
};

/* Seconds of the monotonic clock. */
double attempt_now(void);

/* Writes the folder and starts the process. Takes the key's lock over, also
 * on failure. Messages here leave out the stage's name: a line about it begins
 * with it. */
int attempt_start(struct project *project, struct job *job, struct store_lock *lock, int threads,
                  struct attempt **attempt, struct error *err);

/* Reads what there is on the progress descriptor. */
void attempt_read_progress(struct attempt *attempt);

/* SIGTERM now and SIGKILL later; or at once. */
void attempt_stop(struct attempt *attempt, bool at_once);

/* To be called at times: enforces the time limit and the time after SIGTERM. */
void attempt_tick(struct attempt *attempt);

/* When the process has ended and its progress was read: collects it and, where
 * it succeeded, stores its outs and records the action, which becomes
 * job->action. -1 with ERR_STAGE where the stage failed; its log is then in
 * cache/logs. */
int attempt_finish(struct attempt *attempt, struct error *err);

/* Kills the process if it runs, removes the folder, gives the lock back. */
void attempt_free(struct attempt *attempt);

#endif
