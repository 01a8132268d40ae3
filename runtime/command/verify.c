/* reprise verify: holds the lock file against the pipeline, and everything else
 * against the lock file. Reads every byte; what the memo remembers is not
 * trusted. Levels, each of which reports what it finds wrong:
 *   lock        the lock against the pipeline as it is now (verify_lock.c)
 *   artifacts   artifacts/ against the lock (verify_bytes.c)
 *   published   copies in folders that outs are published to, likewise
 *   cache       actions and blobs against the lock, where there is a cache
 *   require     metrics against the bounds of the pipeline as it is now
 *   signature   attestations and signed models, with --key (verify_signatures.c)
 *   rerun       with --rerun or --sample: stages executed again (verify_rerun.c)
 * --lock leaves it at the first, and the attestations: what a clone without data and artifacts has.
 * A digest that does not match outweighs a lock that is merely stale. What was made on another
 * machine, or adopted, is said; with --strict it fails. --junit FILE says each check by itself,
 * also where the verification cannot go on.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/junit.h"
#include "command/print.h"
#include "command/verification.h"
#include "runner/launcher.h"
#include "runner/lock_entry.h"
#include "runner/requirement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const struct verification *check, const char *line)
{
    if (check->options->json)
        return;
    print_clean(stdout, line);
    putchar('\n');
}

static bool for_github(const struct verification *check)
{
    return check->options->format != NULL;
}

/* A line that GitHub shows at the file, "::error file=pipeline.lock,title=...::...": in its
 * properties a few characters more are written as %XX. */
static void say_to_github(const struct verification *check, const char *kind, const char *title,
                          const char *words)
{
    struct text line = {0};
    const char *const parts[] = {title, words}, *const special[] = {"%\r\n:,", "%\r\n"};
    const char *path = lock_reader_path(check->project->lock), *slash = strrchr(path, '/');
    text_addf(&line, "::%s file=%s,title=", kind, slash != NULL ? slash + 1 : path);
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = parts[i]; *at != '\0'; at++)
            text_addf(&line, strchr(special[i], *at) != NULL ? "%%%02X" : "%c",
                      (unsigned)(unsigned char)*at);
        text_add(&line, i == 0 ? "::" : "");
    }
    say(check, text_string(&line));
    text_release(&line);
}

/* ---- cases ---- */

static void begin_case(struct verification *check, const char *level, const char *stage,
                       const char *name)
{
    json_t *one = json_object_with(json_object(), "level", json_string(level));
    one = json_object_with(one, "stage", json_clean(stage));
    one = json_object_with(one, "name", json_clean(name));
    one = json_object_with(one, "problems", json_array());
    one = json_object_with(one, "notes", json_array());
    check->no_memory |= json_array_append_new(check->cases, one) < 0;
}

void verification_case(struct verification *check, const char *level, const char *stage,
                       const char *format, ...)
{
    char *name = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&name, format, args);
    va_end(args);
    if (length < 0) {
        check->no_memory = true;
        return;
    }
    begin_case(check, level, stage, name);
    free(name);
}

static json_t *last_case(const struct verification *check)
{
    return json_array_get(check->cases, json_array_size(check->cases) - 1);
}

void verification_case_fails(struct verification *check, const char *type, const char *text)
{
    check->no_memory |=
        json_array_append_new(json_object_get(last_case(check), "problems"),
                              json_pack("{s:s, s:s}", "type", type, "text", text)) < 0;
}

/* Of the case that was begun, or, where it is another's, of one of its own. */
static void case_of_problem(struct verification *check, const char *level, const char *stage)
{
    const json_t *last = last_case(check);
    if (last == NULL || strcmp(json_text(last, "level"), level) != 0 ||
        strcmp(json_text(last, "stage"), stage) != 0)
        begin_case(check, level, stage, stage);
}

/* ---- problems ---- */

void verification_say(const struct verification *check, const char *format, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&line, format, args);
    va_end(args);
    if (length < 0)
        return;
    say(check, line);
    free(line);
}

