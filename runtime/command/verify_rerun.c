/* verify --rerun: executes stages again, each on its own, with what was recorded as its deps, and
 * holds every out against the recorded one (runner/rerun.h says what is different about it),
 * confined where --sandbox says so.
 *
 * Not executed: what is frozen, what uses the network, and what the lock has of another machine.
 * --sample N draws from the rest: the N stages for which SHA-256 of "<digest of the lock> <name>",
 * both as text, comes first.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "command/again_difference.h"
#include "command/display.h"
#include "command/print.h"
#include "command/verification.h"
#include "runner/lock_update.h"
#include "runner/rerun.h"
#include "runner/sandbox.h"
#include "runner/signals.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_LIMIT = 1 << 30 };

struct rerunning {
    struct verification *check;
    struct watcher watcher;
    struct signals signals;
    struct action **confirmed; /* by job: what an adopted one gave, with the same bits */
};

bool verify_rerun_asked(const struct options *options)
{
    return options->rerun || options->sample != NULL;
}

/* ---- which ---- */

static bool may_be_drawn(const struct plan_stage *stage)
{
    return !stage->frozen && !stage->network;
}

int verify_rerun_choose(struct verification *check, struct error *err)
{
    const struct options *options = check->options;
    const struct plan *plan = check->project->plan;
    long long sample = INT64_MAX;
    if (options->sample != NULL && (!text_to_int64(options->sample, &sample) || sample < 1))
        return error_set(err, ERR_USAGE, "--sample '%s': expected a number of stages, at least 1",
                         options->sample);
    check->drawn = (size_t)sample;
    if (!verify_rerun_asked(options) && options->project.sandbox != NULL)
        return error_set(err, ERR_USAGE,
                         "--sandbox confines what --rerun executes: name that, too");
    if (sandbox_check(check->project, err) < 0)
        return -1;
    if ((check->chosen = memory_new(plan->count, sizeof(*check->chosen), err)) == NULL)
        return -1;
    for (size_t i = 0; i < plan->count; i++)
        check->chosen[i] = verify_rerun_asked(options) && options->word_count == 0;
    for (size_t i = 0; i < options->word_count; i++) {
        size_t *indices, count;
        if (plan_select(plan, options->words[i], &indices, &count, err) < 0)
            return -1;
        for (size_t c = 0; c < count; c++)
            check->chosen[indices[c]] = true;
        free(indices);
    }
    return 0;
}

struct lot {
    size_t index;
    struct digest digest;
};

static int compare_lots(const void *a, const void *b)
{
    const struct lot *first = a, *second = b;
    return memcmp(first->digest.bytes, second->digest.bytes, DIGEST_SIZE);
}

static int make_lot(const struct plan *plan, const char *lock, size_t index, struct lot *lot,
                    struct error *err)
{
    struct text text = {0};
    text_addf(&text, "%s %s", lock, plan->stages[index].name);
    int result = text_check(&text, err);
    lot->index = index;
    if (result == 0)
        result = digest_of_bytes(text.data, text.size, &lot->digest, err);
    text_release(&text);
    return result;
}

/* Leaves chosen those that are drawn. */
static int draw(struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    size_t count = 0;
    struct lot *lots = memory_new(project->plan->count, sizeof(*lots), err);
    int result = lots == NULL ? -1 : digest_of_file(lock_reader_path(project->lock), &digest, err);
    if (result == 0)
        digest_to_hex(&digest, hex);
    for (size_t i = 0; i < project->plan->count && result == 0; i++) {
        if (check->chosen[i] && may_be_drawn(&project->plan->stages[i]))
            result = make_lot(project->plan, hex, i, &lots[count++], err);
        check->chosen[i] = false;
    }
    if (result == 0 && count > 1)
        qsort(lots, count, sizeof(*lots), compare_lots);
    for (size_t i = 0; i < count && i < check->drawn && result == 0; i++)
        check->chosen[lots[i].index] = true;
    free(lots);
    return result;
}

/* ---- one stage ---- */

/* Its outs, its deps and what it is made of are what the lock says, as far as verify_lock went. */
static bool is_as_locked(const struct job *job, const struct lock_stage *entry)
{
    struct digest key;
    struct error ignored;
    return entry != NULL && job->action != NULL && job->components.size > 0 &&
           digest_of_bytes(job->components.data, job->components.size, &key, &ignored) == 0 &&
           digest_equal(&key, &entry->key);
}

/* The first dep on an out that is not in the cache, or NULL. */
static const char *missing_dep(const struct project *project, const struct job *job)
{
    for (size_t i = 0; i < job->stage->dep_count; i++)
        if (job->stage->deps[i].path == NULL &&
            !content_is_good(project->store, &job->deps[i].content, STORE_BY_STAT, NULL))
            return job->stage->deps[i].name;
    return NULL;
}

