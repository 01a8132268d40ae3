#include "plan/plan_link.h"

#include "plan/inner_path.h"
#include "plan/suggest.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATE_LIMIT = 1000 };

/* Folders that belong to the runner. */
static const char *const own_folders[] = {"artifacts", "cache"};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static const struct stage_draft *find_draft(const struct stage_draft *drafts, size_t count,
                                            const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const char *known = drafts[i].source->name;
        if (strncmp(known, name, size) == 0 && known[size] == '\0')
            return &drafts[i];
    }
    return NULL;
}

/* ", did you mean 'split.splits'?" among the outs of all stages. */
static const char *suggest_out(char buffer[SUGGEST_SIZE], const char *word,
                               const struct stage_draft *drafts, size_t count)
{
    char *names[CANDIDATE_LIMIT] = {0};
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < drafts[i].stage.out_count && used < CANDIDATE_LIMIT; j++) {
            struct text name = {0};
            text_addf(&name, "%s.%s", drafts[i].stage.name, drafts[i].stage.outs[j].name);
            if (!name.failed)
                names[used++] = name.data;
            else
                text_release(&name);
        }
    suggest_word(buffer, word, (const char *const *)names, used);
    for (size_t i = 0; i < used; i++)
        free(names[i]);
    return buffer;
}

static int link_out(const struct stage_draft *draft, const struct dep_draft *dep,
                    const struct stage_draft *drafts, const struct stage_draft *target,
                    const char *out, struct plan_dep *made, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    const char *stage = target->source->name;
    if (target->left_out)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': stage '%s' is left out here (its 'when' is false)",
                                 dep->name, stage);
    for (size_t i = 0; i < target->stage.out_count; i++) {
        if (strcmp(target->stage.outs[i].name, out) != 0)
            continue;
        made->stage = (size_t)(target - drafts);
        made->out = i;
        return 0;
    }
    if (target->outs != NULL && yaml_get(target->outs, out) != NULL)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': stage '%s' has no out '%s' here: its path is null",
                                 dep->name, stage, out);
    return stage_draft_error(draft, dep->place, err, "dep '%s': stage '%s' has no out '%s'%s",
                             dep->name, stage, out, suggest_key(buffer, out, target->outs));
}

/* ", did you mean 'data/train.csv'?" among the files beside the missing one. */
static const char *suggest_file(char buffer[SUGGEST_SIZE], const char *path, const char *folder)
{
    struct error ignored;
    struct text parent = {0}, nearest = {0};
    char **names = NULL;
    size_t count = 0, head = (size_t)(last_part(path) - path);
    buffer[0] = '\0';
    text_addf(&parent, "%s/%.*s", folder, (int)head, path);
    if (!parent.failed && file_list(parent.data, &names, &count, &ignored) == 0) {
        const char *name = text_nearest(last_part(path), (const char *const *)names, count);
        if (name != NULL)
            text_addf(&nearest, "%.*s%s", (int)head, path, name);
        if (nearest.data != NULL)
            snprintf(buffer, SUGGEST_SIZE, ", did you mean '%.100s'?", nearest.data);
        file_free_names(names, count);
    }
    text_release(&parent);
    text_release(&nearest);
    return buffer;
}

static int missing_file(const struct stage_draft *draft, const struct dep_draft *dep,
                        const struct stage_draft *drafts, size_t count, const char *path,
                        const char *folder, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    if (find_draft(drafts, count, dep->reference, strlen(dep->reference)) != NULL)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': '%s' is a stage; name one of its outs: '%s.out'",
                                 dep->name, dep->reference, dep->reference);
    suggest_out(buffer, dep->reference, drafts, count);
    if (buffer[0] == '\0')
        suggest_file(buffer, path, folder);
    if (strchr(dep->reference, '/') != NULL || strchr(dep->reference, '.') == NULL)
        return stage_draft_error(draft, dep->place, err, "dep '%s': there is no file '%s'%s",
                                 dep->name, dep->reference, buffer);
    return stage_draft_error(draft, dep->place, err,
                             "dep '%s': '%s' is neither a stage's out nor a file%s", dep->name,
                             dep->reference, buffer);
}

