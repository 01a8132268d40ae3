/* A small dataset in a folder of its own, and the stages that train and evaluate as executables on
 * it: their calls, one after the other, and what they leave.
 */
#ifndef TESTS_STAGES_PLACE_H
#define TESTS_STAGES_PLACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PLACE_TEST_COUNT = 18, PLACE_CLASSES = 3 };

/* The folder that a test works in. */
struct place {
    char *folder;
    char *paths[2]; /* of place_path(): the last two */
    int next;
};

/* cmocka's set-up and tear-down: *state is the place, with `dataset` and `splits`. */
int place_make(void **state);
int place_free(void **state);
/* The folder's file; valid until the call after the next. */
const char *place_path(struct place *place, const char *name);

/* A call of a stage in a folder of its own; deps and outs are "name=file" texts, NULL last. */
struct call {
    const char *stage, *folder, *params;
    const char *deps[5], *outs[6];
    int threads;
    const char *option; /* before the stage.json; NULL: none */
    int64_t memory;     /* resources.memory in bytes; 0: no limit */
    int limited;        /* RLIMIT_DATA: is that, as by the runner; or RLIMIT_AS; 0: none */
};

extern const struct call call_pretrain, call_phase1, call_phase2, call_evaluate, call_curves;

/* Starts it, with stdout and stderr in `log`; skips the test where it is not built. */
pid_t place_start(struct place *place, const struct call *call);
int place_finish(pid_t child); /* exit status, or 128 + the signal */
/* Both; fails the test where the stage does. */
void place_run(struct place *place, const struct call *call);

void place_assert_log(struct place *place, const char *text);
void place_assert_equal(struct place *place, const char *a, const char *b); /* two files */
json_t *place_read_json(struct place *place, const char *name);

/* A copy of parameters with one text replaced; free() it. */
char *params_changed(const char *params, const char *from, const char *to);

#endif
