/* What a stage may do while it runs: read its deps, the files of its command, the system and the
 * interpreter; write its own folder; reach the network where it declares that. Without privileges,
 * with no way to gain any, and out of reach of other processes. By Landlock, namespaces and
 * seccomp, as far as the kernel has them.
 *
 * Rules are made by the runner; between fork and exec confine.h does the rest.
 */
#ifndef RUNNER_SANDBOX_H
#define RUNNER_SANDBOX_H

#include "base/text.h"
#include "runner/attempt.h"

/* What is missing on this kernel, as words; "" where nothing is. */
void sandbox_missing(const struct project *project, struct text *missing);
/* What is in force, as words. */
void sandbox_in_force(const struct project *project, struct text *words);

/* Before a run: ERR_USAGE where all is required and something is missing, ERR_STAGE where what
 * stages read is asked for and cannot be told. */
int sandbox_check(const struct project *project, struct error *err);

/* What an attempt's processes may reach. */
struct sandbox_rules {
    int landlock; /* a descriptor, -1 where the kernel has no Landlock, or nothing is refused */
    char **shown; /* of struct namespaces */
    size_t shown_count, shown_capacity;
    struct text allowed; /* as the rules of tried.h */
};
int sandbox_rules_make(const struct attempt *attempt, struct sandbox_rules *rules,
                       struct error *err);
void sandbox_rules_release(struct sandbox_rules *rules);

#endif
