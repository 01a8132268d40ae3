/* The text for people is YAML: entries to paste below `deps`, and all else as comments. */
#include "command/suggest_deps.h"

#include "base/json.h"
#include "command/display.h"
#include "command/print.h"
#include "runner/launcher.h"
#include "runner/prepare.h"
#include "runner/rerun.h"
#include "runner/sandbox.h"
#include "runner/trespass.h"

#include <stdlib.h>
#include <string.h>

struct suggestion {
    const struct options *options;
    struct project *project;
    json_t *stages; /* as the document has them */
    size_t differing;
};

/* ---- one stage ---- */

static void add_entries(const json_t *undeclared, struct text *text)
{
    size_t index;
    json_t *entry, *value;
    const char *name;
    json_array_foreach ((json_t *)undeclared, index, entry)
        json_object_foreach (json_object_get(entry, "add"), name, value) {
            text_add(text, "      ");
            trespass_entry(name, json_string_value(value), text);
            text_add(text, "\n");
        }
}

static void add_remarks(const json_t *undeclared, struct text *text)
{
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)undeclared, index, entry)
        if (json_object_get(entry, "add") == NULL)
            text_addf(text, "# %s\n", json_text(entry, "help"));
}

static void add_unread(const struct plan_stage *stage, const json_t *unread, struct text *text)
{
    size_t index;
    json_t *name;
    if (json_array_size(unread) == 0)
        return;
    text_addf(text, "# %s: declared and not read: ", stage->name);
    json_array_foreach ((json_t *)unread, index, name)
        text_addf(text, "%s%s", index > 0 ? ", " : "", json_string_value(name));
    text_add(text, "\n");
}

static void describe(const struct suggestion *suggestion, const struct plan_stage *stage,
                     const json_t *trace, const char *failure, bool agrees, struct text *text)
{
    const json_t *undeclared = json_object_get(trace, "undeclared");
    struct text entries = {0};
    add_entries(undeclared, &entries);
    if (entries.size > 0)
        text_addf(text, "# %s (%s:%d:%d): add to its deps\n%s", stage->name,
                  suggestion->project->plan->file, stage->place.line, stage->place.column,
                  text_string(&entries));
    text_release(&entries);
    add_remarks(undeclared, text);
    if (failure == NULL)
        add_unread(stage, json_object_get(trace, "unread"), text);
    else
        text_addf(text, "# %s: it failed, so there may be more: %s\n", stage->name, failure);
    if (!json_is_true(json_object_get(trace, "whole")))
        text_addf(text, "# %s: it named more paths than are kept: add these and ask again\n",
                  stage->name);
    if (agrees && !suggestion->options->quiet)
        text_addf(text, "# %s: it reads what it declares, and nothing else\n", stage->name);
}