static int link_file(const struct stage_draft *draft, const struct dep_draft *dep,
                     const struct stage_draft *drafts, size_t count, const char *folder,
                     struct plan_dep *made, struct error *err)
{
    if ((made->path = inner_path(dep->reference, err)) == NULL) {
        if (err->kind != ERR_USAGE)
            return -1;
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': '%s' does not lie in the project", dep->name,
                                 dep->reference);
    }
    for (size_t i = 0; i < sizeof(own_folders) / sizeof(*own_folders); i++)
        if (inner_path_overlaps(own_folders[i], made->path))
            return stage_draft_error(
                draft, dep->place, err,
                "dep '%s': '%s' is the runner's to write; an out is named 'stage.out'", dep->name,
                dep->reference);
    char *path = file_join(folder, made->path, err);
    if (path == NULL)
        return -1;
    bool exists = file_exists(path);
    free(path);
    return exists ? 0 : missing_file(draft, dep, drafts, count, made->path, folder, err);
}

static int link_dep(struct stage_draft *draft, const struct dep_draft *dep,
                    const struct stage_draft *drafts, size_t count, const char *folder,
                    struct error *err)
{
    struct plan_dep *made = &draft->stage.deps[draft->stage.dep_count++];
    const char *dot = strrchr(dep->reference, '.');
    const struct stage_draft *target = NULL;
    if ((made->name = memory_copy_text(dep->name, err)) == NULL)
        return -1;
    made->place = (struct place){dep->place.line, dep->place.column};
    if (dot != NULL && strchr(dep->reference, '/') == NULL)
        target = find_draft(drafts, count, dep->reference, (size_t)(dot - dep->reference));
    if (target != NULL)
        return link_out(draft, dep, drafts, target, dot + 1, made, err);
    return link_file(draft, dep, drafts, count, folder, made, err);
}

int plan_link_deps(struct stage_draft *drafts, size_t count, const char *folder, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stage_draft *draft = &drafts[i];
        if (draft->left_out)
            continue;
        draft->stage.deps = memory_new(draft->dep_count, sizeof(*draft->stage.deps), err);
        if (draft->stage.deps == NULL)
            return -1;
        for (size_t j = 0; j < draft->dep_count; j++)
            if (link_dep(draft, &draft->deps[j], drafts, count, folder, err) < 0)
                return -1;
    }
    return 0;
}

static struct yaml_place out_place(const struct stage_draft *draft, const struct plan_out *out)
{
    return (struct yaml_place){draft->source->place.file, out->place.line, out->place.column};
}

/* Against the outs of `other` that come before `out`, and all deps of `other`. */
static int check_against(const struct stage_draft *draft, const struct plan_out *out,
                         const struct stage_draft *other, struct error *err)
{
    for (size_t i = 0; i < other->stage.out_count; i++) {
        const struct plan_out *rival = &other->stage.outs[i];
        if (rival == out)
            break;
        if (rival->publish != NULL && strcmp(rival->publish, out->publish) == 0 &&
            strcmp(last_part(rival->path), last_part(out->path)) == 0)
            return stage_draft_error(draft, out_place(draft, out), err,
                                     "the out '%s' publishes '%s/%s', which '%s.%s' does already",
                                     out->name, out->publish, last_part(out->path),
                                     other->stage.name, rival->name);
    }
    for (size_t i = 0; i < other->stage.dep_count; i++) {
        const struct plan_dep *dep = &other->stage.deps[i];
        if (dep->path != NULL && inner_path_overlaps(dep->path, out->publish))
            return stage_draft_error(draft, out_place(draft, out), err,
                                     "the out '%s' publishes into '%s', where stage '%s' has the "
                                     "dep '%s'",
                                     out->name, out->publish, other->stage.name, dep->name);
    }
    return 0;
}

