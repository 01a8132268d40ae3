/* A stage's cmd made ready to run. Words that name files of the project lie in
 * the work folder as copies, so they stay as they stand in the file; a first
 * word that is a bare name is one of the program's own stages (own_stage.h),
 * else looked up in the stage's PATH, and runs where it lies.
 *
 * Files whose bytes take part, each in the key and in the lock:
 *   - words of cmd that are files;
 *   - the interpreter in the first line of the first word, and so on where that is a script
 *     itself; of "#!/usr/bin/env python3", and of cmd "env A=1 python3 ...", both programs.
 */
#ifndef RUNNER_INVOCATION_H
#define RUNNER_INVOCATION_H

#include "runner/executables.h"
#include "runner/project.h"

struct invocation_file {
    char *name;       /* a word of cmd, or the path of an interpreter */
    bool interpreter; /* not a word of cmd */
    char *inner;      /* its path in the project, where a copy runs in the work folder, or NULL */
    const struct executable *program;
};

struct invocation {
    char **argv; /* NULL at the end; argv[0] is absolute, or a path in the work folder */
    size_t argc;
    bool by_path; /* the first word is a path or an own stage, and no name to be found in PATH */
    const struct executable *program; /* of the first word */
    struct invocation_file *files;
    size_t file_count, file_capacity;
};

/* ERR_USAGE, with the place in the pipeline file and what to do, where the
 * command cannot be started. */
int invocation_make(const struct project *project, const struct plan_stage *stage,
                    enum store_depth depth, struct invocation *invocation, struct error *err);
void invocation_release(struct invocation *invocation);

/* Where a person's shell would find another program under the first word than the stage does,
 * as in an active virtual environment: its path, in fresh memory; else NULL. */
char *invocation_shadowed(const struct plan_stage *stage, const struct invocation *invocation);

#endif
