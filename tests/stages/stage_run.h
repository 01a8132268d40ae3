/* Runs a stage's executable on a stage.json made by the test, in a folder of
 * its own under /tmp. Anything wrong with the set-up fails the running test.
 */
#ifndef TESTS_STAGES_STAGE_RUN_H
#define TESTS_STAGES_STAGE_RUN_H

#include <jansson.h>
#include <stddef.h>

struct stage_run {
    char folder[64];
    json_t *description; /* stage.json: params, deps, outs to be set */
    char *messages;      /* what the last run wrote to stderr */
};

void stage_run_init(struct stage_run *run, const char *stage);
void stage_run_release(struct stage_run *run);

void stage_run_param(struct stage_run *run, const char *name, json_t *value);
void stage_run_dep(struct stage_run *run, const char *name, const char *path);
/* An out `name` at folder/path. */
void stage_run_out(struct stage_run *run, const char *name, const char *path);

/* Exit status of $BUILD/stages/<stage>; stderr is in `messages`, stdout in folder/answer. */
int stage_run_execute(struct stage_run *run);
/* The same of its --check. */
int stage_run_check(struct stage_run *run);

/* A file under the run's folder; free() it. */
char *stage_run_read(const struct stage_run *run, const char *path, size_t *size);

#endif
