/* Replays a fuzz target over its corpus, the folder corpus/<format>:
 *
 *   canonical/  files that are accepted and keep their bytes when written again
 *   accepted/   other files that are accepted
 *   refused/    files that are not
 *
 * Each file runs whole and its verdict must be its folder's; then cut short and
 * with bytes changed, the same way on every run.
 */
#ifndef TESTS_REPLAY_H
#define TESTS_REPLAY_H

#include "fuzz/fuzz.h"

struct replay {
    const char *format;
    fuzz_target *target;
    int cuts, changes; /* runs of each file */
};

/* A cmocka test whose initial state is a struct replay. */
void replay_corpus(void **state);

#endif
