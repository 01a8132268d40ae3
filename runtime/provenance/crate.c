#include "provenance/crate.h"

#include "base/json.h"
#include "base/text.h"
#include "provenance/times.h"

#include <stdarg.h>
#include <string.h>

static const char *const profiles[][3] = {
    {"https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"},
    {"https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"},
};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

struct crate {
    const struct crate_about *about;
    json_t *graph;
};

/* ---- JSON-LD ---- */

/* What an IRI may hold as it is; all other bytes are written as %XX. */
static void add_escaped(struct text *text, const char *bytes)
{
    for (; *bytes != '\0'; bytes++)
        if ((*bytes >= 'a' && *bytes <= 'z') || (*bytes >= 'A' && *bytes <= 'Z') ||
            (*bytes >= '0' && *bytes <= '9') || strchr("-._~/@=", *bytes) != NULL)
            text_append(text, bytes, 1);
        else
            text_addf(text, "%%%02X", (unsigned)(unsigned char)*bytes);
}

/* An id of up to four parts, of which those that are names are escaped. */
static json_t *id_of(const char *before, const char *name, const char *between, const char *more)
{
    struct text text = {0};
    text_add(&text, before);
    add_escaped(&text, name);
    text_add(&text, between);
    add_escaped(&text, more);
    json_t *id = text.failed ? NULL : json_string(text_string(&text));
    text_release(&text);
    return id;
}

/* {"@id": id}, which is taken. */
static json_t *refer(json_t *id)
{
    return json_pack("{s:o}", "@id", id);
}

static json_t *refer_to(const char *id)
{
    return refer(json_string(id));
}

static void add(struct crate *crate, json_t *entity)
{
    crate->graph = json_list_with(crate->graph, entity);
}

static json_t *stage_id(const char *stage)
{
    return id_of("#stage-", stage, "", "");
}

static json_t *run_id(const char *stage)
{
    return id_of("#run-", stage, "", "");
}

/* The pipeline's file, which lies in the folder that is described. */
static json_t *pipeline_id(const struct crate *crate)
{
    const char *file = crate->about->plan->file, *slash = strrchr(file, '/');
    return id_of("", slash != NULL ? slash + 1 : file, "", "");
}

static json_t *step_id(const char *stage)
{
    return id_of("#step-", stage, "", "");
}

/* A folder's id ends with a slash. */
static json_t *out_id(const char *stage, const struct lock_item *out)
{
    struct text path = {0};
    text_addf(&path, "%s/%s", stage, out->path);
    json_t *id =
        id_of("artifacts/", text_string(&path), out->content.kind == CONTENT_FOLDER ? "/" : "", "");
    text_release(&path);
    return id;
}

/* The out of a "stage.out", or NULL where the path is that of a file. */
static const struct lock_item *out_named(const struct crate *crate, const char *path,
                                         const char **stage)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < crate->about->count; i++) {
        const struct lock_stage *entry = crate->about->stages[i].entry;
        if (strlen(entry->name) == (size_t)(dot - path) &&
            strncmp(entry->name, path, (size_t)(dot - path)) == 0) {
            *stage = entry->name;
            return lock_find_item(&entry->outs, dot + 1);
        }
    }
    return NULL;
}

static bool is_parameter_of_out(const struct crate *crate, const struct lock_item *dep)
{
    const char *stage;
    return out_named(crate, dep->path, &stage) != NULL;
}

static json_t *parameter_id(const char *path)
{
    return id_of("#parameter-", path, "", "");
}

static json_t *out_parameter_id(const char *stage, const char *out)
{
    return id_of("#parameter-", stage, ".", out);
}

/* What a dep is: an out, or a file beside the pipeline; "./" is the crate itself, not its folders.
 */
static json_t *dep_id(const struct crate *crate, const struct lock_item *dep)
{
    const char *stage;
    const struct lock_item *out = out_named(crate, dep->path, &stage);
    if (out != NULL)
        return out_id(stage, out);
    if (strcmp(dep->path, ".") == 0)
        return id_of("#folders", "", "", "");
    return id_of(dep->path[0] == '/' ? "file://" : "", dep->path,
                 dep->content.kind == CONTENT_FOLDER ? "/" : "", "");
}

