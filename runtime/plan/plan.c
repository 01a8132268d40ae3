#include "plan/plan.h"

#include "plan/plan_expand.h"
#include "plan/plan_link.h"
#include "plan/plan_stage.h"
#include "plan/suggest.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_drafts(const struct expanded_plan *pipeline, struct stage_draft *drafts,
                       struct error *err)
{
    size_t params = 0;
    for (size_t i = 0; i < pipeline->count; i++)
        if (stage_draft_read(pipeline->tree, &pipeline->stages[i], &params, &drafts[i], err) < 0)
            return -1;
    return 0;
}

static int fill_stages(const struct expanded_plan *pipeline, struct plan *plan, struct error *err)
{
    size_t count = pipeline->count;
    struct stage_draft *drafts = memory_new(count, sizeof(*drafts), err);
    if (drafts == NULL)
        return -1;
    int status = read_drafts(pipeline, drafts, err);
    if (status == 0)
        status = plan_link_deps(drafts, count, plan->folder, err);
    if (status == 0)
        status = plan_link_check_publish(drafts, count, err);
    if (status == 0)
        status = plan_link_order(drafts, count, plan, err);
    for (size_t i = 0; i < count; i++)
        stage_draft_release(&drafts[i]);
    free(drafts);
    return status;
}

int plan_parse(const char *file, const char *folder, const char *data, size_t size,
               const char *profile, const char *const *sets, size_t set_count, struct plan **plan,
               struct error *err)
{
    struct expanded_plan *pipeline = NULL;
    struct plan *made = memory_new(1, sizeof(*made), err);
    int status = -1;
    if (made == NULL ||
        plan_expand(file, data, size, profile, sets, set_count, &pipeline, err) < 0 ||
        (made->file = memory_copy_text(file, err)) == NULL ||
        (made->folder = memory_copy_text(folder, err)) == NULL ||
        (made->profile = memory_copy_text(pipeline->profile, err)) == NULL)
        goto done;
    made->sets = json_incref(pipeline->sets);
    if (fill_stages(pipeline, made, err) < 0)
        goto done;
    *plan = made;
    made = NULL;
    status = 0;
done:
    plan_expand_free(pipeline);
    plan_free(made);
    return status;
}

/* The folder that holds a file, absolute and without links. */
static char *folder_of(const char *file, struct error *err)
{
    const char *slash = strrchr(file, '/');
    struct text name = {0};
    if (slash == NULL)
        text_add(&name, ".");
    else
        text_append(&name, file, (size_t)(slash - file) + 1);
    char *folder = NULL;
    if (text_check(&name, err) == 0 && (folder = realpath(name.data, NULL)) == NULL)
        error_errno(err, "cannot find the folder of '%s'", file);
    text_release(&name);
    return folder;
}

int plan_read(const char *file, const char *profile, const char *const *sets, size_t set_count,
              struct plan **plan, struct error *err)
{
    char *data = NULL, *folder = NULL;
    size_t size;
    if (!file_exists(file))
        return error_set(err, ERR_USAGE,
                         "there is no '%s': go to the project's folder or name it with -C, or "
                         "another file with --file",
                         file);
    int status = file_read(file, YAML_TREE_FILE_LIMIT, &data, &size, err);
    if (status == 0 && (folder = folder_of(file, err)) == NULL)
        status = -1;
    if (status < 0 && err->kind != ERR_MEMORY)
        err->kind = ERR_USAGE;
    if (status == 0)
        status = plan_parse(file, folder, data, size, profile, sets, set_count, plan, err);
    free(folder);
    free(data);
    return status;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++)
        plan_stage_release(&plan->stages[i]);
    free(plan->stages);
    json_decref(plan->sets);
    free(plan->profile);
    free(plan->folder);
    free(plan->file);
    free(plan);
}

int plan_find(const struct plan *plan, const char *stage, size_t *index, struct error *err)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->stages[i].name, stage) == 0) {
            *index = i;
            return 0;
        }
    char buffer[SUGGEST_SIZE];
    const char **names = memory_new(plan->count, sizeof(*names), err);
    if (names == NULL)
        return -1;
    for (size_t i = 0; i < plan->count; i++)
        names[i] = plan->stages[i].name;
    error_set(err, ERR_USAGE, "unknown stage '%s'%s", stage,
              suggest_word(buffer, stage, names, plan->count));
    free(names);
    return -1;
}
