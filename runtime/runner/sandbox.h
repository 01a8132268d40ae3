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
#include "runner/invocation.h"

/* Whether what is executed is kept from anything. */
bool sandbox_confines(const struct project *project);

/* Whether a stage has a network of its own, which only it is in. */
bool sandbox_gives_loopback(const struct project *project, const struct plan_stage *stage);

/* What is missing on this kernel, as words; "" where nothing is. */
void sandbox_missing(const struct project *project, struct text *missing);
/* What is in force, as words. */
void sandbox_in_force(const struct project *project, struct text *words);

/* Before a run: ERR_USAGE where all is required and something is missing, ERR_STAGE where what
 * stages read is asked for and cannot be told. */
int sandbox_check(const struct project *project, struct error *err);

/* A program that is confined: a stage, or one that is asked about itself (question.h). */
struct sandbox_subject {
    const struct project *project;
    const struct plan_stage *stage;
    const struct invocation *invocation;
    const char *home;           /* a folder that namespaces show, and in it */
    const char *const *folders; /* what it writes to, NULL at the end */
    bool network, loopback;
    bool in_project; /* it runs in the project's folder, and not beside copies of what cmd and deps
                        name there */
};

/* What its processes may reach. */
struct sandbox_rules {
    int landlock; /* a descriptor, -1 where the kernel has no Landlock or nothing is to be refused
                   */
    char **shown; /* of struct namespaces */
    size_t shown_count, shown_capacity;
    struct text allowed; /* as tried.h has them */
};
int sandbox_rules_make(const struct sandbox_subject *subject, struct sandbox_rules *rules,
                       struct error *err);
void sandbox_rules_release(struct sandbox_rules *rules);

#endif
