/* What a process gives up for good, and with it all that it starts: privileges, files that
 * Landlock's rules do not allow, the network, and calls that reach into other processes.
 */
#ifndef RUNNER_CONFINE_H
#define RUNNER_CONFINE_H

#include <stdbool.h>

bool confine_has_seccomp(void);

/* Which sockets are left beside streams of one machine, of AF_UNIX. Its datagrams go to whom each
 * of them names. */
enum confine_network {
    CONFINE_NO_CONNECTION, /* and those by pairs alone */
    CONFINE_NO_NETWORK,
    CONFINE_OWN_NETWORK, /* of the internet's families: it is in a network namespace of its own */
    CONFINE_NETWORK,     /* all */
};

/* `rules` of landlock.h, or -1. Between fork and exec: allocates nothing, takes no lock. -1 with
 * errno. */
int confine_enter(int rules, enum confine_network network);

#endif
