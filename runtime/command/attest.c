/* reprise attest --key FILE: signs what the lock file says of each stage, after it was held against
 * artifacts and cache (provenance/statement.h), and the models among the outs
 * (provenance/model_signature.h). attestations.h says where. */
#include "base/file.h"
#include "base/json.h"
#include "command/attestations.h"
#include "command/commands.h"
#include "command/print.h"
#include "command/version.h"
#include "provenance/envelope.h"
#include "provenance/model_signature.h"
#include "provenance/statement.h"
#include "runner/project.h"

#include <stdlib.h>
#include <string.h>

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

static int attest_stage(struct attesting *at, const struct lock_stage *stage, struct error *err)
{
    struct action *action = NULL;
    if (stage->old)
        return error_set(err, ERR_STAGE,
                         "the lock file is of an older form, which says too little: reprise run "
                         "writes it anew");
    if (stage->adopted != NULL)
        return error_set(err, ERR_STAGE,
                         "stage '%s' can't be attested: its result is adopted (%s); reprise run -f "
                         "%s confirms it",
                         stage->name, stage->adopted, stage->name);
    if (action_read(at->project->store, &stage->key, &action, err) < 0)
        return -1;
    int result = action == NULL ? error_set(err, ERR_STAGE,
                                            "stage '%s' can't be attested: its result is not in "
                                            "the cache: reprise run makes it",
                                            stage->name)
                                : 0;
    for (size_t i = 0; i < stage->outs.count && result == 0; i++)
        result = check_out(at, stage, action, &stage->outs.list[i], err);
    if (result == 0)
        result = sign_stage(at, stage, action, err);
    for (size_t i = 0; i < stage->outs.count && result == 0; i++)
        if (signing_key_kind(at->key) == SIGNING_P256 &&
            model_signature_is_model(stage->outs.list[i].path))
            result = sign_model(at, stage, &stage->outs.list[i], err);
    action_free(action);
    return result;
}

static int attest_all(struct attesting *at, struct error *err)
{
    const struct lock *lock;
    struct text line = {0};
    if (lock_reader_get(at->project->lock, &lock, err) < 0)
        return -1;
    at->section = lock == NULL ? NULL : lock_find_section(lock, at->project->plan->profile);
    if (at->section == NULL || at->section->count == 0)
        return error_set(err, ERR_STAGE, "'%s' has nothing of profile '%s': run the pipeline first",
                         lock_reader_path(at->project->lock), at->project->plan->profile);
    for (size_t i = 0; i < at->section->count; i++)
        if (attest_stage(at, at->section->stages[i], err) < 0)
            return -1;
    text_addf(&line, "attested: %zu stages, %zu models, by a key of %s", at->stages, at->models,
              signing_key_name(at->key));
    text_add(&line, signing_key_kind(at->key) == SIGNING_P256
                        ? "\n"
                        : "; models are signed by a key of ECDSA P-256 alone\n");
    return print_text(&line, err);
}

int command_attest(const struct options *options, struct error *err)
{
    struct project project;
    struct signing_key *key;
    if (options->key == NULL)
        return error_set(err, ERR_USAGE,
                         "attest signs: --key FILE names the key, which reprise keygen FILE "
                         "makes");
    if (signing_key_read_private(options->key, &key, err) < 0)
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
