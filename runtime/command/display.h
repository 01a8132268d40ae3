/* What a run says on stderr. On a terminal: a line per running stage with its
 * bar, rate, time left and metrics, redrawn in place below the lines of what
 * is done. Elsewhere: plain lines, one as a stage starts, as the metrics of an
 * epoch have come, as it ends, and now and then in a long silence.
 */
#ifndef COMMAND_DISPLAY_H
#define COMMAND_DISPLAY_H

#include "command/options.h"
#include "runner/watcher.h"

struct display;

/* `width` pads stage names. NULL with ERR_MEMORY. */
struct display *display_new(const struct options *options, const struct jobs *jobs,
                            struct error *err);
void display_free(struct display *display);

/* Shows what the schedule does; good as long as the display. */
struct watcher display_watcher(struct display *display);

/* How a job ended, or that it would run. */
void display_ended(struct display *display, const struct job *job);

/* What is missing of the sandbox where it goes as far as the kernel does. */
void display_sandbox(struct display *display, const struct project *project);

/* One line, above the live ones. */
void display_say(struct display *display, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
