/* reprise run: see schedule.h for what executes, lock_update.h and record.h
 * for what is written afterwards. */
#include "base/json.h"
#include "command/commands.h"
#include "command/display.h"
#include "command/print.h"
#include "runner/claims.h"
#include "runner/deliver.h"
#include "runner/hold.h"
#include "runner/launcher.h"
#include "runner/lock_update.h"
#include "runner/ours.h"
#include "runner/prepare.h"
#include "runner/record.h"
#include "runner/requirement.h"
#include "runner/schedule.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t count_state(const struct jobs *jobs, enum job_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        count += jobs->list[i].state == state;
    return count;
}

static void summarise(const struct jobs *jobs, struct display *display, double seconds)
{
    struct text line = {0};
    text_addf(&line, "%zu executed, %zu cached", count_state(jobs, JOB_EXECUTED),
              count_state(jobs, JOB_CACHED));
    if (count_state(jobs, JOB_FAILED) > 0)
        text_addf(&line, ", %zu failed", count_state(jobs, JOB_FAILED));
    if (count_state(jobs, JOB_SKIPPED) > 0)
        text_addf(&line, ", %zu skipped", count_state(jobs, JOB_SKIPPED));
    text_addf(&line, seconds < 0.1 ? " in %.3f s" : " in %.1f s", seconds);
    display_say(display, "%s", text_string(&line));
    text_release(&line);
}

/* The results stay to be looked at; a bound that is missed fails the run in the end. */
static int tell_requirements(const struct jobs *jobs, struct display *display, bool quiet,
                             struct error *err)
{
    size_t missed = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        for (size_t r = 0; r < job->stage->requirement_count && job_is_done(job); r++) {
            struct requirement_result result;
            struct text line = {0};
            if (requirement_check(jobs->project->store, job->stage, r, job->action, &result, err) <
                0)
                return -1;
            requirement_describe(job->stage, &result, &line);
            missed += !result.met;
            if (!result.met)
                display_say(display, "WARNING: missed: %s: %s", job->stage->name,
                            text_string(&line));
            else if (!quiet)
                display_say(display, "met: %s: %s", job->stage->name, text_string(&line));
            text_release(&line);
        }
    }
    return missed == 0 ? 0
                       : error_set(err, ERR_STAGE, "%zu requirement%s missed: see above", missed,
                                   missed == 1 ? " is" : "s are");
}

static void say_lines(struct display *display, const struct text *lines)
{
    for (const char *line = text_string(lines); *line != '\0';) {
        size_t length = strcspn(line, "\n");
        struct text clean = {0};
        text_add_clean(&clean, line, length);
        display_say(display, "%s", text_string(&clean));
        text_release(&clean);
        line += length + (line[length] == '\n');
    }
}

/* What the schedule cannot tell: nothing runs where it would not end well. */
static int check_before(const struct options *options, struct jobs *jobs, struct error *err)
{
    if (lock_check_readable(jobs->project, err) < 0 ||
        (options->project.locked && claims_check_before(jobs, err) < 0))
        return -1;
    return project_check_places(jobs->project, err) < 0 ? -1 : deliver_check(jobs, err);
}

/* The lock is written, or, with --locked, held against what was found. */
static int end_lock(const struct options *options, struct jobs *jobs, struct display *display,
                    struct error *err)
{
    struct text lines = {0};
    int result =
        options->project.locked ? claims_check(jobs, &lines, err) : lock_update(jobs, &lines, err);
    for (size_t i = 0; i < jobs->count; i++)
        say_lines(display, &jobs->list[i].notes);
    say_lines(display, &lines);
    text_release(&lines);
    return result;
}

static int write_record(const struct jobs *jobs, const struct record_run *run, bool print,
                        struct error *err)
{
    const struct project *project = jobs->project;
    if (!record_is_worth(jobs) && !print)
        return 0;
    json_t *record = record_make(jobs, run, err);
    if (record == NULL)
        return -1;
    int result = record_is_worth(jobs) ? record_write(project, record, err) : 0;
    if (result == 0 && print)
        result = print_json(record, err);
    json_decref(record);
    return result;
}

