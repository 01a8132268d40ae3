/* Runs a program with a time limit, its output kept; or under ptrace, which counts its system calls
 * and strikes at one of them. The process that calls is the reaper of all that the program leaves
 * behind (command_become_reaper), so that what outlives a runner is found by waiting for it,
 * wherever it hides.
 *
 *   command_start ─► running ─► command_finish ─► struct outcome ─► outcome_release
 *
 * The tracer follows the program, its threads and the children that it forks; a process that
 * executes another program (a stage) is let go at that moment. */
#ifndef TESTS_FAULTS_COMMAND_H
#define TESTS_FAULTS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { OUTCOME_HANG = -1, OUTCOME_SIGNAL = 1000 }; /* SIGNAL + its number */

struct outcome {
    int code; /* exit status, OUTCOME_SIGNAL + n, or OUTCOME_HANG */
    char *out, *err;
};

struct command {
    pid_t pid;
    int out, err; /* memory files */
};

enum strike {
    STRIKE_NONE,        /* counts only */
    STRIKE_KILL_RUNNER, /* the program that was started; what it forked lives on */
    STRIKE_KILL_CALLER, /* counts the calls of what it forked only, and kills that */
    STRIKE_KILL_ALL,    /* the program, what it forked, and the stages */
    STRIKE_FAIL,        /* the call is not made and returns `error` */
    STRIKE_TELL         /* `tell` is called in the tracer, then the program goes on */
};

enum { TRACE_CHANGING = -1, TRACE_COUNTS = 600 };

struct trace {
    enum strike strike;
    long call;  /* number of a system call, or TRACE_CHANGING: all that change something */
    long at;    /* strikes at this one, from 1 */
    bool after; /* a kill comes when the call has been made, before the program goes on */
    int error;
    bool on; /* STRIKE_FAIL: all that follow fail, too */
    void (*tell)(void *context);
    void *context;
    /* What happened. */
    bool struck;
    bool own_message;          /* the call that failed would have written to stdout or stderr */
    long changing, by_others;  /* how many calls change something; by forked processes */
    long counts[TRACE_COUNTS]; /* by number of the call */
    char where[96];            /* the call that was struck */
};

void command_become_reaper(void);

/* `folder` is where it runs; `environment` holds NAME=VALUE to add, ended by NULL, or is NULL. */
int command_start(struct command *command, const char *folder, const char *const *argv,
                  const char *const *environment, bool traced);
void command_finish(struct command *command, double limit_s, struct outcome *outcome);
void command_run(const char *folder, const char *const *argv, const char *const *environment,
                 double limit_s, struct outcome *outcome);
/* Whether this machine can be traced: the registers are those of x86-64. */
bool command_can_trace(void);
void command_trace(const char *folder, const char *const *argv, struct trace *trace, double limit_s,
                   struct outcome *outcome);

/* Processes that the last command left, after up to grace_s: they are killed, and their number
 * returned. */
int command_strays(double grace_s, char *what, size_t size);
/* Kills every descendant of this process. */
void kill_descendants(void);
void outcome_release(struct outcome *outcome);
double command_now(void);

#endif
