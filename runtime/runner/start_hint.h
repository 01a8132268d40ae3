/* Why a command cannot be started, and what to do about it. */
#ifndef RUNNER_START_HINT_H
#define RUNNER_START_HINT_H

#include "runner/executables.h"
#include "runner/project.h"

/* There is no executable file under the first word. */
int start_hint_missing(const struct project *project, const struct plan_stage *stage,
                       const char *word, struct error *err);

/* The first word is a file that may not be executed. */
int start_hint_mode(const struct project *project, const struct plan_stage *stage, const char *word,
                    struct error *err);

/* The kernel would not take the file: no "#!" line, or one that ends with a
 * carriage return. 0 where it would. */
int start_hint_check_head(const struct project *project, const struct plan_stage *stage,
                          const char *word, const struct executable *program, struct error *err);

/* The interpreter that a first line names is missing or cannot be executed. */
int start_hint_interpreter(const struct project *project, const struct plan_stage *stage,
                           const char *word, const char *interpreter, struct error *err);

/* True where no file at this place can be executed, whatever its mode. */
bool start_hint_is_noexec(const char *path);

#endif
