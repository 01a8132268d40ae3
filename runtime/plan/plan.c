#include "plan/plan.h"

#include "plan/suggest.h"
#include "plan/variant.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void plan_stage_release(struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->dep_count; i++) {
        struct plan_dep *dep = &stage->deps[i];
        for (size_t j = 0; j < dep->member_count; j++)
            free(dep->members[j].name);
        free(dep->members);
        free(dep->name);
        free(dep->path);
    }
    for (size_t i = 0; i < stage->out_count; i++) {
        free(stage->outs[i].name);
        free(stage->outs[i].path);
        free(stage->outs[i].publish);
    }
    for (size_t i = 0; i < stage->requirement_count; i++)
        free(stage->requirements[i].member);
    free(stage->argv);
    free_texts(stage->env, stage->env_count);
    free_texts(stage->secrets, stage->secret_count);
    json_decref(stage->params);
    free(stage->deps);
    free(stage->outs);
    free(stage->requirements);
    free(stage->name);
    free(stage->desc);
    *stage = (struct plan_stage){0};
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++)
        plan_stage_release(&plan->stages[i]);
    free_texts(plan->groups, plan->group_count);
    free_texts(plan->profiles, plan->profile_count);
    table_release(&plan->names);
    free(plan->stages);
    json_decref(plan->sets);
    free(plan->profile);
    free(plan->folder);
    free(plan->file);
    free(plan->cudnn);
    free(plan);
}

bool plan_has_profile(const struct plan *plan, const char *profile)
{
    for (size_t i = 0; i < plan->profile_count; i++)
        if (strcmp(plan->profiles[i], profile) == 0)
            return true;
    return false;
}

/* Nothing is called `word`; stages and groups are what it may have meant. */
static int unknown_stage(const struct plan *plan, const char *word, bool groups, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    size_t used = 0;
    const char **names = memory_new(plan->count + plan->group_count, sizeof(*names), err);
    if (names == NULL)
        return -1;
    for (size_t i = 0; groups && i < plan->group_count; i++)
        names[used++] = plan->groups[i];
    for (size_t i = 0; i < plan->count; i++)
        names[used++] = plan->stages[i].name;
    suggest_word(buffer, word, names, used);
    bool pattern = buffer[0] == '\0' && strchr(word, '*') != NULL;
    error_set(err, ERR_USAGE, "unknown stage '%s'%s%s", word, buffer,
              pattern ? ": '*' stands for names behind the '@' of a group, as in 'group@*'" : "");
    free(names);
    return -1;
}

static int unknown_group(const struct plan *plan, const char *word, size_t size, struct error *err)
{
    char name[128];
    snprintf(name, sizeof(name), "%.*s", (int)size, word);
    const char *nearest = text_nearest(name, (const char *const *)plan->groups, plan->group_count);
    return error_set(err, ERR_USAGE, "'%s' names no stage: no group is called '%s'%s%s%s", word,
                     name, nearest == NULL ? "" : ", did you mean '",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "@*'?");
}

static const struct plan_stage *stage_called(const struct plan *plan, const char *name)
{
    return table_find(&plan->names, name, strlen(name));
}

static bool is_group(const struct plan *plan, const char *name, size_t size)
{
    for (size_t i = 0; i < plan->group_count; i++)
        if (strncmp(plan->groups[i], name, size) == 0 && plan->groups[i][size] == '\0')
            return true;
    return false;
}

/* Where one stage is asked for. */
static int group_for_stage(const struct plan *plan, const char *name, struct error *err)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < plan->count; i++)
        if (strncmp(plan->stages[i].name, name, size) == 0 && plan->stages[i].name[size] == '@')
            return error_set(err, ERR_USAGE, "'%s' is a group of stages: name one, such as '%s'",
                             name, plan->stages[i].name);
    return error_set(err, ERR_USAGE, "'%s' names no stage: the group has none here", name);
}

int plan_find(const struct plan *plan, const char *stage, size_t *index, struct error *err)
{
    const struct plan_stage *found = stage_called(plan, stage);
    if (found == NULL)
        return is_group(plan, stage, strlen(stage)) ? group_for_stage(plan, stage, err)
                                                    : unknown_stage(plan, stage, false, err);
    *index = (size_t)(found - plan->stages);
    return 0;
}

/* Whether a stage is of a group, or matches a pattern. */
static bool is_meant(const char *name, const char *word, size_t size, bool pattern)
{
    return pattern ? variant_matches(word, size, name)
                   : strncmp(name, word, size) == 0 && name[size] == '@';
}

int plan_select(const struct plan *plan, const char *word, size_t **indices, size_t *count,
                struct error *err)
{
    const struct plan_stage *one = stage_called(plan, word);
    size_t size = strlen(word), group = size, used = 0;
    bool pattern = variant_is_pattern(word, size, &group);
    if (one == NULL && !is_group(plan, word, group))
        return pattern ? unknown_group(plan, word, group, err)
                       : unknown_stage(plan, word, true, err);
    size_t *list = memory_new(one != NULL ? 1 : plan->count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    if (one != NULL)
        list[used++] = (size_t)(one - plan->stages);
    for (size_t i = 0; one == NULL && i < plan->count; i++)
        if (is_meant(plan->stages[i].name, word, size, pattern))
            list[used++] = i;
    if (used == 0) {
        free(list);
        return error_set(err, ERR_USAGE, "'%s' names no stage: the group '%.*s' has %s", word,
                         (int)group, word, pattern ? "none of this name" : "none here");
    }
    *indices = list;
    *count = used;
    return 0;
}
