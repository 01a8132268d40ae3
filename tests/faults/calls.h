/* The system calls at which the campaigns strike, and the errors that each can plausibly return. */
#ifndef TESTS_FAULTS_CALLS_H
#define TESTS_FAULTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum { CALL_ERRORS_MAX = 8 };

struct call {
    const char *name;
    long number;
    bool changes;    /* something that another process, or the next run, can see */
    bool goes_ahead; /* an error of close does not keep the descriptor open: the call is made, its
                        answer replaced */
    int errors[CALL_ERRORS_MAX]; /* ends with 0 */
};

extern const struct call calls[];
extern const size_t calls_count;

/* NULL where the table does not have it. */
const struct call *call_find(long number);
const struct call *call_named(const char *name);

#endif
