/* Signals that ask a run to end, read from a descriptor. One that was ignored
 * when the program started stays ignored: nohup means what it says.
 */
#ifndef RUNNER_SIGNALS_H
#define RUNNER_SIGNALS_H

#include "base/error.h"

#include <signal.h>

struct signals {
    int fd; /* readable when one arrived */
    sigset_t before;
};

int signals_open(struct signals *signals, struct error *err);
void signals_close(struct signals *signals);

/* How many requests to stop arrived since the last call. */
int signals_take(struct signals *signals);

#endif
