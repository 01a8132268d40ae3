/* What a run says on stderr. On a terminal: a line per running stage with its
 * bar, rate, time left and metrics, redrawn in place below the lines of what
 * is done. Elsewhere: plain lines, one as a stage starts, as the metrics of an
 * epoch have come, as it ends, and now and then in a long silence.
 */
#ifndef RUNNER_DISPLAY_H
#define RUNNER_DISPLAY_H

#include "runner/attempt.h"

struct display;

/* `width` pads stage names. NULL with ERR_MEMORY. */
struct display *display_new(const struct options *options, const struct jobs *jobs,
                            struct error *err);
void display_free(struct display *display);

/* A stage came to its end: cached, executed, failed, skipped. */
void display_ended(struct display *display, const struct job *job);
/* Its process has ended: what it said last. */
void display_finished(struct display *display, struct attempt *attempt);
void display_started(struct display *display, const struct attempt *attempt);

/* One line, above the live ones; display_of begins it with a stage's name. */
void display_say(struct display *display, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void display_of(struct display *display, const struct job *job, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Shows what changed; to be called when something did and at times. */
void display_update(struct display *display, struct attempt *const *attempts, size_t count);

/* What a stage printed since the last call (verbose), or the end of it (on failure). */
void display_log(struct display *display, const struct attempt *attempt, bool only_end);

#endif
