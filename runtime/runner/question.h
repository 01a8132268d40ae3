/* What a program of the pipeline answers to `EXE --fingerprint DEVICE` and
 * `EXE --check stage.json`: asked in the stage's own environment, in an empty
 * folder, under a time limit, with nothing of it left afterwards; confined as the stage is
 * (sandbox.h), and without network.
 *
 * Only a program whose bytes contain both the option and "REPRISE_STAGE" is
 * asked: another would take the words for work.
 */
#ifndef RUNNER_QUESTION_H
#define RUNNER_QUESTION_H

#include "runner/invocation.h"

enum { QUESTION_LIMIT = 64 << 10 }; /* bytes of an answer */

struct question {
    const struct project *project;
    const struct plan_stage *stage;
    const struct invocation *invocation;
    const struct executable *program;
    const char *option;     /* --fingerprint */
    const char *argument;   /* the word behind it */
    const json_t *document; /* written to `argument` in the folder first, or NULL */
};

/* True where the program's bytes name the option. */
bool question_is_understood(const struct executable *program, const char *option);

/* The answer is text with a NUL at the end, free() it. ERR_USAGE where the program exits with 2,
 * with what it wrote to stderr as the message; ERR_STAGE where it fails otherwise, is late, or
 * writes too much; ERR_INTERRUPTED. */
int question_ask(const struct question *question, char **answer, struct error *err);

#endif
