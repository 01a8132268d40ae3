/* How much a stage may take: memory, the size of a file, processes, and room on the disk.
 *
 *   memory      of each process; what it has beyond it is refused (RLIMIT_DATA). Of all together by
 *               memory_group.h
 *   a file      SIGXFSZ, or EFBIG where that is ignored (RLIMIT_FSIZE)
 *   processes   and threads, of all of the stage, in its namespaces: a further one is refused.
 *               Counted by its user namespace (RLIMIT_NPROC, from Linux 5.14), which does not count
 *               for root; there by the numbers that its pid namespace has, from 6.14 on
 *   disk        its folder is weighed at times, and it is killed where that has grown by more
 */
#ifndef RUNNER_LIMITS_H
#define RUNNER_LIMITS_H

#include "runner/namespaces.h"

#include <stdint.h>

/* Where the file says nothing and a sandbox is asked for: enough for any stage, and an end to one
 * that forks for ever. */
enum { LIMITS_PROCESSES = 8192 };
/* The numbers of a pid namespace cannot be fewer. */
enum { LIMITS_FEWEST_NUMBERS = 301 };

/* 0: no limit. */
struct limits {
    int64_t memory_bytes, file_bytes, processes;
};

/* Between fork and exec, of the program; -1 with errno. */
int limits_enter(const struct limits *limits);

/* In the init of namespaces, for all that comes of it. */
int limits_enter_namespaces(const struct limits *limits, const struct namespaces *namespaces);

/* There: true where no process can be started any more. */
bool limits_are_reached(void);

/* What is missing here, appended as words; and what is in force. */
void limits_missing(const struct namespaces_here *here, struct text *missing);
void limits_in_force(const struct namespaces_here *here, bool memory_of_all, struct text *words);
const char *limits_memory_whose(bool memory_of_all);

/* What lies in a folder takes on the disk, in *bytes, each entry at least a block; not more than
 * `most` is counted, and what lies deeper than any stage's work counts as that. */
void limits_weigh(const char *folder, int64_t most, int64_t *bytes);

#endif
