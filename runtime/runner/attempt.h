/* One execution of a stage: its folder below the store's work/, its process,
 * log and progress, and what became of its outs.
 *
 *   work/<key>/run/          where the stage works: layout.h says what lies there
 *   work/<key>/checkpoint/   stays until the stage succeeds
 *   work/<key>/log           what it prints
 *   work/<key>/told          what it says of its progress, told.h
 *   work/<key>/kept          `run` stays, as --keep-work asks
 *
 * The folder has one place for each key, so that what a stage finds out about
 * where it works is the same each time. What a killed attempt left there is
 * killed and removed first, under the key's lock, which the keeper of the
 * killed attempt holds as long as it lives.
 *
 *   execute_new ─► work_make ─► execute_start ─► ends ─► attempt_collect
 *     ─► work_store ─► commit ─► execute_end; without a result execute_end at once
 */
#ifndef RUNNER_ATTEMPT_H
#define RUNNER_ATTEMPT_H

#include "runner/job.h"
#include "runner/launch.h"
#include "runner/progress.h"
#include "runner/tasks.h"
#include "runner/told.h"
#include "runner/tried.h"

#include <sys/stat.h>

/* A file of cmd that was copied, as it was when the stage began. */
struct attempt_copy {
    const char *name;
    char *path;
    struct stat st;
};

struct attempt {
    struct task task; /* making its folder, then storing; first */
    struct jobs *jobs;
    struct job *job;
    struct store_lock *lock;
    char *home;   /* work/<key> */
    char *folder; /* work/<key>/run */
    bool folder_made;
    int folder_fd, log_fd; /* -1 where closed */
    char *log_path;        /* of a log that is kept, or NULL */
    bool has_scratch;
    struct digest scratch;  /* of what an earlier run left, where it was shown */
    char *undeclared;       /* a file of the project that it may have missed, or NULL */
    struct tried *tried;    /* the paths that it named, or NULL */
    struct text trespasses; /* what it was refused, lines for people (trespass.h) */
    struct attempt_copy *copies;
    size_t copy_count;
    int threads;
    uint64_t cards; /* that it has to itself: cards.h */
    struct launched process;
    struct launch_report report; /* after attempt_collect */
    int progress_fd;             /* -1 where closed */
    struct progress progress;
    struct told told;
    double start;     /* of a monotonic clock, seconds */
    char started[32]; /* UTC */
    double deadline;  /* 0: none */
    double kill_at;   /* after SIGTERM, SIGKILL; 0: not asked to stop */
    bool timed_out;
    int64_t weight;  /* of its folder when it began, where the disk is limited, */
    double weigh_at; /* and when it is weighed again */
    bool too_heavy;
    struct error outcome; /* of `task` */
    struct attempt *next; /* commit's queue */
};

/* Seconds of the monotonic clock. */
double attempt_now(void);

/* The folder that it works in, as its processes see it. */
const char *attempt_inside(const struct attempt *attempt);

/* What its processes bear (keeper_mark). */
uint64_t attempt_mark(const struct attempt *attempt);

/* Reads what there is on the progress descriptor. */
void attempt_read_progress(struct attempt *attempt);

/* SIGTERM now and SIGKILL later; or at once. */
void attempt_stop(struct attempt *attempt, bool at_once);

/* Before it starts: what is there already counts towards no limit. */
void attempt_weigh(struct attempt *attempt);

/* To be called at times: enforces the limits of time and disk, the time after SIGTERM, and the size
 * of the log. */
void attempt_tick(struct attempt *attempt);

/* When all its processes have ended and its progress was read: 0 where it ended well and may be
 * stored. ERR_INTERRUPTED where it was asked to stop, whatever its exit status. */
int attempt_collect(struct attempt *attempt, struct error *err);

#endif
