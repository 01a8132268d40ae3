/* The record of a run: what differs from run to run and so is no artifact.
 * reports/runs/<UTC time>-<short id>.json:
 *
 *   {"schema", "id", "started", "seconds", "outcome": "done"|"failed"|"interrupted",
 *    "profile", "sets", "host", "device", "jobs",
 *    "sandbox": what confined the stages, "off" where nothing did,
 *    "machine": {"processor", "processors", "memory", "system"},
 *    "stages": [{"name", "state", "key", "seconds", "began", "started", "host",
 *                "device", "threads", "reason", "failure", "log", "metrics"}],
 *    "requirements": [{"stage", "metric", "relation", "bound", "value", "met"}]}
 *
 * A cached stage's seconds, host and threads are those of its execution. "began" is in seconds from
 * the beginning of the run, of a stage that was executed in it. reports/runs/<the same>.html is a
 * page of it for people.
 */
#ifndef RUNNER_RECORD_H
#define RUNNER_RECORD_H

#include "runner/job.h"

#include <time.h>

struct record_run {
    time_t started;
    double start; /* of attempt_now's clock */
    double seconds;
    const struct error *outcome; /* ERR_NONE: done */
};

/* The record of the jobs, or NULL. json_decref() it. */
json_t *record_make(const struct jobs *jobs, const struct record_run *run, struct error *err);

/* True where the run did something worth a file. */
bool record_is_worth(const struct jobs *jobs);

/* All records of the project as an array, the oldest first, or NULL; what is no record is left out.
 * json_decref() it. */
json_t *record_read_all(const struct project *project, struct error *err);
/* The same of the latest `most`, by the names of their files. */
json_t *record_read_latest(const struct project *project, size_t most, struct error *err);
/* The last of them that came to its end under a profile, but for the one of this id (NULL: none),
 * or NULL. Borrowed. */
const json_t *record_find_done(const json_t *records, const char *profile, const char *but);
/* The record that `word` means: "last", "last~N", the N-th before it, or the beginning of an id, of
 * at least 4 characters. *record is borrowed, and NULL where the word is none of these; ERR_USAGE
 * where there are not so many runs, or several ids begin so. */
int record_find(const json_t *records, const char *word, const json_t **record, struct error *err);

int record_write(const struct project *project, const json_t *record, struct error *err);
/* Where its file is, with this in place of ".json". */
void record_path(const struct project *project, const json_t *record, const char *ending,
                 struct text *path);

#endif
