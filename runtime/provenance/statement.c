#include "provenance/statement.h"

#include "base/json.h"
#include "provenance/times.h"

#include <string.h>

static const char statement_type[] = "https://in-toto.io/Statement/v1";
static const char predicate_type[] = "https://slsa.dev/provenance/v1";
static const char build_type[] = "urn:reprise:stage:v1";
static const char builder[] = "urn:reprise:runner";

static json_t *digest_set(const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return json_pack("{s:s}", "sha256", hex);
}

static json_t *hex_json(const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return json_string(hex);
}

/* ---- subjects ---- */

/* "phase2/model.safetensors" */
static json_t *subject(const struct lock_stage *stage, const char *path, const char *inner,
                       const struct digest *digest)
{
    struct text name = {0};
    text_addf(&name, "%s/%s%s%s", stage->name, path, inner != NULL ? "/" : "",
              inner != NULL ? inner : "");
    json_t *json = name.failed ? NULL
                               : json_pack("{s:o, s:o}", "name", json_clean(text_string(&name)),
                                           "digest", digest_set(digest));
    text_release(&name);
    return json;
}

static int add_folder(struct store *store, const struct lock_stage *stage,
                      const struct lock_item *out, json_t **subjects, struct error *err)
{
    struct tree tree = {0};
    int result = content_tree(store, &out->content, &tree, err);
    for (size_t i = 0; i < tree.count && result == 0; i++)
        if (tree.entries[i].kind == TREE_FILE || tree.entries[i].kind == TREE_EXECUTABLE)
            *subjects = json_list_with(*subjects, subject(stage, out->path, tree.entries[i].path,
                                                          &tree.entries[i].digest));
    tree_release(&tree);
    return result;
}

