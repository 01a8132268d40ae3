/* Any bytes as pipeline.yaml: they are refused in one line, or give a plan that
 * keeps its promises. */
#include "fuzz/fuzz_folder.h"

#include "command/dag.h"
#include "plan/plan_read.h"

#include <stdlib.h>
#include <string.h>

static void check_stage(const struct plan *plan, size_t index)
{
    const struct plan_stage *stage = &plan->stages[index];
    ASSERT(stage->argc > 0 && stage->argv[stage->argc] == NULL);
    ASSERT(json_is_object(stage->params));
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        for (size_t j = 0; j < dep->member_count; j++) {
            const struct plan_member *member = &dep->members[j];
            ASSERT(member->stage < index);
            ASSERT(member->out < plan->stages[member->stage].out_count);
            ASSERT(j == 0 || strcmp(member[-1].name, member->name) < 0);
        }
        if (dep->path != NULL || dep->member_count > 0)
            continue;
        ASSERT(dep->stage < index);
        ASSERT(dep->out < plan->stages[dep->stage].out_count);
    }
    for (size_t i = 0; i < stage->out_count; i++) {
        ASSERT(stage->outs[i].path[0] != '/' && stage->outs[i].path[0] != '\0');
        ASSERT(strncmp(stage->outs[i].path, "../", 3) != 0);
    }
    for (size_t i = 0; i < stage->requirement_count; i++)
        ASSERT(stage->requirements[i].out < stage->out_count);
}

static void check_plan(const struct plan *plan)
{
    struct error err = {0};
    char *picture = NULL;
    size_t size;
    for (size_t i = 0; i < plan->count; i++)
        check_stage(plan, i);
    FILE *stream = open_memstream(&picture, &size);
    if (stream == NULL)
        return;
    ASSERT(dag_print(plan, DAG_MERMAID, stream, &err) == 0);
    fclose(stream);
    free(picture);
}

enum fuzz_verdict fuzz_pipeline(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct plan *plan = NULL;
    if (plan_parse("pipeline.yaml", "tests/runner/project", (const char *)data, size, NULL, NULL, 0,
                   &plan, &err) < 0) {
        ASSERT(plan == NULL);
        ASSERT(err.kind == ERR_USAGE && fuzz_error_is_good(&err));
        return FUZZ_REFUSED;
    }
    check_plan(plan);
    plan_free(plan);
    return FUZZ_ACCEPTED;
}
