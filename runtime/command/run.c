/* reprise run: see schedule.h for what executes, lock_update.h and record.h
 * for what is written afterwards. */
#include "base/json.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/display.h"
#include "command/print.h"
#include "command/run_page.h"
#include "command/suggest_deps.h"
#include "runner/claims.h"
#include "runner/deliver.h"
#include "runner/hold.h"
#include "runner/launcher.h"
#include "runner/lock_update.h"
#include "runner/ours.h"
#include "runner/prepare.h"
#include "runner/record.h"
#include "runner/requirement.h"
#include "runner/sandbox.h"
#include "runner/schedule.h"
#include "runner/unchanged.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* When a run began, by the clock that measures and by that of files. */
struct begun {
    double start;
    struct timespec since;
};

/* What a run says, so that one that finds nothing to do can say it again. */
struct telling {
    struct display *display;
    struct watcher watcher; /* the display's */
    struct unchanged_said said;
    bool more; /* something was said that is not in `said` */
};

static void heard_ended(void *self, const struct job *job)
{
    struct telling *telling = self;
    text_append(&telling->said.stages, job->stage->name, strlen(job->stage->name) + 1);
    telling->said.stage_count++;
    telling->watcher.ended(telling->watcher.self, job);
}

static void heard_noted(void *self, const struct job *job, const char *line)
{
    struct telling *telling = self;
    telling->more = true;
    telling->watcher.noted(telling->watcher.self, job, line);
}

static void heard_started(void *self, const struct attempt *attempt)
{
    struct telling *telling = self;
    telling->more = true;
    telling->watcher.started(telling->watcher.self, attempt);
}

static void heard_updated(void *self, struct attempt *const *attempts, size_t count)
{
    struct telling *telling = self;
    telling->watcher.updated(telling->watcher.self, attempts, count);
}

static void heard_finished(void *self, struct attempt *attempt)
{
    struct telling *telling = self;
    telling->watcher.finished(telling->watcher.self, attempt);
}

static void heard_failed(void *self, const struct attempt *attempt)
{
    struct telling *telling = self;
    telling->watcher.failed(telling->watcher.self, attempt);
}

static struct watcher hear(struct telling *telling)
{
    return (struct watcher){.self = telling,
                            .started = heard_started,
                            .updated = heard_updated,
                            .finished = heard_finished,
                            .failed = heard_failed,
                            .ended = heard_ended,
                            .noted = heard_noted};
}

static int hear_requirements(const struct jobs *jobs, struct unchanged_said *said,
                             struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        for (size_t r = 0; r < job->stage->requirement_count && job_is_done(job); r++) {
            struct requirement_result result;
            struct text line = {0};
            if (requirement_check(jobs->project->store, job->stage, r, job->action, &result, err) <
                0)
                return -1;
            requirement_describe(job->stage, &result, &line);
            text_addf(&said->lines, "%c%s%s: %s", result.met ? UNCHANGED_MET : UNCHANGED_MISSED,
                      result.met ? "met: " : "WARNING: missed: ", job->stage->name,
                      text_string(&line));
            text_append(&said->lines, "", 1);
            text_release(&line);
            said->missed += !result.met;
            said->line_count++;
        }
    }
    return text_check(&said->lines, err);
}

/* The results stay to be looked at; a bound that is missed fails the run in the end. */
static int tell_requirements(const struct unchanged_said *said, struct display *display, bool quiet,
                             struct error *err)
{
    const char *line = text_string(&said->lines);
    for (size_t i = 0; i < said->line_count; i++, line += strlen(line) + 1)
        if (*line == UNCHANGED_MISSED || !quiet)
            display_say(display, "%s", line + 1);
    return said->missed == 0 ? 0
                             : error_set(err, ERR_STAGE, "%zu requirement%s missed: see above",
                                         said->missed, said->missed == 1 ? " is" : "s are");
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
    if (sandbox_check(jobs->project, err) < 0 || project_check_places(jobs->project, err) < 0)
        return -1;
    return deliver_check(jobs, err);
}

