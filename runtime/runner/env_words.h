/* What env(1) of GNU coreutils makes of the words behind its name: its options, variables that it
 * sets, and the program that it starts with the words for that. -S splits one word into many. */
#ifndef RUNNER_ENV_WORDS_H
#define RUNNER_ENV_WORDS_H

#include "plan/plan.h"

struct env_words {
    char **list; /* from the program on; each in memory of its own */
    size_t count, capacity;
};

/* No words where env starts no program, or where they are none of env's. `stage` has the variables
 * that -S puts in for ${NAME}. */
int env_words_make(const struct plan_stage *stage, const char *const *words, size_t count,
                   struct env_words *made, struct error *err);
void env_words_release(struct env_words *words);

#endif
