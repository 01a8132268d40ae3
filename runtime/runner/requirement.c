#include "runner/requirement.h"

#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>

enum { METRICS_LIMIT = 64 << 20 };

static const char *relation_sign(enum plan_relation relation)
{
    static const char *const names[] = {
        [PLAN_LESS] = "<",           [PLAN_LESS_EQUAL] = "<=", [PLAN_EQUAL] = "==",
        [PLAN_GREATER_EQUAL] = ">=", [PLAN_GREATER] = ">",
    };
    return names[relation];
}

json_t *requirement_metrics(struct store *store, const struct content *content, struct error *err)
{
    char *data;
    size_t size;
    json_error_t why;
    if (blob_read(store, &content->digest, METRICS_LIMIT, &data, &size, err) < 0)
        return NULL;
    json_t *metrics = json_loadb(data, size, 0, &why);
    free(data);
    if (metrics == NULL)
        error_set(err, ERR_FORMAT, "metrics are not JSON: line %d: %s", why.line, why.text);
    return metrics;
}

static bool holds(double value, enum plan_relation relation, double bound)
{
    switch (relation) {
    case PLAN_LESS: return value < bound;
    case PLAN_LESS_EQUAL: return value <= bound;
    case PLAN_EQUAL: return value == bound;
    case PLAN_GREATER_EQUAL: return value >= bound;
    case PLAN_GREATER: return value > bound;
    }
    return false;
}

static void judge(const struct plan_requirement *requirement, const json_t *metrics,
                  struct requirement_result *result)
{
    const json_t *value = json_at(metrics, requirement->member);
    *result = (struct requirement_result){.requirement = requirement};
    if (json_is_number(value)) {
        result->known = true;
        result->value = json_number_value(value);
        result->met = holds(result->value, requirement->relation, requirement->bound);
    }
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

int requirement_check_file(const struct plan_stage *stage, size_t index, const char *path,
                           struct requirement_result *result, struct error *err)
{
    json_t *metrics;
    if (json_read(path, &metrics, err) < 0)
        return -1;
    judge(&stage->requirements[index], metrics, result);
    json_decref(metrics);
    return 0;
}

void requirement_describe(const struct plan_stage *stage, const struct requirement_result *result,
                          struct text *text)
{
    const struct plan_requirement *requirement = result->requirement;
    text_addf(text, "%s.%s ", stage->outs[requirement->out].name, requirement->member);
    if (result->known)
        text_addf(text, "is %.6g", result->value);
    else
        text_add(text, "is no number of the metrics");
    text_addf(text, ", required %s %.6g", relation_sign(requirement->relation), requirement->bound);
}

json_t *requirement_json(const struct plan_stage *stage, const struct requirement_result *result)
{
    const struct plan_requirement *requirement = result->requirement;
    struct text metric = {0};
    text_addf(&metric, "%s.%s", stage->outs[requirement->out].name, requirement->member);
    json_t *json =
        json_pack("{s:s, s:s, s:f, s:o, s:b}", "metric", text_string(&metric), "relation",
                  relation_sign(requirement->relation), "bound", requirement->bound, "value",
                  result->known ? json_real(result->value) : json_null(), "met", result->met);
    text_release(&metric);
    return json;
}
