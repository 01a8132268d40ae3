/* Landlock (landlock(7)) by raw system calls: what a process and its children may do with files,
 * every ABI from 1 up. What an older kernel does not know is left out, and said by whom it
 * concerns.
 *
 *   ABI 1  files; 2  rename and link across folders; 3  truncate; 4  TCP; 5  ioctl of devices;
 *   6  signals and abstract sockets to processes outside
 */
#ifndef RUNNER_LANDLOCK_H
#define RUNNER_LANDLOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the kernel; 0 where there is none. REPRISE_LANDLOCK_ABI lowers it, for tests. */
int landlock_abi(void);

enum landlock_access { LANDLOCK_READ, LANDLOCK_WRITE };

/* Nothing may be read, written or executed but what is allowed then; without `network` no TCP
 * either. -1 with an error. */
struct landlock {
    int rules;      /* a descriptor */
    uint64_t known; /* what this kernel's ABI can refuse */
};
int landlock_new(bool network, struct landlock *landlock, struct error *err);

/* The same of rules that were made by landlock_new, by their descriptor alone. */
struct landlock landlock_of(int rules);

/* A path and all below it; one that is not there is no rule. LANDLOCK_WRITE allows reading, too. */
int landlock_allow(const struct landlock *landlock, const char *path, enum landlock_access access,
                   struct error *err);

/* This process from now on; no_new_privs must be set. Allocates nothing. -1 with errno. */
int landlock_enter(int rules);

#endif
