#include "plan/plan_read.h"

#include "plan/plan_cuda.h"
#include "plan/plan_expand.h"
#include "plan/plan_link.h"
#include "plan/plan_order.h"
#include "plan/plan_publish.h"
#include "plan/plan_stage.h"
#include "plan/stage_cmd.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every stage, and its command where that names neither deps nor outs: while the stage's nodes are
 * at hand. */
static int read_drafts(const struct expanded_plan *pipeline, struct stage_draft *drafts,
                       struct expand_scope *scope, const char *folder, struct error *err)
{
    for (size_t i = 0; i < pipeline->count; i++)
        if (stage_draft_read(pipeline->tree, &pipeline->stages[i], &drafts[i], err) < 0 ||
            (!stage_cmd_needs_deps(&drafts[i]) &&
             stage_cmd_read(drafts, i, scope, folder, err) < 0))
            return -1;
    return 0;
}

static int read_late_commands(const struct expanded_plan *pipeline, struct stage_draft *drafts,
                              struct expand_scope *scope, const char *folder, struct error *err)
{
    for (size_t i = 0; i < pipeline->count; i++)
        if (stage_cmd_needs_deps(&drafts[i]) && stage_cmd_read(drafts, i, scope, folder, err) < 0)
            return -1;
    return 0;
}

static int fill_drafts(const struct expanded_plan *pipeline, struct stage_draft *drafts,
                       const char *folder, struct error *err)
{
    struct expand_scope *scope = memory_new(1, sizeof(*scope), err);
    if (scope == NULL)
        return -1;
    scope->tree = pipeline->tree;
    scope->vars = pipeline->vars;
    scope->final = true;
    int status = 0;
    if (read_drafts(pipeline, drafts, scope, folder, err) < 0 ||
        plan_link_deps(drafts, pipeline, folder, err) < 0 ||
        read_late_commands(pipeline, drafts, scope, folder, err) < 0)
        status = -1;
    free(scope);
    return status;
}

static int copy_groups(const struct expanded_plan *pipeline, struct plan *plan, struct error *err)
{
    if ((plan->groups = memory_new(pipeline->group_count, sizeof(*plan->groups), err)) == NULL)
        return -1;
    for (size_t i = 0; i < pipeline->group_count; i++) {
        if ((plan->groups[i] = memory_copy_text(pipeline->groups[i].name, err)) == NULL)
            return -1;
        plan->group_count++;
    }
    return 0;
}

static int copy_profiles(const struct expanded_plan *pipeline, struct plan *plan, struct error *err)
{
    const struct yaml_node *profiles = pipeline->profiles;
    if ((plan->profiles = memory_new(profiles->count + 1, sizeof(*plan->profiles), err)) == NULL)
        return -1;
    for (size_t i = pipeline->has_default ? 1 : 0; i <= profiles->count; i++) {
        const char *name = i == 0 ? "" : profiles->pairs[i - 1].key->text;
        if ((plan->profiles[plan->profile_count] = memory_copy_text(name, err)) == NULL)
            return -1;
        plan->profile_count++;
    }
    return 0;
}

static int fill_stages(const struct expanded_plan *pipeline, struct plan *plan, struct error *err)
{
    size_t count = pipeline->count;
    int status = 0;
    struct stage_draft *drafts = memory_new(count, sizeof(*drafts), err);
    if (drafts == NULL)
        return -1;
    if (fill_drafts(pipeline, drafts, plan->folder, err) < 0 ||
        plan_publish_check(drafts, count, plan, err) < 0 ||
        plan_order(drafts, count, plan, err) < 0 || copy_groups(pipeline, plan, err) < 0)
        status = -1;
    for (size_t i = 0; i < count; i++)
        stage_draft_release(&drafts[i]);
    free(drafts);
    return status;
}

/* What a plan is read from. */
struct source {
    const char *file, *profile;
    const char *const *sets;
    size_t set_count;
    bool without_data;
};