/* ---- data ---- */

static void add_content(struct crate *crate, json_t *id, const char *name,
                        const struct content *content, json_t *parameter)
{
    char hex[DIGEST_HEX_SIZE], size[24];
    digest_to_hex(&content->digest, hex);
    snprintf(size, sizeof(size), "%lld", (long long)content->size);
    add(crate,
        json_pack("{s:o, s:s, s:o, s:s, s:s, s:o}", "@id", id, "@type",
                  content->kind == CONTENT_FOLDER ? "Dataset" : "File", "name", json_clean(name),
                  content->kind == CONTENT_FOLDER ? "treeDigest" : "sha256", hex, "contentSize",
                  size, "exampleOfWork", refer(parameter)));
}

static void add_parameter(struct crate *crate, json_t *id, const char *name,
                          const struct content *content)
{
    add(crate, json_pack("{s:o, s:s, s:s, s:o, s:o}", "@id", id, "@type", "FormalParameter",
                         "additionalType", content->kind == CONTENT_FOLDER ? "Dataset" : "File",
                         "name", json_clean(name), "conformsTo",
                         refer_to("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE")));
}

/* True where a stage before has it too. */
static bool is_told(const struct crate *crate, size_t stage, const char *path)
{
    for (size_t i = 0; i < stage; i++) {
        const struct lock_items *deps = &crate->about->stages[i].entry->deps;
        for (size_t d = 0; d < deps->count; d++)
            if (strcmp(deps->list[d].path, path) == 0)
                return true;
    }
    return false;
}

static bool is_first(const struct crate *crate, size_t stage, const struct lock_item *dep)
{
    const struct lock_items *deps = &crate->about->stages[stage].entry->deps;
    for (const struct lock_item *item = deps->list; item < dep; item++)
        if (strcmp(item->path, dep->path) == 0)
            return false;
    return !is_told(crate, stage, dep->path);
}

/* Calls `visit` for each file that comes from outside, once. */
typedef void outside_fn(struct crate *crate, const struct lock_item *dep, json_t **list);
static void each_outside(struct crate *crate, outside_fn *visit, json_t **list)
{
    for (size_t i = 0; i < crate->about->count; i++) {
        const struct lock_items *deps = &crate->about->stages[i].entry->deps;
        for (size_t d = 0; d < deps->count; d++)
            if (!is_parameter_of_out(crate, &deps->list[d]) && is_first(crate, i, &deps->list[d]))
                visit(crate, &deps->list[d], list);
    }
}

static void add_outside(struct crate *crate, const struct lock_item *dep, json_t **list)
{
    (void)list;
    add_content(crate, dep_id(crate, dep), dep->path, &dep->content, parameter_id(dep->path));
    add_parameter(crate, parameter_id(dep->path), dep->path, &dep->content);
}

static void list_outside(struct crate *crate, const struct lock_item *dep, json_t **list)
{
    *list = json_list_with(*list, refer(dep_id(crate, dep)));
}

static void list_outside_parameter(struct crate *crate, const struct lock_item *dep, json_t **list)
{
    (void)crate;
    *list = json_list_with(*list, refer(parameter_id(dep->path)));
}

static void add_outs(struct crate *crate, const struct lock_stage *entry)
{
    for (size_t i = 0; i < entry->outs.count; i++) {
        const struct lock_item *out = &entry->outs.list[i];
        struct text name = {0};
        text_addf(&name, "%s.%s", entry->name, out->name);
        add_content(crate, out_id(entry->name, out), text_string(&name), &out->content,
                    out_parameter_id(entry->name, out->name));
        add_parameter(crate, out_parameter_id(entry->name, out->name), text_string(&name),
                      &out->content);
        text_release(&name);
    }
}

