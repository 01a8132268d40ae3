/* Lines on a terminal that are drawn again and again in place, and how the progress of a stage
 * reads in one.
 */
#ifndef COMMAND_LIVE_H
#define COMMAND_LIVE_H

#include "base/text.h"
#include "runner/progress.h"

#include <stdbool.h>

enum { LIVE_LINES = 48 };

struct live {
    int fd;                /* of the terminal */
    int drawn[LIVE_LINES]; /* columns of each line that stands there */
    int count;
};

/* A terminal that can erase lines; and whether the person wants colours (NO_COLOR). */
bool live_is_possible(int fd);
bool live_has_colours(void);

/* Of the terminal; 80 by 24 where it doesn't say. */
struct live_size {
    int columns, rows;
};
struct live_size live_size(const struct live *live);

/* What takes the lines off the screen, whatever its width became. */
void live_erase(struct live *live, struct text *to);

/* A line, cut to the columns less one; `head`, padded to so many characters, in a colour where that
 * is not NULL. Both are clean (text_add_clean). More lines than the terminal has, or LIVE_LINES,
 * are not drawn. */
void live_add(struct live *live, struct text *to, const struct live_size *size, const char *colour,
              const char *head, int padded, const char *rest);

/* All of the text to the terminal. False, with errno, where nobody takes it; one that is only full
 * for now loses it. */
bool live_write(const struct live *live, const struct text *text);

/* "  [######......]  ETA 0:12  val_accuracy 0.71  epoch 3/20  120/250 step  41/s  loss 0.8": what a
 * narrow terminal cuts off stands last, and in less than `room` columns the bar is shorter before
 * what people look for is cut. Where nothing was told yet, for how long it runs. */
void live_add_state(struct text *text, const struct progress *progress, double running_seconds,
                    int room);

/* What live_add() has of the columns behind a head. */
int live_room(const struct live_size *size, const char *head, int padded);

#endif
