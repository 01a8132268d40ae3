/* Curves that grow: what a stage's metrics were in each part of its work ("epoch 3/20"), and how
 * they look in lines of text.
 */
#ifndef COMMAND_GROWTH_H
#define COMMAND_GROWTH_H

#include "base/text.h"
#include "runner/progress.h"

struct growth_curve {
    char name[PROGRESS_NAME];
    double *values; /* of the first part to the last; NAN where there is none */
};

struct growth {
    int parts; /* 0 where none was told */
    struct growth_curve curves[PROGRESS_METRICS];
    int count;
};

/* What came last, where it is a metric of a part. Of one that comes again the last stays. */
void growth_take(struct growth *growth, const struct progress *progress);
void growth_release(struct growth *growth);

/* Plots of accuracy and loss, or of the first two metrics where they are called otherwise, each
 * with what is called val_ like it, side by side in so many columns: lines that end with a line
 * feed. None before the second part. */
void growth_draw(const struct growth *growth, int columns, struct text *to);

#endif
