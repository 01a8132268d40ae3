/* reprise attest --key FILE: signs what the lock file says of each stage, after it was held against
 * artifacts and cache (provenance/statement.h), and the models among the outs
 * (provenance/model_signature.h). attestations.h says where. --crate writes a Run Crate of the last
 * run (provenance/crate.h), signed or not. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "command/attestations.h"
#include "command/commands.h"
#include "command/print.h"
#include "command/version.h"
#include "provenance/crate.h"
#include "provenance/envelope.h"
#include "provenance/model_signature.h"
#include "provenance/statement.h"
#include "runner/key.h"
#include "runner/project.h"
#include "runner/record.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS = 256 }; /* among which the last run is looked for */

struct attesting {
    const struct options *options;
    const struct project *project;
    const struct lock_section *section;
    const struct signing_key *key;
    size_t stages, models;
};

/* One line, as readers of several envelopes want them. */
static int write_json(const char *path, const json_t *json, struct error *err)
{
    struct text line = {0};
    char *text = json_to_text(json, true, err);
    if (text == NULL)
        return -1;
    text_addf(&line, "%s\n", text);
    free(text);
    int result = text_check(&line, err);
    if (result == 0 && (result = file_make_parents(path, err)) == 0)
        result = file_write(path, line.data, line.size, err);
    text_release(&line);
    return result;
}

/* What is signed must be so: in the cache and in artifacts/ as in the lock file. */
static int check_out(const struct attesting *at, const struct lock_stage *stage,
                     const struct action *action, const struct lock_item *out, struct error *err)
{
    struct content there;
    const struct content *made = action_out(action, out->name);
    char *path = project_artifact(at->project, stage->name, out->path, err);
    int result =
        path == NULL ? -1 : content_hash(at->project->store, path, STORE_BY_READING, &there, err);
    free(path);
    if (result < 0)
        return error_prefix(err, "stage '%s' can't be attested: ", stage->name);
    if (made == NULL || !digest_equal(&made->digest, &out->content.digest) ||
        !digest_equal(&there.digest, &out->content.digest) || there.kind != out->content.kind)
        return error_set(err, ERR_MISMATCH,
                         "stage '%s' can't be attested: its out '%s' is not what the lock file "
                         "says, see reprise verify",
                         stage->name, out->name);
    return 0;
}

static int sign_model(struct attesting *at, const struct lock_stage *stage,
                      const struct lock_item *out, struct error *err)
{
    char *model = project_artifact(at->project, stage->name, out->path, err);
    char *path = attestations_path(at->options, at->section, stage->name, out->name, err);
    json_t *bundle =
        model == NULL || path == NULL ? NULL : model_signature_make(model, at->key, err);
    int result = bundle == NULL ? -1 : write_json(path, bundle, err);
    at->models += result == 0;
    json_decref(bundle);
    free(path);
    free(model);
    return result;
}

static int sign_stage(struct attesting *at, const struct lock_stage *stage,
                      const struct action *action, struct error *err)
{
    const struct statement_about about = {at->section, stage, action, reprise_version};
    char *path = attestations_path(at->options, at->section, stage->name, NULL, err);
    json_t *statement = path == NULL ? NULL : statement_make(at->project->store, &about, err);
    json_t *envelope = statement == NULL ? NULL : envelope_make(statement, at->key, err);
    int result = envelope == NULL ? -1 : write_json(path, envelope, err);
    at->stages += result == 0;
    json_decref(envelope);
    json_decref(statement);
    free(path);
    return result;
}

/* The entry's result, which must be what the lock file says, there and in artifacts/. */
static int check_stage(const struct attesting *at, const struct lock_stage *stage,
                       struct action **action, struct error *err)
{
    *action = NULL;
    if (stage->old)
        return error_set(err, ERR_STAGE,
                         "the lock file is of an older form, which says too little: reprise run "
                         "writes it anew");
    if (stage->adopted != NULL)
        return error_set(err, ERR_STAGE,
                         "stage '%s' can't be attested: its result is adopted (%s); reprise run -f "
                         "%s confirms it",
                         stage->name, stage->adopted, stage->name);
    if (action_read(at->project->store, &stage->key, action, err) < 0)
        return -1;
    if (*action == NULL)
        return error_set(err, ERR_STAGE,
                         "stage '%s' can't be attested: its result is not in the cache: reprise "
                         "run makes it",
                         stage->name);
    for (size_t i = 0; i < stage->outs.count; i++)
        if (check_out(at, stage, *action, &stage->outs.list[i], err) < 0)
            return -1;
    char *differs;
    int result = key_check_lock(stage, (*action)->components, &differs, err);
    if (result == 0 && differs != NULL)
        result = error_set(err, ERR_MISMATCH,
                           "stage '%s' can't be attested: '%s' of the lock file is not what its "
                           "result was made of, see reprise verify",
                           stage->name, differs);
    free(differs);
    return result;
}