/* The lock is written, or, with --locked, held against what was found. */
static int end_lock(const struct options *options, struct jobs *jobs, struct telling *telling,
                    struct error *err)
{
    struct text lines = {0};
    int result =
        options->project.locked ? claims_check(jobs, &lines, err) : lock_update(jobs, &lines, err);
    telling->more |= lines.size > 0;
    for (size_t i = 0; i < jobs->count; i++) {
        telling->more |= jobs->list[i].notes.size > 0;
        say_lines(telling->display, &jobs->list[i].notes);
    }
    say_lines(telling->display, &lines);
    text_release(&lines);
    return result;
}

/* A page that can't be written is no failure of the run. */
static void write_page(const struct jobs *jobs, const json_t *record, struct display *display)
{
    struct error lost;
    if (run_page_write(jobs, record, &lost) < 0)
        display_say(display, "note: the run has no page: %s", lost.message);
}

static int write_record(const struct jobs *jobs, const struct record_run *run, bool print,
                        struct display *display, struct error *err)
{
    const struct project *project = jobs->project;
    if (!record_is_worth(jobs) && !print)
        return 0;
    json_t *record = record_make(jobs, run, err);
    if (record == NULL)
        return -1;
    int result = record_is_worth(jobs) ? record_write(project, record, err) : 0;
    if (result == 0 && record_is_worth(jobs))
        write_page(jobs, record, display);
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

/* True where all was as it should be already: the same run would find so again. */
static bool found_nothing_to_do(const struct options *options, const struct jobs *jobs,
                                const struct telling *telling)
{
    bool nothing = options->word_count == 0 && !options->force && !options->project.locked &&
                   !telling->more && !telling->said.stages.failed;
    for (size_t i = 0; i < jobs->count && nothing; i++)
        nothing = jobs->list[i].state == JOB_CACHED && !jobs->list[i].repaired;
    return nothing;
}

/* How a run ended. */
struct ending {
    double seconds;
    struct error outcome;       /* of the schedule */
    struct error later, missed; /* of what followed: the first error, and a second */
    int result;
};

static struct error *next_error(struct ending *ending)
{
    return ending->result < 0 ? &ending->missed : &ending->later;
}

/* The schedule, and what follows it while the project is held. */
static void execute_held(const struct options *options, struct jobs *jobs, struct telling *telling,
                         const struct begun *begun, struct ending *ending)
{
    struct record_run run = {
        .started = time(NULL), .start = begun->start, .outcome = &ending->outcome};
    const struct watcher watcher = hear(telling);
    schedule_run(jobs, &watcher, &ending->outcome);
    run.seconds = ending->seconds = attempt_now() - begun->start;
    ending->result = end_lock(options, jobs, telling, &ending->later);
    if (write_record(jobs, &run, options->json, telling->display, next_error(ending)) < 0)
        ending->result = -1;
    if (hear_requirements(jobs, &telling->said, next_error(ending)) < 0)
        ending->result = -1;
    if (ending->result == 0 && ending->outcome.kind == ERR_NONE &&
        found_nothing_to_do(options, jobs, telling))
        unchanged_write(jobs, &telling->said, &begun->since);
}

/* `hold` is taken, and given back when all is closed. */
static int execute(const struct options *options, struct jobs *jobs, struct display *display,
                   const struct begun *begun, struct hold *hold, struct error *err)
{
    struct telling telling = {.display = display, .watcher = display_watcher(display)};
    struct ending ending = {.result = -1};
    if (check_all(jobs, err) < 0 || hold_take(jobs->project, &telling.watcher, hold, err) < 0)
        return -1;
    if (check_before(options, jobs, err) < 0 ||
        ours_write_delivered(jobs->project->plan, jobs->project->store, err) < 0)
        return -1;
    display_sandbox(display, jobs->project);
    execute_held(options, jobs, &telling, begun, &ending);
    if (!options->quiet)
        summarise(jobs, display, ending.seconds);
    if (tell_requirements(&telling.said, display, options->quiet, next_error(&ending)) < 0)
        ending.result = -1;
    unchanged_said_release(&telling.said);
    /* What went wrong first is the answer; but a digest that the lock denies outweighs it. */
    if (ending.outcome.kind != ERR_NONE &&
        (ending.later.kind != ERR_MISMATCH || ending.outcome.kind == ERR_INTERRUPTED)) {
        *err = ending.outcome;
        return -1;
    }
    *err = ending.later;
    return ending.result;
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
        json_t *object = json_pack("{s:i, s:O}", "schema", 1, "stages", list);
        result = print_json(object, err);
        json_decref(object);
    }
    json_decref(list);
    return result;
}

