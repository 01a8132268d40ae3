/* What the campaigns share: the numbers of a campaign, its workers, and TAP.
 *
 *   campaign_begin ─► campaign_each (points, spread over workers) ─► campaign_check (one TAP line)
 * … ─► campaign_end
 *
 * Environment: BUILD or REPRISE (the program under test), FAULTS=long (all points; else a few
 * seconds' worth), SEED, POINTS (at most so many per campaign_each), JOBS. A point that goes wrong
 * calls wrong(); nothing else fails a campaign but a hang, a worker that dies, and points of which
 * none was injected. */
#ifndef TESTS_FAULTS_CAMPAIGN_H
#define TESTS_FAULTS_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct campaign {
    const char *name;
    bool longer;
    uint64_t seed;
    long points_most; /* 0: no limit */
    int jobs;
    char reprise[4096]; /* a copy: a build in the meantime changes nothing */
    char build[4096];
    char root[256]; /* a folder of this campaign, removed at its end */
};

/* A campaign's own folder is in memory where there is room; on_disk: where TMPDIR says. */
void campaign_begin(struct campaign *campaign, const char *name, bool on_disk);
/* Prints TAP that says that nothing was tried, and why, and ends the program. */
_Noreturn void campaign_skip(struct campaign *campaign, const char *promise, const char *reason);
/* point() is called for each index below count, in one of several processes; folder is that
 * process's own. */
typedef void campaign_point(struct campaign *campaign, const char *folder, long index,
                            void *context);
void campaign_each(struct campaign *campaign, long count, campaign_point *point, void *context);
/* How many of `all` points are tried, and which the index-th is: all, or as many evenly spread as
 * the short form affords. */
long campaign_count(const struct campaign *campaign, long all, long short_count);
long campaign_nth(long all, long count, long index);
/* One TAP line about the points since the last. It fails where one went wrong, or none was
 * injected. */
void campaign_check(struct campaign *campaign, const char *promise, long at_least);
int campaign_end(struct campaign *campaign);

/* A fault was injected (a trace or the shim says so); or the run ended before it came to that. */
void count_point(bool injected);
void count_run(int code);
/* kind: what is wrong, the same words each time; then the point at which, and details. */
void wrong(const char *kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The harness itself cannot go on. */
_Noreturn void bail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Random numbers of a point, the same whatever worker tries it. */
struct dice {
    uint64_t state;
};
struct dice dice_of(const struct campaign *campaign, uint64_t stream, long index);
uint64_t dice_roll(struct dice *dice, uint64_t sides);

#endif