static int parse(const struct source *source, const char *folder, const char *data, size_t size,
                 struct plan **plan, struct error *err)
{
    struct expanded_plan *pipeline = NULL;
    struct plan *made = memory_new(1, sizeof(*made), err);
    int status = -1;
    if (made == NULL ||
        plan_expand(source->file, data, size, source->profile, source->sets, source->set_count,
                    &pipeline, err) < 0 ||
        (made->file = memory_copy_text(source->file, err)) == NULL ||
        (made->folder = memory_copy_text(folder, err)) == NULL ||
        (made->profile = memory_copy_text(pipeline->profile, err)) == NULL)
        goto done;
    made->sets = json_incref(pipeline->sets);
    pipeline->without_data = source->without_data;
    if (copy_profiles(pipeline, made, err) < 0 || plan_cuda_read(pipeline->root, made, err) < 0 ||
        fill_stages(pipeline, made, err) < 0)
        goto done;
    *plan = made;
    made = NULL;
    status = 0;
done:
    plan_expand_free(pipeline);
    plan_free(made);
    return status;
}

int plan_parse(const char *file, const char *folder, const char *data, size_t size,
               const char *profile, const char *const *sets, size_t set_count, struct plan **plan,
               struct error *err)
{
    const struct source source = {file, profile, sets, set_count, false};
    return parse(&source, folder, data, size, plan, err);
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

static int read_source(const struct source *source, struct plan **plan, struct error *err)
{
    const char *file = source->file;
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
        status = parse(source, folder, data, size, plan, err);
    free(folder);
    free(data);
    return status;
}

int plan_read(const char *file, const char *profile, const char *const *sets, size_t set_count,
              struct plan **plan, struct error *err)
{
    const struct source source = {file, profile, sets, set_count, false};
    return read_source(&source, plan, err);
}

int plan_read_without_data(const char *file, const char *profile, const char *const *sets,
                           size_t set_count, struct plan **plan, struct error *err)
{
    const struct source source = {file, profile, sets, set_count, true};
    return read_source(&source, plan, err);
}

enum { FOLDER_LIMIT = 4096 }; /* more than a path can be deep */

static int no_file(const char *name, struct error *err)
{
    static const char *const others[] = {"pipeline.yml", "Pipeline.yaml", "reprise.yaml"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (file_exists(others[i]))
            return error_set(err, ERR_USAGE,
                             "there is no '%s', but a '%s': rename it, or name it with --file",
                             name, others[i]);
    if (file_exists("dvc.yaml"))
        return error_set(
            err, ERR_USAGE,
            "there is no '%s', but a 'dvc.yaml': write its stages into '%s', with deps, "
            "outs and params as maps of names",
            name, name);
    return error_set(err, ERR_USAGE,
                     "there is no '%s' here or in a folder above: go to the project's folder or "
                     "name it with -C, or another file with --file",
                     name);
}

char *plan_find_file(const char *name, struct error *err)
{
    struct text path = {0}, folder = {0};
    struct stat here, above;
    text_add(&path, name);
    text_add(&folder, ".");
    int status = stat(".", &here) < 0 ? error_errno(err, "cannot look at the current folder") : 0;
    for (int depth = 0; status == 0 && text_check(&path, err) == 0 && !file_exists(path.data);
         depth++) {
        text_add(&folder, "/..");
        if ((status = text_check(&folder, err)) < 0)
            break;
        bool last = depth == FOLDER_LIMIT || stat(folder.data, &above) < 0 ||
                    above.st_dev != here.st_dev || above.st_ino == here.st_ino;
        if (last)
            status = no_file(name, err);
        here = above;
        text_clear(&path);
        text_addf(&path, "%s/%s", folder.data + 2, name);
    }
    text_release(&folder);
    if (status == 0 && !path.failed)
        return path.data;
    text_release(&path);
    return NULL;
}