/* ---- nothing to do ---- */

/* Says what the run said that found it so. */
static int say_again(const struct options *options, const struct unchanged_said *said, double start,
                     struct error *err)
{
    struct plan_stage *stages = memory_new(said->stage_count, sizeof(*stages), err);
    struct jobs jobs = {.list = memory_new(said->stage_count, sizeof(*jobs.list), err),
                        .count = said->stage_count};
    struct display *display = NULL;
    int result = -1;
    if (stages == NULL || jobs.list == NULL)
        goto done;
    const char *name = text_string(&said->stages);
    for (size_t i = 0; i < jobs.count; i++, name += strlen(name) + 1) {
        stages[i].name = (char *)name;
        jobs.list[i] = (struct job){.stage = &stages[i], .index = i, .state = JOB_CACHED};
    }
    if ((display = display_new(options, &jobs, err)) == NULL)
        goto done;
    for (size_t i = 0; i < jobs.count && !options->quiet; i++)
        display_ended(display, &jobs.list[i]);
    if (!options->quiet)
        summarise(&jobs, display, attempt_now() - start);
    result = tell_requirements(said, display, options->quiet, err);
done:
    display_free(display);
    free(jobs.list);
    free(stages);
    return result;
}

/* True where the run is over: *result is how it ended. */
static bool is_unchanged(const struct options *options, double start, int *result,
                         struct error *err)
{
    struct unchanged_said said = {0};
    struct hold hold;
    if (options->word_count > 0 || options->force || options->json || options->dry_run ||
        options->project.locked || !unchanged_find(&options->project, &hold, &said))
        return false;
    hold_release(&hold, true);
    *result = say_again(options, &said, start, err);
    unchanged_said_release(&said);
    return true;
}

static int run_project(const struct options *options, const struct begun *begun, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    struct display *display = NULL;
    struct hold hold = {.fd = -1};
    struct launcher *launcher = NULL;
    if (!options->dry_run && launcher_start(&launcher, err) < 0)
        return -1;
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0) {
        launcher_stop(launcher);
        return -1;
    }
    project_use_launcher(&project, launcher);
    int result =
        jobs_init(&project, options->words, options->word_count, options->force, &jobs, err);
    if (result == 0 && (display = display_new(options, &jobs, err)) == NULL)
        result = -1;
    if (result == 0)
        result = options->dry_run ? dry_run(options, &jobs, display, err)
                                  : execute(options, &jobs, display, begun, &hold, err);
    display_free(display);
    jobs_release(&jobs);
    bool tidy = atomic_load(&project.untidy) == 0;
    project_close(&project);
    hold_release(&hold, tidy);
    launcher_stop(launcher);
    return result;
}

int command_run(const struct options *options, struct error *err)
{
    struct options here = *options;
    char *found_file;
    int result;
    struct begun begun = {.start = attempt_now()};
    clock_gettime(CLOCK_REALTIME, &begun.since);
    if (options->suggest_deps)
        return suggest_deps(options, err);
    if (project_enter(&here.project, &found_file, err) < 0)
        return -1;
    if (!is_unchanged(&here, begun.start, &result, err))
        result = run_project(&here, &begun, err);
    free(found_file);
    return result;
}