static json_t *list_outs(const struct crate *crate, bool parameters)
{
    json_t *list = json_array();
    for (size_t i = 0; i < crate->about->count; i++) {
        const struct lock_stage *entry = crate->about->stages[i].entry;
        for (size_t o = 0; o < entry->outs.count; o++)
            list = json_list_with(
                list, refer(parameters ? out_parameter_id(entry->name, entry->outs.list[o].name)
                                       : out_id(entry->name, &entry->outs.list[o])));
    }
    return list;
}

/* ---- stages ---- */

static json_t *list_deps(const struct crate *crate, const struct lock_stage *entry, bool parameters)
{
    json_t *list = json_array();
    for (size_t i = 0; i < entry->deps.count; i++)
        list = json_list_with(list, refer(parameters ? parameter_id(entry->deps.list[i].path)
                                                     : dep_id(crate, &entry->deps.list[i])));
    return list;
}

static json_t *list_own_outs(const struct lock_stage *entry, bool parameters)
{
    json_t *list = json_array();
    for (size_t i = 0; i < entry->outs.count; i++)
        list = json_list_with(
            list, refer(parameters ? out_parameter_id(entry->name, entry->outs.list[i].name)
                                   : out_id(entry->name, &entry->outs.list[i])));
    return list;
}

static void add_tool(struct crate *crate, const struct lock_stage *entry, size_t position)
{
    char number[24];
    snprintf(number, sizeof(number), "%zu", position + 1);
    add(crate, json_pack("{s:o, s:s, s:s, s:o, s:o}", "@id", stage_id(entry->name), "@type",
                         "SoftwareApplication", "name", entry->name, "input",
                         list_deps(crate, entry, true), "output", list_own_outs(entry, true)));
    add(crate, json_pack("{s:o, s:s, s:s, s:o, s:s}", "@id", step_id(entry->name), "@type",
                         "HowToStep", "name", entry->name, "workExample",
                         refer(stage_id(entry->name)), "position", number));
    add(crate, json_pack("{s:o, s:s, s:o, s:o}", "@id", id_of("#control-", entry->name, "", ""),
                         "@type", "ControlAction", "instrument", refer(step_id(entry->name)),
                         "object", refer(run_id(entry->name))));
}

static const char completed[] = "http://schema.org/CompletedActionStatus";

static void add_run(struct crate *crate, const struct crate_stage *stage)
{
    const struct lock_stage *entry = stage->entry;
    struct text name = {0};
    char key[DIGEST_HEX_SIZE];
    digest_to_hex(&entry->key, key);
    text_addf(&name, "stage %s", entry->name);
    add(crate, json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "@id",
                         run_id(entry->name), "@type", "CreateAction", "name", text_string(&name),
                         "identifier", key, "instrument", refer(stage_id(entry->name)), "object",
                         list_deps(crate, entry, false), "result", list_own_outs(entry, false),
                         "startTime", json_clean(stage->action->started), "endTime",
                         times_end(stage->action), "actionStatus", refer_to(completed)));
    text_release(&name);
}

/* ---- the whole ---- */

static json_t *profile_references(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < PROFILES; i++)
        list = json_list_with(list, refer_to(profiles[i][0]));
    return list;
}

static json_t *list_stages(const struct crate *crate, json_t *(*id)(const char *stage))
{
    json_t *list = json_array();
    for (size_t i = 0; i < crate->about->count; i++)
        list = json_list_with(list, refer(id(crate->about->stages[i].entry->name)));
    return list;
}

static json_t *control_id(const char *stage)
{
    return id_of("#control-", stage, "", "");
}

