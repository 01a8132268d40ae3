/* A stage's cmd made ready to run: words that name files of the project as
 * absolute paths, the first word found in PATH, and the digest of each file
 * that takes part. Also the environment in which it runs.
 */
#ifndef RUNNER_INVOCATION_H
#define RUNNER_INVOCATION_H

#include "runner/project.h"

struct invocation_file {
    const char *word; /* of the plan's argv */
    struct digest digest;
};

struct invocation {
    char **argv; /* NULL at the end; argv[0] is absolute */
    size_t argc;
    bool by_path; /* the first word is a path, and no name to be found in PATH */
    struct invocation_file *files;
    size_t file_count;
};

/* ERR_STAGE, with the place in the pipeline file, where the first word is no
 * executable. */
int invocation_make(const struct project *project, const struct plan_stage *stage,
                    struct invocation *invocation, struct error *err);
void invocation_release(struct invocation *invocation);

/* NAME=value texts with a NULL at the end; file_free_names(environment, count). */
int invocation_environment(const struct plan_stage *stage, const char *folder, int threads,
                           char ***environment, size_t *count, struct error *err);

#endif
