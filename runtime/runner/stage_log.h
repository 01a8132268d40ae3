/* What a stage prints, from the descriptor that it was given: never by name,
 * which the stage could make lead elsewhere. Bounded: of a flood the beginning
 * and the end stay, and a line says what is left out.
 */
#ifndef RUNNER_STAGE_LOG_H
#define RUNNER_STAGE_LOG_H

#include "base/text.h"
#include "plan/plan.h"
#include "runner/progress.h"

/* A new file at `path`, open for writing at its end and for reading, or -1. */
int stage_log_open(const char *path, struct error *err);

/* Gives back the room of what would be left out. */
void stage_log_trim(int fd);

/* Stars in place of the values of the stage's secrets, and of those in URLs. A NUL is behind the
 * bytes. */
void stage_log_mask(const struct plan_stage *stage, char *bytes, size_t size);

/* Appends the log to `text`, with what the stage said on its progress descriptor below it, and the
 * values of its secrets masked. */
int stage_log_read(int fd, const struct progress *progress, const struct plan_stage *stage,
                   struct text *text, struct error *err);

#endif