static void tell(struct rerunning *all, const char *stage, json_t *told)
{
    struct verification *check = all->check;
    const char *result = json_text(told, "result");
    if (strcmp(result, "not executed") != 0)
        verification_case(check, "rerun", stage, "%s", stage);
    if (strcmp(result, "differs") == 0)
        verification_case_fails(check, result, "not the same bits");
    else if (strcmp(result, "failed") == 0)
        verification_case_fails(check, result, json_text(told, "why"));
    told = json_object_with(told, "stage", json_clean(stage));
    check->no_memory |= told == NULL || json_array_append_new(check->rerun, told) < 0;
}

static void not_executed(struct rerunning *all, const char *stage, const char *why)
{
    if (!all->check->options->quiet)
        verification_say(all->check, "rerun: %s: not executed again: %s", stage, why);
    tell(all, stage, json_pack("{s:s, s:s}", "result", "not executed", "why", why));
}

/* What stands in the way of executing it; true where it was said. */
static bool cannot_be_executed(struct rerunning *all, const struct job *job,
                               const struct lock_stage *entry)
{
    struct verification *check = all->check;
    const char *name = job->stage->name, *why = NULL, *dep;
    struct text text = {0};
    if (job->stage->frozen)
        why = "it is frozen";
    else if (job->stage->network)
        why = "it uses the network, which no key names";
    else if (check->another_machine[job->index])
        why = "made on another machine, not reproducible here";
    if (why != NULL) {
        not_executed(all, name, why);
        return true;
    }
    if (!is_as_locked(job, entry))
        text_add(&text, "it is not as the lock has it");
    else if ((dep = missing_dep(check->project, job)) != NULL)
        text_addf(&text, "its dep '%s' is not in the cache: reprise run --locked brings it", dep);
    if (text.size == 0)
        return false;
    verification_report(check, "rerun", false, name, "not executed again: %s", text_string(&text));
    tell(all, name, json_pack("{s:s, s:s}", "result", "not executed", "why", text_string(&text)));
    text_release(&text);
    return true;
}

/* How many threads made what is recorded; 0: nothing tells. */
static int recorded_threads(const struct project *project, const struct digest *key)
{
    struct action *action = NULL;
    struct error ignored;
    int threads = action_read(project->store, key, &action, &ignored) == 0 && action != NULL
                      ? action->threads
                      : 0;
    action_free(action);
    return threads;
}

static void add_threads(struct text *line, int threads, int recorded)
{
    text_addf(line, "on %d thread%s", threads, threads == 1 ? "" : "s");
    if (recorded > 0 && recorded != threads)
        text_addf(line, " instead of %d", recorded);
}

/* The log goes with the rerun's store, and an action names it. */
static int keep_confirmed(struct rerunning *all, size_t index, struct rerun *rerun,
                          struct error *err)
{
    char *log = NULL;
    size_t size;
    struct digest digest;
    if (blob_read(rerun->store, &rerun->action->log, LOG_LIMIT, &log, &size, err) < 0)
        return -1;
    int result = blob_put_bytes(all->check->project->store, log, size, &digest, err);
    free(log);
    if (result < 0)
        return -1;
    all->confirmed[index] = rerun->action;
    rerun->action = NULL;
    return 0;
}

static void say_differences(struct rerunning *all, const char *stage, json_t *differences)
{
    json_t *entry, *line;
    size_t e, l;
    json_array_foreach (differences, e, entry)
        json_array_foreach (json_object_get(entry, "lines"), l, line) {
            const char *file = json_text(entry, "file");
            verification_say(all->check, "rerun: %s: '%s%s%s': %s", stage, json_text(entry, "out"),
                             file[0] != '\0' ? "/" : "", file, json_string_value(line));
        }
}

/* It came to its end with all outs. */
static int compare_outs(struct rerunning *all, struct job *job, struct rerun *rerun,
                        const struct text *threads, json_t **told, struct error *err)
{
    struct verification *check = all->check;
    const struct again again = {check->project, job->stage, job->action, rerun->action,
                                rerun->store};
    const char *name = job->stage->name;
    json_t *differences = again_difference(&again, err);
    if (differences == NULL)
        return -1;
    const bool same = json_array_size(differences) == 0;
    if (!same) {
        check->not_reproduced++;
        verification_say(check, "rerun: %s: NOT the same bits, %s", name, text_string(threads));
        say_differences(all, name, differences);
    } else if (!check->options->quiet)
        verification_say(check, "rerun: %s: the same bits, %zu out%s, %s", name,
                         job->stage->out_count, job->stage->out_count == 1 ? "" : "s",
                         text_string(threads));
    check->reproduced += same;
    *told = json_pack("{s:s, s:I, s:o}", "result", same ? "same" : "differs", "outs",
                      (json_int_t)job->stage->out_count, "differences", differences);
    const struct lock_stage *entry = lock_find_stage(check->section, name);
    return same && entry->adopted != NULL ? keep_confirmed(all, job->index, rerun, err) : 0;
}

