/* What a running stage said on its progress descriptor, kept in work/<key>/told for other processes
 * to follow (`reprise watch`) until the attempt ends. A line is "SECONDS JSON": when it came, of
 * the monotonic clock, and what the stage wrote, the values of its secrets masked.
 *
 * A run never fails by it: what cannot be written is not there to be followed.
 */
#ifndef RUNNER_TOLD_H
#define RUNNER_TOLD_H

#include "base/text.h"
#include "plan/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct told {
    int fd; /* -1 where it is not kept */
    size_t written;
    struct text partial; /* an unfinished line */
};

/* A new file at `path`. */
void told_open(struct told *told, const char *path);
void told_add(struct told *told, const struct plan_stage *stage, const char *bytes, size_t size,
              double now);
void told_close(struct told *told);

/* Reading, as the file grows. A zeroed one is at the beginning. */
struct told_reader {
    size_t at;
};

typedef void told_line_fn(void *self, double when, const char *line);

/* Calls `visit` for each whole line since the last call; `line` ends with a line feed. */
void told_read(struct told_reader *reader, int fd, told_line_fn *visit, void *self);

#endif
