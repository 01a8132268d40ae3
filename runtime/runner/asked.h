/* A question to a program, answered from memory where that holds. */
#ifndef RUNNER_ASKED_H
#define RUNNER_ASKED_H

#include "runner/question.h"

/* The answer to `option` and `argument`, or "" where the program does not know the option; free()
 * it. What goes into the question beside them: the bytes of the program and its interpreters, the
 * device, the stage's declared environment, and `document`. ERR_UNKNOWN where `depth` is
 * STORE_BY_MEMO and nothing is remembered. `is_valid` judges a fresh answer, its "uses" lines
 * included. */
int asked(const struct question *question, const struct invocation *invocation,
          enum store_depth depth,
          int (*is_valid)(const struct question *question, const char *answer, struct error *err),
          char **answer, struct error *err);

#endif
