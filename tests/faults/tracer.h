/* Follows a stopped child that asked to be traced, until it and all that it forked are gone. Used
 * by command_trace. */
#ifndef TESTS_FAULTS_TRACER_H
#define TESTS_FAULTS_TRACER_H

#include "faults/command.h"

/* Returns the wait status of the program. */
int tracer_follow(pid_t program, struct trace *trace, double deadline, bool *hung);

#endif
