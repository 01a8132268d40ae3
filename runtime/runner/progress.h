/* What a running stage says on its progress descriptor: JSON lines, see
 * base/stage.h. Lines that are no such JSON are ignored, so a stage can never
 * fail by its progress.
 */
#ifndef RUNNER_PROGRESS_H
#define RUNNER_PROGRESS_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROGRESS_METRICS = 8, PROGRESS_NAME = 48, PROGRESS_RESULT = '\t' };

struct progress_metric {
    char name[PROGRESS_NAME];
    double value; /* NAN where the stage's number was not finite */
    bool told;    /* in a line of `lines` */
};

struct progress {
    char what[2 * PROGRESS_NAME]; /* "epoch 3/20" */
    char unit[PROGRESS_NAME];
    int64_t done, total; /* total 0: unknown */
    double rate;         /* units a second, 0: unknown */
    double fraction;     /* of the whole, "epoch 3/20" counted in; below 0: unknown */
    double eta_seconds;  /* below 0: unknown */
    struct progress_metric metrics[PROGRESS_METRICS];
    int metric_count;
    char metric_what[2 * PROGRESS_NAME]; /* what they belong to: `what` as the latest came */
    unsigned turns;                      /* how often `what` changed */

    /* What stays on the screen, in the order in which it came: notes, and a line for the metrics of
     * each part ("epoch 3/20  loss 0.5"), which begins with PROGRESS_RESULT; progress_next() walks
     * them. */
    struct text lines;

    /* For the rates: when `what` began, and when the stage did. */
    double what_start, whole_start, whole_first;
    int64_t first_done;
    struct text partial; /* an unfinished line */
};

/* Feeds bytes from the descriptor, at a time in seconds of any fixed clock. */
void progress_feed(struct progress *progress, const char *bytes, size_t size, double now);

/* "epoch 3/20", and "epoch 3/20, validation", which follows it: the third of twenty parts. */
bool progress_part(const char *what, int *part, int *parts);

/* The line of `lines` that begins at byte *at, of *length bytes, which then is the next's; NULL at
 * the end. *result: the metrics of a part, not a note. */
const char *progress_next(const struct progress *progress, size_t *at, size_t *length,
                          bool *result);

/* The stage has ended: the metrics that came last get their line. */
void progress_end(struct progress *progress);
void progress_release(struct progress *progress);

#endif