void verification_report(struct verification *check, const char *level, bool mismatch,
                         const char *subject, const char *format, ...)
{
    struct text line = {0};
    char *problem = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&problem, format, args);
    va_end(args);
    if (mismatch)
        check->mismatches++;
    else
        check->stale++;
    if (length < 0) {
        check->no_memory = true;
        return;
    }
    text_addf(&line, "%s: %s: %s", level, subject, problem);
    if (for_github(check))
        say_to_github(check, "error", level, text_string(&line) + strlen(level) + 2);
    else
        say(check, text_string(&line));
    /* A name of any bytes is shown in JSON as a terminal shows it. */
    struct text clean = {0};
    text_add_clean(&clean, problem, strlen(problem));
    check->no_memory |=
        line.failed || clean.failed ||
        json_array_append_new(check->problems,
                              json_pack("{s:s, s:s, s:s}", "level", level, "subject", subject,
                                        "problem", text_string(&clean))) < 0;
    case_of_problem(check, level, subject);
    verification_case_fails(check,
                            mismatch                        ? "mismatch"
                            : strcmp(level, "require") == 0 ? "missed"
                                                            : "stale",
                            text_string(&clean));
    text_release(&clean);
    text_release(&line);
    free(problem);
}

void verification_note(struct verification *check, json_t *list, const char *format, ...)
{
    char *line = NULL;
    struct text clean = {0};
    va_list args;
    va_start(args, format);
    int length = vasprintf(&line, format, args);
    va_end(args);
    if (length < 0) {
        check->no_memory = true;
        return;
    }
    if (for_github(check))
        say_to_github(check, check->options->strict ? "error" : "notice", "verify", line);
    else if (!check->options->quiet)
        say(check, line);
    text_add_clean(&clean, line, (size_t)length);
    check->no_memory |=
        clean.failed || json_array_append_new(list, json_string(text_string(&clean))) < 0;
    /* What is left over is no check's. */
    if (list != check->left && check->options->strict)
        verification_case_fails(check, "strict", text_string(&clean));
    else if (list != check->left)
        check->no_memory |= json_array_append_new(json_object_get(last_case(check), "notes"),
                                                  json_string(text_string(&clean))) < 0;
    text_release(&clean);
    free(line);
}

/* From the artifacts, so that it works without a cache. */
static int check_requirements(struct verification *check, const struct plan_stage *stage,
                              struct error *err)
{
    for (size_t i = 0; i < stage->requirement_count; i++) {
        struct requirement_result result;
        struct text line = {0}, name = {0};
        struct error why;
        const struct plan_out *out = &stage->outs[stage->requirements[i].out];
        char *path = project_artifact(check->project, stage->name, out->path, err);
        if (path == NULL)
            return -1;
        check->requirements++;
        requirement_name(stage, i, &name);
        verification_case(check, "require", stage->name, "%s.%s", stage->name, text_string(&name));
        text_release(&name);
        if (requirement_check_file(stage, i, path, &result, &why) < 0)
            verification_report(check, "require", false, stage->name, "%s", why.message);
        else if (!result.met) {
            requirement_describe(stage, &result, &line);
            verification_report(check, "require", false, stage->name, "missed: %s",
                                text_string(&line));
        }
        text_release(&line);
        free(path);
    }
    return 0;
}

