/* Connects sockets for a program that may reach no socket of others: its calls of connect wait for
 * the keeper (supervisor.h), which decides by what the path leads to and makes the connection
 * itself, with the socket and the address as it read them. So there is no race to win.
 *
 * Landlock and mounts that are read-only bar nobody from a socket in the file system.
 */
#ifndef RUNNER_SOCKET_GUARD_H
#define RUNNER_SOCKET_GUARD_H

#include "runner/tried.h"

#include <linux/seccomp.h>

/* Whether the kernel has what it takes: notifications of seccomp, and pidfd_getfd (Linux 5.6). */
bool socket_guard_is_possible(void);

/* Answers a call of connect that was heard of. In the stage's mount tree; forks, since a connection
 * may wait; allocates nothing. In reach are the sockets that the rules of `tried` let it read and
 * those that lie in what it has to itself; in the abstract name space, where nobody knows whose
 * they are, those of its own network, as any of the internet's families. */
void socket_guard_answer(int listener, const struct seccomp_notif *heard, const struct tried *tried,
                         bool own_network);

#endif
