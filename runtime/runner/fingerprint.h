/* What of the machine the bits of a stage's outs depend on: the answer of
 * `EXE --fingerprint DEVICE`, lines of `name value`. Asked of programs that
 * `cmd` names by their path; "" for others. Where the answer fails, is late or
 * is anything else, the key is not known, and that is an error.
 */
#ifndef RUNNER_FINGERPRINT_H
#define RUNNER_FINGERPRINT_H

#include "runner/invocation.h"

/* The lines, free() them. ERR_UNKNOWN where `depth` is STORE_BY_MEMO and the program would have
 * to be asked. */
int fingerprint_of(const struct project *project, const struct plan_stage *stage,
                   const struct invocation *invocation, enum store_depth depth, char **lines,
                   struct error *err);

#endif