static int sign_all(struct attesting *at, const struct crate_stage *stages, struct error *err)
{
    struct text line = {0};
    for (size_t i = 0; i < at->section->count; i++) {
        const struct lock_stage *stage = stages[i].entry;
        if (sign_stage(at, stage, stages[i].action, err) < 0)
            return -1;
        for (size_t o = 0; o < stage->outs.count; o++)
            if (signing_key_kind(at->key) == SIGNING_P256 &&
                model_signature_is_model(stage->outs.list[o].path) &&
                sign_model(at, stage, &stage->outs.list[o], err) < 0)
                return -1;
    }
    text_addf(&line, "attested: %zu stages, %zu models, by a key of %s", at->stages, at->models,
              signing_key_name(at->key));
    text_add(&line, signing_key_kind(at->key) == SIGNING_P256
                        ? "\n"
                        : "; models are signed by a key of ECDSA P-256 alone\n");
    return print_text(&line, err);
}

static int write_crate(const struct attesting *at, const struct crate_stage *stages,
                       struct error *err)
{
    static const char name[] = "ro-crate-metadata.json";
    struct text line = {0};
    const struct project *project = at->project;
    json_t *records = record_read_latest(project, RECORDS, err);
    if (records == NULL)
        return -1;
    const struct crate_about about = {project->plan, stages, at->section->count,
                                      record_find_done(records, at->section->profile, NULL),
                                      reprise_version};
    json_t *crate = about.record == NULL ? NULL : crate_make(&about, err);
    int result =
        about.record == NULL
            ? error_set(err, ERR_STAGE,
                        "reports/runs has no record of a run of this profile that came to its end")
        : crate == NULL ? -1
                        : json_write(name, crate, err);
    json_decref(crate);
    json_decref(records);
    text_addf(&line, "%s: the folder is a Run Crate of %zu stages\n", name, at->section->count);
    if (result == 0)
        return print_text(&line, err);
    text_release(&line);
    return -1;
}

/* All is looked at before anything is written. */
static int attest_stages(struct attesting *at, struct crate_stage *stages, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < at->section->count && result == 0; i++) {
        struct action *action;
        result = check_stage(at, at->section->stages[i], &action, err);
        stages[i] = (struct crate_stage){at->section->stages[i], action};
    }
    if (result == 0 && at->key != NULL)
        result = sign_all(at, stages, err);
    if (result == 0 && at->options->crate)
        result = write_crate(at, stages, err);
    for (size_t i = 0; i < at->section->count; i++)
        action_free((struct action *)stages[i].action);
    return result;
}

static int attest_all(struct attesting *at, struct error *err)
{
    const struct lock *lock;
    if (lock_reader_get(at->project->lock, &lock, err) < 0)
        return -1;
    at->section = lock == NULL ? NULL : lock_find_section(lock, at->project->plan->profile);
    if (at->section == NULL || at->section->count == 0)
        return error_set(err, ERR_STAGE, "'%s' has nothing of profile '%s': run the pipeline first",
                         lock_reader_path(at->project->lock), at->project->plan->profile);
    struct crate_stage *stages = memory_new(at->section->count, sizeof(*stages), err);
    int result = stages == NULL ? -1 : attest_stages(at, stages, err);
    free(stages);
    return result;
}

int command_attest(const struct options *options, struct error *err)
{
    struct project project;
    struct signing_key *key = NULL;
    if (options->key == NULL && !options->crate)
        return error_set(err, ERR_USAGE,
                         "attest signs: --key FILE names the key, which reprise keygen FILE makes; "
                         "--crate writes a Run Crate");
    if (options->key != NULL && signing_key_read_private(options->key, &key, err) < 0)
        return -1;
    if (project_open(&options->project, PROJECT_DELIVERED, &project, err) < 0) {
        signing_key_free(key);
        return -1;
    }
    struct attesting at = {.options = options, .project = &project, .key = key};
    int result = attest_all(&at, err);
    project_close(&project);
    signing_key_free(key);
    return result;
}
