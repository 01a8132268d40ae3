#include "command/difference.h"

#include "base/json.h"
#include "base/text.h"
#include "command/numbers.h"
#include "runner/key.h"

#include <math.h>
#include <string.h>

/* ---- parameters and keys ---- */

/* Texts of any bytes: JSON gets them as a terminal shows them; null for "". */
static json_t *shown(const char *bytes)
{
    return bytes[0] == '\0' ? json_null() : json_clean(bytes);
}

static bool same(const json_t *entry, const char *name, const json_t *value)
{
    return json_equal(json_object_get(entry, name), value);
}

/* The stage joins those that have the same change, or the change begins a list. */
static json_t *with_param(json_t *params, const char *stage, const struct key_change *change)
{
    size_t index;
    json_t *entry, *joined = NULL;
    json_t *name = shown(change->component + strlen("param "));
    json_t *before = shown(change->before), *after = shown(change->after);
    json_array_foreach (params, index, entry)
        if (same(entry, "name", name) && same(entry, "a", before) && same(entry, "b", after))
            joined = entry;
    if (joined != NULL) {
        bool added =
            json_array_append_new(json_object_get(joined, "stages"), json_string(stage)) == 0;
        json_decref(name);
        json_decref(before);
        json_decref(after);
        return added ? params : json_list_with(params, NULL);
    }
    entry = json_object_with(json_object(), "name", name);
    entry = json_object_with(entry, "a", before);
    entry = json_object_with(entry, "b", after);
    return json_list_with(
        params,
        json_object_with(entry, "stages", json_list_with(json_array(), json_string(stage))));
}

static json_t *change_json(const struct key_change *change)
{
    json_t *json = json_object_with(json_object(), "component", shown(change->component));
    json = json_object_with(json, "a", shown(change->before));
    return json_object_with(json, "b", shown(change->after));
}

/* The two texts that can be compared, or NULL. */
static const char *comparable(const struct side_stage *stage, const struct side_stage *other)
{
    return stage->components != NULL && other->components != NULL ? stage->components
           : stage->from_lock != NULL && other->from_lock != NULL ? stage->from_lock
                                                                  : NULL;
}

/* *known is false where what the keys were made of can't be read. */
static int compare_keys(const struct side_stage *a, const struct side_stage *b, json_t **params,
                        json_t **list, bool *known, struct error *err)
{
    struct key_change *changes = NULL;
    size_t count = 0;
    const char *before = comparable(a, b), *after = comparable(b, a);
    *known = before != NULL;
    if (before == NULL || digest_equal(&a->key, &b->key))
        return 0;
    if (key_compare(before, after, &changes, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        *list = json_list_with(*list, change_json(&changes[i]));
        if (strncmp(changes[i].component, "param ", strlen("param ")) == 0)
            *params = with_param(*params, b->name, &changes[i]);
    }
    key_free_changes(changes, count);
    return 0;
}

/* ---- stages ---- */

static json_t *digest_json(const struct content *content)
{
    char hex[DIGEST_HEX_SIZE];
    if (content == NULL)
        return json_null();
    digest_to_hex(&content->digest, hex);
    return json_string(hex);
}

static json_t *with_out(json_t *outs, const char *name, const struct content *a,
                        const struct content *b)
{
    const bool equal = a != NULL && b != NULL && digest_equal(&a->digest, &b->digest);
    json_t *out = json_pack("{s:s, s:b}", "name", name, "equal", equal);
    out = json_object_with(out, "a", digest_json(a));
    return json_list_with(outs, json_object_with(out, "b", digest_json(b)));
}

static json_t *outs_json(const struct side_stage *a, const struct side_stage *b)
{
    json_t *outs = json_array();
    for (size_t i = 0; b != NULL && i < b->out_count; i++)
        outs = with_out(outs, b->outs[i].name, side_out(a, b->outs[i].name), &b->outs[i].content);
    for (size_t i = 0; a != NULL && i < a->out_count; i++)
        if (side_out(b, a->outs[i].name) == NULL)
            outs = with_out(outs, a->outs[i].name, &a->outs[i].content, NULL);
    return outs;
}

static json_t *seconds_json(const struct side_stage *stage)
{
    return stage == NULL || stage->action == NULL ? json_null()
                                                  : json_measured(stage->action->seconds);
}

static json_t *cached_json(const struct side_stage *stage)
{
    return stage == NULL ? json_null() : json_boolean(stage->cached);
}

static json_t *pair(json_t *a, json_t *b)
{
    return json_object_with(json_object_with(json_object(), "a", a), "b", b);
}

/* One stage of both sides, or of one. */
static int add_stage(const struct side_stage *a, const struct side_stage *b, json_t **stages,
                     json_t **params, struct error *err)
{
    bool known = true;
    json_t *changes = json_array();
    if (a != NULL && b != NULL && compare_keys(a, b, params, &changes, &known, err) < 0) {
        json_decref(changes);
        return -1;
    }
    const char *state = a == NULL                        ? "added"
                        : b == NULL                      ? "removed"
                        : digest_equal(&a->key, &b->key) ? "equal"
                                                         : "changed";
    json_t *stage = json_pack("{s:s, s:s, s:b}", "name", b != NULL ? b->name : a->name, "state",
                              state, "known", known);
    stage = json_object_with(stage, "changes", changes);
    stage = json_object_with(stage, "seconds", pair(seconds_json(a), seconds_json(b)));
    stage = json_object_with(stage, "cached", pair(cached_json(a), cached_json(b)));
    *stages = json_list_with(*stages, json_object_with(stage, "outs", outs_json(a, b)));
    return 0;
}

/* ---- metrics ---- */

/* Those of a run whose results are gone have no name of an out. */
static json_t *numbers_of(const struct side_stage *stage, bool bare)
{
    const char *out;
    json_t *metrics, *flat = json_object();
    json_object_foreach (stage->metrics, out, metrics)
        flat = numbers_flatten(flat, bare ? "" : out, metrics, true);
    return flat;
}

static bool ends_in_one_of(const char *name, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strlen(name) >= strlen(*words) &&
            strcmp(name + strlen(name) - strlen(*words), *words) == 0)
            return true;
    return false;
}