static int check_publish(const struct stage_draft *drafts, size_t count,
                         const struct stage_draft *draft, const struct plan_out *out,
                         struct error *err)
{
    for (size_t i = 0; i < sizeof(own_folders) / sizeof(*own_folders); i++)
        if (inner_path_overlaps(own_folders[i], out->publish))
            return stage_draft_error(draft, out_place(draft, out), err,
                                     "the out '%s' cannot be published into '%s', which is the "
                                     "runner's",
                                     out->name, own_folders[i]);
    for (const struct stage_draft *other = drafts; other < drafts + count; other++)
        if ((other <= draft || other->dep_count > 0) && check_against(draft, out, other, err) < 0)
            return -1;
    return 0;
}

int plan_link_check_publish(const struct stage_draft *drafts, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < drafts[i].stage.out_count; j++)
            if (drafts[i].stage.outs[j].publish != NULL &&
                check_publish(drafts, count, &drafts[i], &drafts[i].stage.outs[j], err) < 0)
                return -1;
    return 0;
}

/* The first dep on a stage that has no place in the order yet, or NULL. */
static const struct plan_dep *waits_for(const struct plan_stage *stage, const size_t *position)
{
    for (size_t i = 0; i < stage->dep_count; i++)
        if (stage->deps[i].path == NULL && position[stage->deps[i].stage] == SIZE_MAX)
            return &stage->deps[i];
    return NULL;
}

/* Every stage without a position waits for another such stage, so following
 * the deps comes round. Starts from the member that is first in the file. */
static int cycle_error(const struct stage_draft *drafts, size_t count, const size_t *position,
                       struct error *err)
{
    size_t at = 0;
    while (drafts[at].left_out || position[at] != SIZE_MAX)
        at++;
    for (size_t i = 0; i < count; i++)
        at = waits_for(&drafts[at].stage, position)->stage;
    size_t first = at;
    for (size_t i = 0; i < count; i++) {
        at = waits_for(&drafts[at].stage, position)->stage;
        first = at < first ? at : first;
    }
    const struct plan_dep *dep = waits_for(&drafts[first].stage, position);
    struct yaml_place place = {drafts[first].source->place.file, dep->place.line,
                               dep->place.column};
    struct text way = {0};
    text_add(&way, drafts[first].stage.name);
    at = first;
    do {
        at = waits_for(&drafts[at].stage, position)->stage;
        text_addf(&way, " -> %s", drafts[at].stage.name);
    } while (at != first);
    stage_draft_error(&drafts[first], place, err, "stages depend on one another in a circle: %s",
                      text_string(&way));
    text_release(&way);
    return -1;
}

/* position[draft] becomes the index in the plan; SIZE_MAX for none. */
static int find_positions(const struct stage_draft *drafts, size_t count, size_t *position,
                          size_t *placed, struct error *err)
{
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        position[i] = SIZE_MAX;
        wanted += !drafts[i].left_out;
    }
    for (*placed = 0; *placed < wanted; ++*placed) {
        size_t next = 0;
        while (next < count && (drafts[next].left_out || position[next] != SIZE_MAX ||
                                waits_for(&drafts[next].stage, position) != NULL))
            next++;
        if (next == count)
            return cycle_error(drafts, count, position, err);
        position[next] = *placed;
    }
    return 0;
}

int plan_link_order(struct stage_draft *drafts, size_t count, struct plan *plan, struct error *err)
{
    size_t placed;
    size_t *position = memory_new(count, sizeof(*position), err);
    if (position == NULL)
        return -1;
    if (find_positions(drafts, count, position, &placed, err) < 0 ||
        (plan->stages = memory_new(placed, sizeof(*plan->stages), err)) == NULL) {
        free(position);
        return -1;
    }
    plan->count = placed;
    for (size_t i = 0; i < count; i++) {
        if (position[i] == SIZE_MAX)
            continue;
        struct plan_stage *stage = &plan->stages[position[i]];
        *stage = drafts[i].stage;
        drafts[i].stage = (struct plan_stage){0};
        for (size_t j = 0; j < stage->dep_count; j++)
            if (stage->deps[j].path == NULL)
                stage->deps[j].stage = position[stage->deps[j].stage];
    }
    free(position);
    return 0;
}
