#include "runner/params_check.h"

#include "base/memory.h"
#include "base/text.h"
#include "runner/asked.h"
#include "runner/stage_json.h"

#include <stdlib.h>
#include <string.h>

static const char metric[] = "metric ";
enum { METRICS_MAX = 256 };

static int is_valid(const struct question *question, const char *text, struct error *err)
{
    (void)question;
    (void)text;
    (void)err;
    return 0; /* other lines are for people */
}

int params_check(const struct project *project, const struct plan_stage *stage,
                 const struct invocation *invocation, enum store_depth depth, char **metrics,
                 struct error *err)
{
    if (!invocation->by_path) {
        *metrics = memory_copy_text("", err);
        return *metrics == NULL ? -1 : 0;
    }
    json_t *document = stage_json_for_check(project, stage, err);
    if (document == NULL)
        return -1;
    const struct question question = {.project = project,
                                      .stage = stage,
                                      .invocation = invocation,
                                      .program = invocation->program,
                                      .option = "--check",
                                      .argument = "stage.json",
                                      .document = document};
    int result = asked(&question, invocation, depth, is_valid, metrics, err);
    json_decref(document);
    if (result < 0 && err->kind == ERR_USAGE)
        error_prefix(err, "%s:%d:%d: stage '%s': ", project->plan->file, stage->place.line,
                     stage->place.column, stage->name);
    return result;
}

/* The names among the lines, in `text`, which is cut up; how many. */
static size_t split_names(char *text, const char *names[METRICS_MAX])
{
    size_t count = 0;
    for (char *line = text; *line != '\0' && count < METRICS_MAX;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (strncmp(line, metric, sizeof(metric) - 1) == 0)
            names[count++] = line + sizeof(metric) - 1;
        line = next;
    }
    return count;
}

/* Whether the member is `name`, or one that its `*` stands for. */
static bool stands_for(const char *name, const char *member)
{
    const char *star = strchr(name, '*');
    if (star == NULL)
        return strcmp(name, member) == 0;
    size_t before = (size_t)(star - name), after = strlen(star + 1), size = strlen(member);
    return size > before + after && strncmp(name, member, before) == 0 &&
           strcmp(member + size - after, star + 1) == 0;
}

int params_check_requirements(const struct project *project, const struct plan_stage *stage,
                              const char *metrics, struct error *err)
{
    const char *names[METRICS_MAX];
    char *text = memory_copy_text(metrics, err);
    if (text == NULL)
        return -1;
    size_t count = split_names(text, names);
    int result = 0;
    for (size_t i = 0; i < stage->requirement_count && count > 0 && result == 0; i++) {
        const struct plan_requirement *requirement = &stage->requirements[i];
        size_t at = 0;
        while (at < count && !stands_for(names[at], requirement->member))
            at++;
        if (at < count)
            continue;
        const char *out = stage->outs[requirement->out].name;
        const char *nearest = text_nearest(requirement->member, names, count);
        result = error_set(
            err, ERR_USAGE, "%s:%d:%d: stage '%s': there will be no metric '%s.%s'%s%s%s%s%s",
            project->plan->file, requirement->place.line, requirement->place.column, stage->name,
            out, requirement->member, nearest != NULL ? ", did you mean '" : "",
            nearest != NULL ? out : "", nearest != NULL ? "." : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "'?" : "");
    }
    free(text);
    return result;
}