/* 1 where more is better, -1 where less is: as a bound says, else by the name; 0: nobody says. */
static int direction(const struct plan *plan, const char *stage, const char *metric)
{
    static const char *const more[] = {"accuracy", "precision", "recall", "f1", "auc", NULL};
    static const char *const less[] = {"loss", "error", "mse", "mae", "rmse", NULL};
    struct error ignored;
    size_t at;
    if (plan_find(plan, stage, &at, &ignored) == 0)
        for (size_t i = 0; i < plan->stages[at].requirement_count; i++) {
            const struct plan_requirement *bound = &plan->stages[at].requirements[i];
            const char *out = plan->stages[at].outs[bound->out].name;
            const size_t length = strlen(out);
            if (strncmp(metric, out, length) == 0 && metric[length] == '.' &&
                strcmp(metric + length + 1, bound->member) == 0 && bound->relation != PLAN_EQUAL)
                return bound->relation > PLAN_EQUAL ? 1 : -1;
        }
    return ends_in_one_of(metric, more) ? 1 : ends_in_one_of(metric, less) ? -1 : 0;
}

static json_t *metric_json(const struct plan *plan, const char *stage, const char *name, json_t *a,
                           json_t *b)
{
    double before, after;
    const bool both = numbers_value(a, &before) && numbers_value(b, &after);
    const double difference = both ? after - before : NAN;
    const int way = direction(plan, stage, name);
    json_t *json = json_pack("{s:s, s:s}", "stage", stage, "metric", name);
    json = json_object_with(json, "a", a != NULL ? json_incref(a) : json_null());
    json = json_object_with(json, "b", b != NULL ? json_incref(b) : json_null());
    json = json_object_with(json, "difference", json_measured(difference));
    return json_object_with(json, "better",
                            way == 0 || !both || before == after
                                ? json_null()
                                : json_boolean((after > before) == (way > 0)));
}

static json_t *with_metrics(json_t *list, const struct plan *plan, const struct side_stage *a,
                            const struct side_stage *b)
{
    const bool bare = json_object_get(a->metrics, "") || json_object_get(b->metrics, "");
    json_t *before = numbers_of(a, bare), *after = numbers_of(b, bare), *value;
    const char *name;
    if (before == NULL || after == NULL)
        list = json_list_with(list, NULL);
    json_object_foreach (after, name, value)
        list = json_list_with(
            list, metric_json(plan, b->name, name, json_object_get(before, name), value));
    json_object_foreach (before, name, value)
        if (json_object_get(after, name) == NULL)
            list = json_list_with(list, metric_json(plan, b->name, name, value, NULL));
    json_decref(before);
    json_decref(after);
    return list;
}

/* ---- all of it ---- */

static json_t *side_json(const struct side *side)
{
    return json_pack("{s:s, s:s, s:s, s:O?}", "name", side->name, "started", side->started,
                     "profile", side->profile, "sets", side->sets);
}

json_t *difference_make(const struct plan *plan, const struct side *a, const struct side *b,
                        struct error *err)
{
    json_t *stages = json_array(), *params = json_array(), *metrics = json_array();
    int result = 0;
    for (size_t i = 0; i < b->count && result == 0; i++) {
        const struct side_stage *before = side_find(a, b->stages[i].name);
        result = add_stage(before, &b->stages[i], &stages, &params, err);
        if (before != NULL)
            metrics = with_metrics(metrics, plan, before, &b->stages[i]);
    }
    for (size_t i = 0; i < a->count && result == 0; i++)
        if (side_find(b, a->stages[i].name) == NULL)
            result = add_stage(&a->stages[i], NULL, &stages, &params, err);
    json_t *all = json_object_with(json_pack("{s:i}", "schema", 1), "a", side_json(a));
    all = json_object_with(all, "b", side_json(b));
    all = json_object_with(all, "params", params);
    all = json_object_with(all, "metrics", metrics);
    all = json_object_with(all, "stages", stages);
    if (result == 0 && all == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the difference");
    if (result < 0) {
        json_decref(all);
        return NULL;
    }
    return all;
}