static void add_root(struct crate *crate)
{
    const json_t *record = crate->about->record;
    struct text name = {0};
    json_t *parts = list_outs(crate, false), *mentions = list_stages(crate, run_id);
    each_outside(crate, list_outside, &parts);
    parts = json_list_with(parts, refer(pipeline_id(crate)));
    mentions = json_list_with(mentions, refer_to("#run"));
    text_addf(&name, "Run %s of Reprise", json_text(record, "id"));
    add(crate, json_pack("{s:s, s:s, s:{s:s}, s:[{s:s}, {s:s}]}", "@id", "ro-crate-metadata.json",
                         "@type", "CreativeWork", "about", "@id", "./", "conformsTo", "@id",
                         "https://w3id.org/ro/crate/1.1", "@id", profiles[PROFILES - 1][0]));
    add(crate, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "@id", "./", "@type",
                         "Dataset", "name", text_string(&name), "description",
                         "A run of a pipeline: its stages, what each read and made, and when",
                         "datePublished", json_text(record, "started"), "license",
                         refer_to("#license"), "conformsTo", profile_references(), "hasPart", parts,
                         "mainEntity", refer(pipeline_id(crate)), "mentions", mentions));
    text_release(&name);
    add(crate, json_pack("{s:s, s:s, s:s, s:s}", "@id", "#license", "@type", "CreativeWork", "name",
                         "Not stated", "description", "The pipeline file names no license."));
    for (size_t i = 0; i < PROFILES; i++)
        add(crate, json_pack("{s:s, s:s, s:s, s:s}", "@id", profiles[i][0], "@type", "CreativeWork",
                             "name", profiles[i][1], "version", profiles[i][2]));
}

static void add_workflow(struct crate *crate)
{
    json_t *inputs = json_array();
    each_outside(crate, list_outside_parameter, &inputs);
    add(crate,
        json_pack("{s:o, s:[s, s, s, s], s:s, s:o, s:o, s:o, s:o, s:o}", "@id", pipeline_id(crate),
                  "@type", "File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo", "name",
                  "pipeline", "programmingLanguage", refer_to("#reprise"), "input", inputs,
                  "output", list_outs(crate, true), "hasPart", list_stages(crate, stage_id), "step",
                  list_stages(crate, step_id)));
    add(crate, json_pack("{s:s, s:[s, s], s:s, s:s, s:s, s:{s:s}, s:{s:s}}", "@id", "#reprise",
                         "@type", "ComputerLanguage", "SoftwareApplication", "name", "Reprise",
                         "version", crate->about->version, "softwareVersion", crate->about->version,
                         "identifier", "@id", "urn:reprise", "url", "@id", "urn:reprise"));
}

/* The run as a whole, and what directed it. */
static void add_whole(struct crate *crate)
{
    const json_t *record = crate->about->record;
    const char *started = json_text(record, "started");
    json_t *end = times_after(started, json_number_value(json_object_get(record, "seconds")));
    json_t *objects = json_array();
    each_outside(crate, list_outside, &objects);
    add(crate, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:O, s:o}", "@id", "#run",
                         "@type", "CreateAction", "name", "reprise run", "identifier",
                         json_text(record, "id"), "instrument", refer(pipeline_id(crate)), "object",
                         objects, "result", list_outs(crate, false), "startTime", started,
                         "endTime", end, "actionStatus", refer_to(completed)));
    add(crate, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:O}", "@id", "#engine-run", "@type",
                         "OrganizeAction", "name", "reprise", "instrument", refer_to("#reprise"),
                         "object", list_stages(crate, control_id), "result", refer_to("#run"),
                         "startTime", started, "endTime", end));
    json_decref(end);
}

json_t *crate_make(const struct crate_about *about, struct error *err)
{
    struct crate crate = {about, json_array()};
    add_root(&crate);
    add_workflow(&crate);
    add_whole(&crate);
    for (size_t i = 0; i < about->count; i++) {
        add_tool(&crate, about->stages[i].entry, i);
        add_run(&crate, &about->stages[i]);
        add_outs(&crate, about->stages[i].entry);
    }
    each_outside(&crate, add_outside, NULL);
    json_t *context = json_pack("[s, s, {s:s}]", "https://w3id.org/ro/crate/1.1/context",
                                "https://w3id.org/ro/terms/workflow-run/context", "treeDigest",
                                "urn:reprise:tree-sha256");
    json_t *json = json_pack("{s:o, s:o}", "@context", context, "@graph", crate.graph);
    if (json == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a crate");
    return json;
}
