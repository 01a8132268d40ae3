#include "command/metrics_badge.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/number.h"
#include "command/badge.h"
#include "command/numbers.h"
#include "command/print.h"
#include "runner/requirement.h"

#include <stdlib.h>
#include <string.h>

/* What is behind "prefix.", or NULL. */
static const char *behind(const char *name, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

/* Of the bounds on this number, the one that is missed counts. */
static int judge(const struct project *project, const struct job *job, const char *metric,
                 enum badge_verdict *verdict, struct number *counts, struct error *err)
{
    for (size_t i = 0; i < job->stage->requirement_count; i++) {
        const struct plan_requirement *bound = &job->stage->requirements[i];
        const char *member = behind(metric, job->stage->outs[bound->out].name);
        struct requirement_result result;
        if (member == NULL || strcmp(member, bound->member) != 0)
            continue;
        if (requirement_check_job(project, job->stage, i, job->action, &result, err) < 0)
            return -1;
        if (*verdict == BADGE_MISSED)
            continue;
        *verdict = result.met ? BADGE_MET : BADGE_MISSED;
        *counts = bound->bound;
    }
    return 0;
}

static int find_verdict(const struct jobs *jobs, const char *name, enum badge_verdict *verdict,
                        struct number *counts, struct error *err)
{
    *verdict = BADGE_NO_BOUND;
    for (size_t i = 0; i < jobs->count; i++) {
        const char *metric = behind(name, jobs->list[i].stage->name);
        if (metric != NULL && jobs->list[i].state == JOB_CACHED &&
            judge(jobs->project, &jobs->list[i], metric, verdict, counts, err) < 0)
            return -1;
    }
    return 0;
}

static int unknown(const char *name, const json_t *numbers, struct error *err)
{
    const char *each, **names = memory_new(json_object_size(numbers) + 1, sizeof(*names), err);
    size_t count = 0;
    json_t *ignored;
    if (names == NULL)
        return -1;
    json_object_foreach ((json_t *)numbers, each, ignored)
        names[count++] = each;
    const char *nearest = text_nearest(name, names, count);
    if (nearest != NULL)
        error_set(err, ERR_USAGE, "--badge '%s': no result has that metric, did you mean '%s'?",
                  name, nearest);
    else
        error_set(err, ERR_USAGE, "--badge '%s': no result has that metric: see reprise metrics",
                  name);
    free(names);
    return -1;
}

/* The metric's own name is its label: that of the stage's group and of the file says less. */
static int print(const char *label, const json_t *value, enum badge_verdict verdict,
                 const struct number *counts, struct error *err)
{
    struct text svg = {0}, shown = {0};
    struct number number;
    char apart[JSON_NUMBER_SIZE], bound[JSON_NUMBER_SIZE];
    if (verdict != BADGE_NO_BOUND && number_from_json(value, &number)) {
        number_show_apart(&number, counts, apart, bound);
        text_add(&shown, apart);
    } else
        numbers_show(&shown, value);
    badge_svg(label, text_string(&shown), verdict, &svg);
    svg.failed |= shown.failed;
    text_release(&shown);
    return print_text(&svg, err);
}

int metrics_badge(const struct jobs *jobs, const json_t *metrics, const char *name,
                  struct error *err)
{
    const char *out, *label = name;
    json_t *numbers = json_object(), *object;
    enum badge_verdict verdict;
    struct number counts = {0};
    json_object_foreach ((json_t *)metrics, out, object) {
        if (!json_is_object(object)) /* "schema" */
            continue;
        numbers = numbers_flatten(numbers, out, object, true);
        label = behind(name, out) != NULL ? behind(name, out) : label;
    }
    const json_t *value = json_object_get(numbers, name);
    int result;
    if (numbers == NULL)
        result = error_set(err, ERR_MEMORY, "out of memory for the metrics");
    else if (value == NULL)
        result = unknown(name, numbers, err);
    else if ((result = find_verdict(jobs, name, &verdict, &counts, err)) == 0)
        result = print(label, value, verdict, &counts, err);
    json_decref(numbers);
    return result;
}
