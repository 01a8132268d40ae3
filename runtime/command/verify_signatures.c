/* The level `signature` of verify, which --key asks for: an attestation of each stage of the lock
 * file, signed by that key and said of just this stage, this run and these outs; and of each out
 * that is a model its own signature, where the key is of the kind that models are signed by. */
#include "base/file.h"
#include "base/json.h"
#include "command/attestations.h"
#include "command/verification.h"
#include "provenance/envelope.h"
#include "provenance/model_signature.h"
#include "provenance/statement.h"

#include <stdlib.h>

/* Found out before the caller says what is wrong: -1 where looking itself failed. */
static int report(struct verification *check, const char *subject, const char *path,
                  const struct error *why, struct error *err)
{
    if (why->kind == ERR_MEMORY) {
        *err = *why;
        return -1;
    }
    verification_report(check, "signature", true, subject, "'%s': %s", path, why->message);
    check->refused++;
    return 0;
}

static int check_stage(struct verification *check, const struct lock_stage *stage,
                       struct error *err)
{
    struct error why;
    json_t *envelope = NULL, *statement = NULL;
    char *path = attestations_path(check->options, check->section, stage->name, NULL, err);
    if (path == NULL)
        return -1;
    int result = 0;
    verification_case(check, "signature", stage->name, "%s", stage->name);
    if (!file_exists(path))
        verification_report(check, "signature", false, stage->name,
                            "is not attested: '%s' is not there", path);
    else if (json_read(path, &envelope, &why) < 0 ||
             envelope_open(envelope, check->key, &statement, &why) < 0 ||
             statement_check(statement, check->section, stage, &why) < 0)
        result = report(check, stage->name, path, &why, err);
    else
        check->attested++;
    json_decref(statement);
    json_decref(envelope);
    free(path);
    return result;
}

static int check_model(struct verification *check, const struct lock_stage *stage,
                       const struct lock_item *out, struct error *err)
{
    struct error why;
    json_t *bundle = NULL;
    char *path = attestations_path(check->options, check->section, stage->name, out->name, err);
    char *model = project_artifact(check->project, stage->name, out->path, err);
    int result = path == NULL || model == NULL ? -1 : 0;
    verification_case(check, "signature", stage->name, "%s.%s", stage->name, out->name);
    if (result == 0 && !file_exists(path))
        verification_report(check, "signature", false, stage->name,
                            "its model '%s' has no signature: '%s' is not there", out->name, path);
    else if (result == 0 && (json_read(path, &bundle, &why) < 0 ||
                             model_signature_check(bundle, model, check->key, &why) < 0))
        result = report(check, stage->name, path, &why, err);
    else if (result == 0)
        check->signed_models++;
    json_decref(bundle);
    free(path);
    free(model);
    return result;
}

int verify_signatures(struct verification *check, struct error *err)
{
    for (size_t i = 0; i < check->section->count && check->key != NULL; i++) {
        const struct lock_stage *stage = check->section->stages[i];
        if (check_stage(check, stage, err) < 0)
            return -1;
        for (size_t o = 0; !check->options->lock_only && o < stage->outs.count; o++)
            if (signing_key_kind(check->key) == SIGNING_P256 &&
                model_signature_is_model(stage->outs.list[o].path) &&
                check_model(check, stage, &stage->outs.list[o], err) < 0)
                return -1;
    }
    return 0;
}

int verify_model(const char *path, const char *signature, const char *key_path, struct error *err)
{
    struct signing_key *key;
    json_t *bundle = NULL;
    if (signing_key_read_public(key_path, &key, err) < 0)
        return -1;
    int result = json_read(signature, &bundle, err);
    if (result == 0 && (result = model_signature_check(bundle, path, key, err)) < 0)
        error_prefix(err, "'%s' is not what '%s' signs: ", path, signature);
    json_decref(bundle);
    signing_key_free(key);
    return result;
}