static int tell(struct suggestion *suggestion, const struct job *job, const char *failure,
                struct error *err)
{
    const struct plan_stage *stage = job->stage;
    const json_t *trace = job->trace;
    const bool agrees = failure == NULL && json_is_true(json_object_get(trace, "whole")) &&
                        json_array_size(json_object_get(trace, "undeclared")) == 0 &&
                        json_array_size(json_object_get(trace, "unread")) == 0;
    suggestion->differing += !agrees;
    json_t *json =
        json_pack("{s:s, s:i, s:i, s:b, s:O}", "name", stage->name, "line", stage->place.line,
                  "column", stage->place.column, "agrees", agrees, "trace", trace);
    if (failure != NULL)
        json = json_object_with(json, "failure", json_clean(failure));
    if ((suggestion->stages = json_list_with(suggestion->stages, json)) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for what stages read");
    if (suggestion->options->json)
        return 0;
    struct text text = {0};
    describe(suggestion, stage, trace, failure, agrees, &text);
    return print_text(&text, err);
}

/* What it builds on must have its result: this stores nothing. */
static int check_upstream(const struct jobs *jobs, const struct job *job, struct error *err)
{
    for (size_t i = 0; i < job->index; i++) {
        const struct job *upstream = &jobs->list[i];
        if (upstream->state != JOB_OUTSIDE && !job_is_done(upstream))
            return error_set(err, ERR_STAGE,
                             "stage '%s' needs the result of '%s', which is not there: reprise run "
                             "%s",
                             job->stage->name, upstream->stage->name, upstream->stage->name);
    }
    return job->stage->frozen ? error_set(err, ERR_STAGE,
                                          "stage '%s' is frozen: thaw it to see "
                                          "what it reads",
                                          job->stage->name)
                              : 0;
}

static int execute(struct suggestion *suggestion, struct jobs *jobs, struct job *job,
                   struct error *err)
{
    struct display *display = display_new(suggestion->options, jobs, err);
    if (display == NULL)
        return -1;
    const struct watcher watcher = display_watcher(display);
    struct rerun rerun;
    int result =
        rerun_execute(jobs, job->index, suggestion->project->settings.jobs, &watcher, &rerun, err);
    const char *failure = rerun.action != NULL ? NULL : text_string(&rerun.failure);
    display_free(display);
    if (result == 0 && job->trace == NULL)
        result = error_set(err, ERR_STAGE, "stage '%s': what it read cannot be told: %s",
                           job->stage->name, failure != NULL ? failure : "it was not watched");
    if (result == 0)
        result = tell(suggestion, job, failure, err);
    rerun_release(&rerun);
    return result;
}

static int suggest_one(struct suggestion *suggestion, const char *stage, struct error *err)
{
    struct jobs jobs = {0};
    size_t index, failures;
    if (plan_find(suggestion->project->plan, stage, &index, err) < 0 ||
        jobs_init(suggestion->project, &stage, 1, false, &jobs, err) < 0)
        return -1;
    struct job *job = &jobs.list[index];
    int result = prepare_all(&jobs, &failures, err);
    if (result == 0)
        result = failures > 0 ? -1 : check_upstream(&jobs, job, err);
    if (result == 0)
        result = execute(suggestion, &jobs, job, err);
    jobs_release(&jobs);
    return result;
}

/* ---- the command ---- */

static int suggest_word(struct suggestion *suggestion, const char *word, struct error *err)
{
    const struct plan *plan = suggestion->project->plan;
    size_t *chosen, count;
    if (plan_select(plan, word, &chosen, &count, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = suggest_one(suggestion, plan->stages[chosen[i]].name, err);
    free(chosen);
    return result;
}

static int answer(const struct suggestion *suggestion, struct error *err)
{
    const size_t count = suggestion->differing;
    json_t *json = !suggestion->options->json ? NULL
                                              : json_pack("{s:i, s:b, s:O}", "schema", 1, "agree",
                                                          count == 0, "stages", suggestion->stages);
    int result = suggestion->options->json ? print_json(json, err) : 0;
    json_decref(json);
    if (result == 0 && count > 0)
        result = error_set(err, ERR_STAGE, "the deps of %zu stage%s not what %s: see above", count,
                           count == 1 ? " are" : "s are", count == 1 ? "it reads" : "they read");
    return result;
}

static int check_options(const struct options *options, struct error *err)
{
    if (options->word_count == 0)
        return error_set(err, ERR_USAGE,
                         "--suggest-deps needs a stage: reprise run --suggest-deps "
                         "STAGE");
    if (options->dry_run || options->force || options->project.locked || options->project.keep_work)
        return error_set(err, ERR_USAGE,
                         "--suggest-deps executes the stages and stores nothing: without "
                         "--dry-run, --force, --locked and --keep-work");
    if (options->project.sandbox != NULL && strcmp(options->project.sandbox, "trace") != 0)
        return error_set(err, ERR_USAGE, "--suggest-deps refuses nothing: without --sandbox=%s",
                         options->project.sandbox);
    return 0;
}

static int suggest(struct suggestion *suggestion, struct launcher *launcher, struct error *err)
{
    const struct options *options = suggestion->options;
    struct project_settings settings = options->project;
    struct project project;
    settings.sandbox = "trace";
    if (project_open(&settings, PROJECT_AS_ASKED, &project, err) < 0)
        return -1;
    project_use_launcher(&project, launcher);
    suggestion->project = &project;
    int result = sandbox_check(&project, err);
    for (size_t i = 0; i < options->word_count && result == 0; i++)
        result = suggest_word(suggestion, options->words[i], err);
    if (result == 0)
        result = answer(suggestion, err);
    project_close(&project);
    return result;
}

int suggest_deps(const struct options *options, struct error *err)
{
    struct suggestion suggestion = {.options = options};
    struct launcher *launcher;
    if (check_options(options, err) < 0 || launcher_start(&launcher, err) < 0)
        return -1;
    if ((suggestion.stages = json_array()) == NULL)
        error_set(err, ERR_MEMORY, "out of memory for what stages read");
    int result = suggestion.stages == NULL ? -1 : suggest(&suggestion, launcher, err);
    json_decref(suggestion.stages);
    launcher_stop(launcher);
    return result;
}