static json_t *make_subjects(struct store *store, const struct lock_stage *stage, struct error *err)
{
    json_t *subjects = json_array();
    int result = 0;
    for (size_t i = 0; i < stage->outs.count && result == 0; i++) {
        const struct lock_item *out = &stage->outs.list[i];
        if (out->content.kind == CONTENT_FOLDER)
            result = add_folder(store, stage, out, &subjects, err);
        else
            subjects =
                json_list_with(subjects, subject(stage, out->path, NULL, &out->content.digest));
    }
    if (result < 0) {
        json_decref(subjects);
        return NULL;
    }
    if (subjects == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a statement");
    return subjects;
}

/* ---- what it was made of ---- */

static json_t *make_dependencies(const struct lock_stage *stage)
{
    json_t *list = json_array();
    for (size_t i = 0; i < stage->deps.count; i++) {
        const struct lock_item *dep = &stage->deps.list[i];
        list = json_list_with(
            list, json_pack("{s:o, s:o, s:{s:s, s:o, s:I}}", "name", json_clean(dep->name),
                            "digest", digest_set(&dep->content.digest), "annotations", "kind",
                            content_kind_name(dep->content.kind), "from", json_clean(dep->path),
                            "size", (json_int_t)dep->content.size));
    }
    for (size_t i = 0; i < stage->files.count; i++)
        list = json_list_with(list, json_pack("{s:o, s:o, s:{s:s}}", "name",
                                              json_clean(stage->files.list[i].name), "digest",
                                              digest_set(&stage->files.list[i].digest),
                                              "annotations", "kind", "file of the command"));
    return list;
}

static json_t *make_outs(const struct lock_stage *stage)
{
    json_t *outs = json_object();
    for (size_t i = 0; i < stage->outs.count; i++) {
        const struct lock_item *out = &stage->outs.list[i];
        outs = json_object_with(outs, out->name,
                                json_pack("{s:o, s:s, s:o, s:I}", "path", json_clean(out->path),
                                          "kind", content_kind_name(out->content.kind), "digest",
                                          hex_json(&out->content.digest), "size",
                                          (json_int_t)out->content.size));
    }
    return outs;
}

static json_t *make_env(const struct lock_stage *stage)
{
    json_t *env = json_object();
    for (size_t i = 0; i < stage->env.count; i++)
        env = json_object_with(env, stage->env.list[i].name,
                               stage->env.list[i].absent ? json_null()
                                                         : hex_json(&stage->env.list[i].digest));
    return env;
}

/* As lines, like the lock file's. */
static json_t *make_fingerprint(const struct lock_stage *stage)
{
    json_t *lines = json_array();
    for (const char *at = stage->fingerprint; at != NULL && *at != '\0';) {
        struct text line = {0};
        const size_t length = strcspn(at, "\n");
        text_append(&line, at, length);
        lines = json_list_with(lines, line.failed ? NULL : json_clean(text_string(&line)));
        text_release(&line);
        at += length + (at[length] == '\n');
    }
    return lines;
}

static json_t *make_definition(const struct statement_about *about)
{
    const struct lock_stage *stage = about->stage;
    return json_pack("{s:s, s:{s:s, s:O, s:s, s:O, s:O}, s:{s:o, s:o, s:o, s:o}, s:o}", "buildType",
                     build_type, "externalParameters", "profile", about->section->profile, "sets",
                     about->section->sets, "stage", stage->name, "cmd", stage->cmd, "params",
                     stage->params, "internalParameters", "key", hex_json(&stage->key),
                     "fingerprint", make_fingerprint(stage), "env", make_env(stage), "outs",
                     make_outs(stage), "resolvedDependencies", make_dependencies(stage));
}

static json_t *make_details(const struct statement_about *about)
{
    const struct action *action = about->action;
    return json_pack("{s:{s:s, s:{s:s}}, s:{s:o, s:o, s:o}, s:[{s:s, s:o}]}", "builder", "id",
                     builder, "version", "reprise", about->version, "metadata", "invocationId",
                     hex_json(&about->stage->key), "startedOn", json_clean(action->started),
                     "finishedOn", times_end(action), "byproducts", "name", "log", "digest",
                     digest_set(&action->log));
}

json_t *statement_make(struct store *store, const struct statement_about *about, struct error *err)
{
    json_t *subjects = make_subjects(store, about->stage, err);
    if (subjects == NULL)
        return NULL;
    json_t *statement =
        json_pack("{s:s, s:o, s:s, s:{s:o, s:o}}", "_type", statement_type, "subject", subjects,
                  "predicateType", predicate_type, "predicate", "buildDefinition",
                  make_definition(about), "runDetails", make_details(about));
    if (statement == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a statement");
    return statement;
}

/* ---- checked ---- */

static int refuse_out(const json_t *said, const struct lock_stage *stage, struct error *err)
{
    for (size_t i = 0; i < stage->outs.count; i++) {
        char hex[DIGEST_HEX_SIZE];
        const struct lock_item *out = &stage->outs.list[i];
        const char *found = json_text(json_object_get(said, out->name), "digest");
        digest_to_hex(&out->content.digest, hex);
        if (strcmp(found, hex) != 0)
            return error_set(err, ERR_MISMATCH, "it says of out '%s' %.12s, the lock file %.12s",
                             out->name, found[0] != '\0' ? found : "nothing", hex);
    }
    return error_set(err, ERR_MISMATCH, "it says other outs than the lock file");
}

int statement_check(const json_t *statement, const struct lock_section *section,
                    const struct lock_stage *stage, struct error *err)
{
    char key[DIGEST_HEX_SIZE];
    const json_t *definition = json_at(statement, "predicate.buildDefinition");
    const json_t *external = json_object_get(definition, "externalParameters");
    const json_t *internal = json_object_get(definition, "internalParameters");
    digest_to_hex(&stage->key, key);
    if (strcmp(json_text(statement, "_type"), statement_type) != 0 ||
        strcmp(json_text(statement, "predicateType"), predicate_type) != 0 ||
        strcmp(json_text(definition, "buildType"), build_type) != 0)
        return error_set(err, ERR_MISMATCH, "it is no provenance of a stage");
    if (strcmp(json_text(external, "stage"), stage->name) != 0)
        return error_set(err, ERR_MISMATCH, "it is that of stage '%s'",
                         json_text(external, "stage"));
    if (strcmp(json_text(external, "profile"), section->profile) != 0)
        return error_set(err, ERR_MISMATCH, "it is that of profile '%s'",
                         json_text(external, "profile"));
    if (strcmp(json_text(internal, "key"), key) != 0)
        return error_set(err, ERR_MISMATCH,
                         "it is that of another run: key %.12s, the lock file has %.12s",
                         json_text(internal, "key"), key);
    json_t *outs = make_outs(stage);
    const json_t *said = json_object_get(internal, "outs");
    int result = outs == NULL ? error_set(err, ERR_MEMORY, "out of memory for a statement")
                 : json_equal(outs, said) ? 0
                                          : refuse_out(said, stage, err);
    json_decref(outs);
    return result;
}
