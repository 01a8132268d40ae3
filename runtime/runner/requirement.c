#include "runner/requirement.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *relation_sign(enum plan_relation relation)
{
    static const char *const names[] = {
        [PLAN_LESS] = "<",           [PLAN_LESS_EQUAL] = "<=", [PLAN_EQUAL] = "==",
        [PLAN_GREATER_EQUAL] = ">=", [PLAN_GREATER] = ">",
    };
    return names[relation];
}

/* The version of a metrics file's form is no metric. */
static void drop_version(json_t *metrics)
{
    if (json_is_integer(json_object_get(metrics, "schema")))
        json_object_del(metrics, "schema");
}

json_t *requirement_metrics(struct store *store, const struct content *content, struct error *err)
{
    char *data;
    size_t size;
    json_error_t why;
    if (blob_read(store, &content->digest, JSON_FILE_LIMIT, &data, &size, err) < 0)
        return NULL;
    json_t *metrics = json_loadb(data, size, 0, &why);
    free(data);
    if (metrics == NULL)
        error_set(err, ERR_FORMAT, "metrics are not JSON: line %d: %s", why.line, why.text);
    drop_version(metrics);
    return metrics;
}

static bool holds(const struct number *value, enum plan_relation relation,
                  const struct number *bound)
{
    int order = number_compare(value, bound);
    switch (relation) {
    case PLAN_LESS: return order < 0;
    case PLAN_LESS_EQUAL: return order <= 0;
    case PLAN_EQUAL: return order == 0;
    case PLAN_GREATER_EQUAL: return order >= 0;
    case PLAN_GREATER: return order > 0;
    }
    return false;
}

/* The dotted names of all numbers. */
static int list_numbers(const json_t *object, const char *prefix, char ***names, size_t *count,
                        size_t *capacity, struct error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)object, name, value) {
        struct text dotted = {0};
        text_addf(&dotted, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", name);
        int result = text_check(&dotted, err);
        if (result == 0 && json_is_object(value))
            result = list_numbers(value, dotted.data, names, count, capacity, err);
        else if (result == 0 && json_is_number(value)) {
            result = memory_grow(names, capacity, *count + 1, sizeof(**names), err);
            if (result == 0) {
                (*names)[(*count)++] = dotted.data;
                dotted = (struct text){0};
            }
        }
        text_release(&dotted);
        if (result < 0)
            return -1;
    }
    return 0;
}

static void find_nearest(const json_t *metrics, struct requirement_result *result)
{
    struct error ignored;
    char **names = NULL;
    size_t count = 0, capacity = 0;
    if (list_numbers(metrics, "", &names, &count, &capacity, &ignored) == 0) {
        const char *nearest =
            text_nearest(result->requirement->member, (const char *const *)names, count);
        snprintf(result->nearest, sizeof(result->nearest), "%s", nearest != NULL ? nearest : "");
    }
    file_free_names(names, count);
}

static void judge(const struct plan_requirement *requirement, const json_t *metrics,
                  struct requirement_result *result)
{
    const json_t *value = json_at(metrics, requirement->member);
    *result = (struct requirement_result){.requirement = requirement};
    result->known = number_from_json(value, &result->value);
    if (result->known)
        result->met = holds(&result->value, requirement->relation, &requirement->bound);
    else
        find_nearest(metrics, result);
}

int requirement_check(struct store *store, const struct plan_stage *stage, size_t index,
                      const struct action *action, struct requirement_result *result,
                      struct error *err)
{
    const struct plan_requirement *requirement = &stage->requirements[index];
    const struct content *content = action_out(action, stage->outs[requirement->out].name);
    ASSERT(content != NULL);
    json_t *metrics = requirement_metrics(store, content, err);
    if (metrics == NULL)
        return error_prefix(err, "stage '%s': ", stage->name);
    judge(requirement, metrics, result);
    json_decref(metrics);
    return 0;
}

int requirement_check_job(const struct project *project, const struct plan_stage *stage,
                          size_t index, const struct action *action,
                          struct requirement_result *result, struct error *err)
{
    const struct plan_out *out = &stage->outs[stage->requirements[index].out];
    struct digest digest;
    struct error why = {0};
    if (requirement_check(project->lasting, stage, index, action, result, err) == 0)
        return 0;
    char *path = project_artifact(project, stage->name, out->path, &why);
    bool same = path != NULL && digest_of_file(path, &digest, &why) == 0 &&
                digest_equal(&digest, &action_out(action, out->name)->digest);
    int checked = same ? requirement_check_file(stage, index, path, result, err) : -1;
    free(path);
    return checked;
}

int requirement_check_file(const struct plan_stage *stage, size_t index, const char *path,
                           struct requirement_result *result, struct error *err)
{
    json_t *metrics;
    if (json_read(path, &metrics, err) < 0)
        return -1;
    drop_version(metrics);
    judge(&stage->requirements[index], metrics, result);
    json_decref(metrics);
    return 0;
}

static void add_numbers(struct text *text, const struct number *value, const char *sign,
                        const struct number *bound)
{
    char a[JSON_NUMBER_SIZE], b[JSON_NUMBER_SIZE];
    number_show_apart(value, bound, a, b);
    text_addf(text, "is %s, required %s %s", a, sign, b);
}

void requirement_name(const struct plan_stage *stage, size_t index, struct text *text)
{
    const struct plan_requirement *requirement = &stage->requirements[index];
    char bound[JSON_NUMBER_SIZE];
    number_text(&requirement->bound, bound);
    text_addf(text, "%s.%s %s %s", stage->outs[requirement->out].name, requirement->member,
              relation_sign(requirement->relation), bound);
}

void requirement_describe(const struct plan_stage *stage, const struct requirement_result *result,
                          struct text *text)
{
    const struct plan_requirement *requirement = result->requirement;
    const char *sign = relation_sign(requirement->relation);
    text_addf(text, "%s.%s ", stage->outs[requirement->out].name, requirement->member);
    if (result->known) {
        add_numbers(text, &result->value, sign, &requirement->bound);
        return;
    }
    text_add(text, "is no number of the metrics");
    if (result->nearest[0] != '\0')
        text_addf(text, ", did you mean '%s'?", result->nearest);
    else {
        char bound[JSON_NUMBER_SIZE];
        number_show(&requirement->bound, bound);
        text_addf(text, ", required %s %s", sign, bound);
    }
}

json_t *requirement_json(const struct plan_stage *stage, const struct requirement_result *result)
{
    const struct plan_requirement *requirement = result->requirement;
    struct text metric = {0};
    text_addf(&metric, "%s.%s", stage->outs[requirement->out].name, requirement->member);
    json_t *json = metric.failed
                       ? NULL
                       : json_pack("{s:s, s:s, s:o, s:o, s:b}", "metric", text_string(&metric),
                                   "relation", relation_sign(requirement->relation), "bound",
                                   number_to_json(&requirement->bound), "value",
                                   result->known ? number_to_json(&result->value) : json_null(),
                                   "met", result->met);
    text_release(&metric);
    return json;
}