static json_t *say_failed(struct rerunning *all, const char *stage, const char *why,
                          const struct text *threads)
{
    all->check->not_reproduced++;
    verification_say(all->check, "rerun: %s: failed %s: %s; its log: cache/logs/%s.log", stage,
                     text_string(threads), why, stage);
    return json_pack("{s:s, s:o}", "result", "failed", "why", json_clean(why));
}

static int execute(struct rerunning *all, struct job *job, const struct lock_stage *entry,
                   struct error *err)
{
    struct verification *check = all->check;
    const int recorded = recorded_threads(check->project, &entry->key);
    const int threads = rerun_threads(job->stage, recorded, check->project->settings.jobs);
    struct text line = {0};
    struct rerun rerun;
    json_t *told = NULL;
    add_threads(&line, threads, recorded);
    int result = rerun_execute(&check->jobs, job->index, threads, &all->watcher, &rerun, err);
    if (result == 0 && rerun.action != NULL && !digest_equal(&job->key, &entry->key))
        told = say_failed(all, job->stage->name, "what its key names changed meanwhile", &line);
    else if (result == 0 && rerun.action != NULL)
        result = compare_outs(all, job, &rerun, &line, &told, err);
    else if (result == 0)
        told = say_failed(all, job->stage->name, text_string(&rerun.failure), &line);
    told = json_object_with(told, "threads", json_integer(threads));
    told = json_object_with(told, "recorded_threads",
                            recorded > 0 ? json_integer(recorded) : json_null());
    if (result == 0)
        tell(all, job->stage->name, told);
    else
        json_decref(told);
    rerun_release(&rerun);
    text_release(&line);
    return result;
}

/* A signal that came while no stage ran. */
static int check_signals(struct rerunning *all, struct error *err)
{
    return signals_take(&all->signals) > 0 ? error_set(err, ERR_INTERRUPTED, "interrupted") : 0;
}

static int execute_all(struct rerunning *all, struct error *err)
{
    struct verification *check = all->check;
    for (size_t i = 0; i < check->jobs.count; i++) {
        struct job *job = &check->jobs.list[i];
        const struct lock_stage *entry = lock_find_stage(check->section, job->stage->name);
        if (!check->chosen[i] || cannot_be_executed(all, job, entry))
            continue;
        if (execute(all, job, entry, err) < 0 || check_signals(all, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- what was adopted ---- */

static int record_confirmed(struct rerunning *all, struct job *job, struct error *err)
{
    struct action *action = all->confirmed[job->index];
    const char *name = job->stage->name;
    if (action_write(all->check->project->store, &job->key, action, err) < 0)
        return -1;
    action_free(job->action);
    job->action = action;
    all->confirmed[job->index] = NULL;
    all->check->confirmed++;
    if (!all->check->options->quiet)
        verification_say(all->check, "rerun: %s: confirmed, and no longer marked as adopted", name);
    return 0;
}

/* As `run -f` would: the action is one that was made, and so is the entry of the lock. Entries of
 * other stages stay, whatever could be said of them now. */
static int confirm(struct rerunning *all, struct error *err)
{
    struct verification *check = all->check;
    struct text notes = {0};
    size_t count = 0;
    for (size_t i = 0; i < check->jobs.count; i++)
        count += all->confirmed[i] != NULL;
    if (count == 0)
        return 0;
    if (check->mismatches + check->stale > 0 || check->no_cache) {
        verification_say(check, "rerun: what was adopted stays marked while something is wrong");
        return 0;
    }
    if (store_flush(check->project->store, err) < 0)
        return -1;
    for (size_t i = 0; i < check->jobs.count; i++) {
        struct job *job = &check->jobs.list[i];
        if (all->confirmed[i] == NULL)
            job->state = JOB_OUTSIDE;
        else if (record_confirmed(all, job, err) < 0)
            return -1;
    }
    int result = store_flush(check->project->store, err);
    if (result == 0)
        result = lock_update(&check->jobs, &notes, err);
    if (result == 0)
        print_clean(stderr, text_string(&notes));
    text_release(&notes);
    return result;
}

/* ---- all ---- */

static int rerun_chosen(struct rerunning *all, struct error *err)
{
    if ((all->check->options->sample != NULL && draw(all->check, err) < 0) ||
        signals_open(&all->signals, err) < 0)
        return -1;
    int result = execute_all(all, err);
    if (result == 0)
        result = confirm(all, err);
    return result;
}

int verify_rerun(struct verification *check, struct error *err)
{
    const size_t count = check->jobs.count;
    struct rerunning all = {.check = check, .signals = {.fd = -1}};
    struct display *display = display_new(check->options, &check->jobs, err);
    int result = -1;
    if (display != NULL &&
        (all.confirmed = memory_new(count, sizeof(struct action *), err)) != NULL) {
        all.watcher = display_watcher(display);
        display_sandbox(display, check->project);
        result = rerun_chosen(&all, err);
        signals_close(&all.signals);
    }
    for (size_t i = 0; i < count && all.confirmed != NULL; i++)
        action_free(all.confirmed[i]);
    free(all.confirmed);
    display_free(display);
    return result;
}