/* All that can be told before the first stage runs. */
static int check_all(struct jobs *jobs, struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state != JOB_OUTSIDE && prepare_check(jobs, i, STORE_BY_STAT, err) < 0)
            return -1;
    return 0;
}

/* `hold` is taken, and given back when all is closed. */
static int execute(const struct options *options, struct jobs *jobs, struct display *display,
                   double start, struct hold *hold, struct error *err)
{
    struct record_run run = {.started = time(NULL)};
    struct error outcome = {0}, later = {0}, missed = {0};
    const struct watcher watcher = display_watcher(display);
    if (check_all(jobs, err) < 0 || hold_take(jobs->project, &watcher, hold, err) < 0)
        return -1;
    if (check_before(options, jobs, err) < 0 ||
        ours_write_delivered(jobs->project->plan, jobs->project->store, err) < 0)
        return -1;
    schedule_run(jobs, &watcher, &outcome);
    run.seconds = attempt_now() - start;
    run.outcome = &outcome;
    int result = end_lock(options, jobs, display, &later);
    struct error *first = result < 0 ? &missed : &later;
    if (write_record(jobs, &run, options->json, first) < 0)
        result = -1;
    if (!options->quiet)
        summarise(jobs, display, run.seconds);
    if (tell_requirements(jobs, display, options->quiet, result < 0 ? &missed : &later) < 0)
        result = -1;
    /* What went wrong first is the answer; but a digest that the lock denies outweighs it. */
    if (outcome.kind != ERR_NONE &&
        (later.kind != ERR_MISMATCH || outcome.kind == ERR_INTERRUPTED)) {
        *err = outcome;
        return -1;
    }
    *err = later;
    return result;
}

static json_t *job_json(const struct job *job)
{
    struct text clean = {0};
    text_add_clean(&clean, text_string(&job->reason), job->reason.size);
    json_t *json = clean.failed
                       ? NULL
                       : json_pack("{s:s, s:s, s:s}", "name", job->stage->name, "state",
                                   job_state_name(job->state), "reason", text_string(&clean));
    text_release(&clean);
    return json;
}

static int dry_run(const struct options *options, struct jobs *jobs, struct display *display,
                   struct error *err)
{
    json_t *list = json_array();
    size_t failures;
    int result = prepare_all(jobs, &failures, err);
    if (failures > 0)
        result = -1;
    if (result == 0)
        result = check_before(options, jobs, err);
    for (size_t i = 0; i < jobs->count && result == 0; i++) {
        const struct job *job = &jobs->list[i];
        if (job->state != JOB_STALE && job->state != JOB_UNKNOWN)
            continue;
        if (!options->json) {
            print_clean(stdout, job->stage->name);
            putchar('\n');
        }
        if (!options->quiet)
            display_ended(display, job);
        list = json_list_with(list, job_json(job));
    }
    if (result == 0 && list == NULL)
        result = error_set(err, ERR_MEMORY, "out of memory for what would run");
    if (result == 0 && options->json) {
        json_t *object = json_pack("{s:O}", "stages", list);
        result = print_json(object, err);
        json_decref(object);
    }
    json_decref(list);
    return result;
}

int command_run(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    struct display *display = NULL;
    struct hold hold = {.fd = -1};
    struct launcher *launcher = NULL;
    double start = attempt_now();
    if (!options->dry_run && launcher_start(&launcher, err) < 0)
        return -1;
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0) {
        launcher_stop(launcher);
        return -1;
    }
    project.launcher = launcher;
    int result =
        jobs_init(&project, options->words, options->word_count, options->force, &jobs, err);
    if (result == 0 && (display = display_new(options, &jobs, err)) == NULL)
        result = -1;
    if (result == 0)
        result = options->dry_run ? dry_run(options, &jobs, display, err)
                                  : execute(options, &jobs, display, start, &hold, err);
    display_free(display);
    jobs_release(&jobs);
    bool tidy = atomic_load(&project.untidy) == 0;
    project_close(&project);
    hold_release(&hold, tidy);
    launcher_stop(launcher);
    return result;
}