static bool has_cache(const struct project *project)
{
    char path[STORE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/objects", store_folder(project->store));
    return file_exists(path);
}

static int check_all(struct verification *check, struct error *err)
{
    const bool all = !check->options->lock_only;
    check->no_cache = !has_cache(check->project);
    if (verify_lock(check, err) < 0 || (all && verify_bytes(check, err) < 0))
        return -1;
    for (size_t i = 0; all && i < check->project->plan->count; i++)
        if (check_requirements(check, &check->project->plan->stages[i], err) < 0)
            return -1;
    if (verify_signatures(check, err) < 0)
        return -1;
    return check->no_memory ? error_set(err, ERR_MEMORY, "out of memory for what was found") : 0;
}

/* ---- the answer ---- */

static int print_as_json(const struct verification *check, bool good, struct error *err)
{
    const struct plan *plan = check->project->plan;
    json_t *json = json_pack(
        "{s:i, s:b, s:O, s:s, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:O, s:O, s:O, "
        "s:O}",
        "schema", 1, "verified", good, "problems", check->problems, "profile", plan->profile,
        "sets", plan->sets, "stages", (json_int_t)check->section->count, "artifacts",
        (json_int_t)check->artifacts, "copies", (json_int_t)check->copies, "blobs",
        (json_int_t)check->blobs, "requirements", (json_int_t)check->requirements, "unread",
        (json_int_t)check->unread, "attested", (json_int_t)check->attested, "signed_models",
        (json_int_t)check->signed_models, "cache", !check->no_cache, "elsewhere", check->elsewhere,
        "adopted", check->adopted, "left", check->left, "rerun", check->rerun);
    int result = print_json(json, err);
    json_decref(json);
    return result;
}

/* Those that were not confirmed since. */
static size_t count_adopted(const struct verification *check)
{
    return json_array_size(check->adopted) - check->confirmed;
}

static void print_summary(const struct verification *check)
{
    struct text line = {0};
    const struct plan *plan = check->project->plan;
    size_t elsewhere = json_array_size(check->elsewhere), adopted = count_adopted(check);
    size_t frozen = 0;
    for (size_t i = 0; i < plan->count; i++)
        frozen += plan->stages[i].frozen;
    text_addf(&line, "verified: %zu stages, %zu artifacts, %zu copies, %zu blobs, %zu requirements",
              check->section->count, check->artifacts, check->copies, check->blobs,
              check->requirements);
    if (plan->profile[0] != '\0')
        text_addf(&line, "; profile %s", plan->profile);
    text_add(&line, ";");
    lock_add_sets(plan->sets, &line);
    if (elsewhere > 0)
        text_addf(&line, "; %zu made on another machine, not reproducible here", elsewhere);
    if (adopted > 0)
        text_addf(&line, "; %zu adopted", adopted);
    if (frozen > 0)
        text_addf(&line, "; %zu frozen, not held against the pipeline", frozen);
    if (check->key != NULL)
        text_addf(&line, "; %zu stages attested and %zu models signed by this key", check->attested,
                  check->signed_models);
    if (verify_rerun_asked(check->options))
        text_addf(&line, "; %zu executed again with the same bits", check->reproduced);
    if (check->unread > 0)
        text_addf(&line, "; %zu deps as the lock file has them, unread", check->unread);
    if (check->options->lock_only)
        text_add(&line, "; the lock file alone");
    else if (check->no_cache)
        text_add(&line, "; no cache here: the lock alone says that these artifacts came of these "
                        "stages, reprise run --locked shows it");
    say(check, text_string(&line));
    text_release(&line);
}

static int answer(const struct verification *check, struct error *err)
{
    bool strict = check->options->strict;
    size_t elsewhere = json_array_size(check->elsewhere), adopted = count_adopted(check);
    size_t refused = strict ? elsewhere + adopted : 0;
    bool good =
        check->mismatches == 0 && check->stale == 0 && check->not_reproduced == 0 && refused == 0;
    if (check->options->json && print_as_json(check, good, err) < 0)
        return -1;
    if (good && !check->options->quiet && !check->options->json)
        print_summary(check);
    if (check->refused > 0)
        return error_set(err, ERR_MISMATCH, "%zu signature%s refused: see above", check->refused,
                         check->refused == 1 ? " is" : "s are");
    if (check->mismatches > 0)
        return error_set(err, ERR_MISMATCH, "%zu digest%s match: reprise run repairs it",
                         check->mismatches, check->mismatches == 1 ? " does not" : "s do not");
    if (check->not_reproduced > 0)
        return error_set(err, ERR_NOT_REPRODUCIBLE,
                         "%zu stage%s did not give the same bits again: see above",
                         check->not_reproduced, check->not_reproduced == 1 ? "" : "s");
    if (check->stale > 0)
        return error_set(err, ERR_STAGE,
                         "not verified, %zu problem%s: see above, or reprise status", check->stale,
                         check->stale == 1 ? "" : "s");
    return good ? 0
                : error_set(err, ERR_STAGE,
                            "not verified strictly: %zu made on another machine, %zu adopted",
                            elsewhere, adopted);
}

/* ---- the command ---- */

/* The section of the plan's profile, or an error that names those that there are. */
static int find_section(struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    struct text names = {0};
    if (lock_reader_get(project->lock, &check->lock, err) < 0)
        return -1;
    if (check->lock == NULL)
        return error_set(err, ERR_STAGE, "'%s' does not exist: run the pipeline first",
                         lock_reader_path(project->lock));
    check->section = lock_find_section(check->lock, project->plan->profile);
    if (check->section != NULL)
        return 0;
    for (size_t i = 0; i < check->lock->count; i++)
        text_addf(&names, "%s'%s'", i > 0 ? ", " : "", check->lock->sections[i]->profile);
    error_set(err, ERR_STAGE, "'%s' has nothing of profile '%s': run it first; it has %s",
              lock_reader_path(project->lock), project->plan->profile,
              names.size > 0 ? names.data : "nothing");
    text_release(&names);
    return -1;
}

static int find_all(struct verification *check, struct error *err)
{
    if (check->rerun == NULL || check->problems == NULL || check->cases == NULL ||
        check->elsewhere == NULL || check->adopted == NULL || check->left == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for what will be found");
    if (verify_rerun_choose(check, err) < 0 || find_section(check, err) < 0 ||
        jobs_init(check->project, NULL, 0, false, &check->jobs, err) < 0 ||
        (check->another_machine =
             memory_new(check->jobs.count + 1, sizeof(*check->another_machine), err)) == NULL ||
        (check->made_elsewhere =
             memory_new(check->jobs.count + 1, sizeof(*check->made_elsewhere), err)) == NULL ||
        check_all(check, err) < 0)
        return -1;
    return verify_rerun_asked(check->options) ? verify_rerun(check, err) : 0;
}

static int verify(struct verification *check, const char *junit, struct error *err)
{
    struct error why;
    int result = find_all(check, err);
    if (junit != NULL && junit_write(junit, check->cases, result < 0 ? err : NULL, &why) < 0 &&
        result == 0) {
        *err = why;
        return -1;
    }
    return result < 0 ? -1 : answer(check, err);
}

/* Weights that come in are verified by themselves. */
static int verify_weights(const struct options *options, struct error *err)
{
    struct text line = {0};
    if (options->key == NULL || options->word_count != 1)
        return error_set(err, ERR_USAGE, "reprise verify --key FILE --signature FILE MODEL");
    if (verify_model(options->words[0], options->signature, options->key, err) < 0)
        return -1;
    text_addf(&line, "verified: '%s' is what '%s' signs\n", options->words[0], options->signature);
    return options->quiet ? 0 : print_text(&line, err);
}

static int verify_project(const struct options *options, const struct signing_key *key,
                          struct launcher *launcher, struct error *err)
{
    struct project project;
    struct error ignored;
    char *junit;
    enum project_view view = options->as_recorded ? PROJECT_EXACTLY_AS_RECORDED : PROJECT_DELIVERED;
    if (options_place(options, options->junit, &junit, err) < 0)
        return -1;
    struct project_settings settings = options->project;
    settings.without_data = options->lock_only || options->no_data;
    if (project_open(&settings, view, &project, err) < 0) {
        if (junit != NULL)
            junit_write(junit, NULL, err, &ignored);
        free(junit);
        return -1;
    }
    project_use_launcher(&project, launcher);
    struct verification check = {.options = options,
                                 .project = &project,
                                 .key = key,
                                 .problems = json_array(),
                                 .cases = json_array(),
                                 .elsewhere = json_array(),
                                 .adopted = json_array(),
                                 .left = json_array(),
                                 .rerun = verify_rerun_asked(options) ? json_array() : json_null()};
    int result = verify(&check, junit, err);
    jobs_release(&check.jobs);
    free(check.another_machine);
    free(check.made_elsewhere);
    free(check.chosen);
    json_decref(check.problems);
    json_decref(check.cases);
    json_decref(check.elsewhere);
    json_decref(check.adopted);
    json_decref(check.left);
    json_decref(check.rerun);
    project_close(&project);
    free(junit);
    return result;
}

int command_verify(const struct options *options, struct error *err)
{
    struct signing_key *key = NULL;
    struct launcher *launcher = NULL;
    int result = -1;
    if (options->signature != NULL)
        return verify_weights(options, err);
    if (options->word_count > 0 && !verify_rerun_asked(options))
        return error_set(err, ERR_USAGE,
                         "verify takes '%s' as a stage with --rerun, as a model with --signature",
                         options->words[0]);
    if (options->format != NULL && strcmp(options->format, "github") != 0)
        return error_set(err, ERR_USAGE, "--format '%s': verify has github", options->format);
    if (options->lock_only && verify_rerun_asked(options))
        return error_set(err, ERR_USAGE,
                         "--lock executes nothing again: without --rerun and --sample");
    if (options->attestations != NULL && options->key == NULL)
        return error_set(err, ERR_USAGE, "--attestations is read with --key FILE");
    if (options->as_recorded && options->project.set_count > 0)
        return error_set(err, ERR_USAGE, "--as-recorded takes the sets of the lock file: no --set");
    /* Opening a project goes to its folder; the key's path is the caller's. */
    if (options->key != NULL && signing_key_read_public(options->key, &key, err) < 0)
        return -1;
    if (!verify_rerun_asked(options) || launcher_start(&launcher, err) == 0)
        result = verify_project(options, key, launcher, err);
    launcher_stop(launcher);
    signing_key_free(key);
    return result;
}
