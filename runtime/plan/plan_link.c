#include "plan/plan_link.h"

#include "plan/file_links.h"
#include "plan/suggest.h"
#include "plan/variant.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct linker {
    struct stage_draft *drafts;
    size_t count;
    struct file_links files;
    struct table stages; /* names to drafts */
    struct table groups; /* names to struct expanded_group */
    bool without_data;   /* files may be missing */
    size_t members;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ", did you mean 'split.splits'?" among the outs of all stages. */
static const char *suggest_out(char buffer[SUGGEST_SIZE], const char *word,
                               const struct linker *linker)
{
    struct error ignored;
    size_t most = 0, used = 0;
    for (size_t i = 0; i < linker->count; i++)
        most += linker->drafts[i].stage.out_count;
    char **names = memory_new(most, sizeof(*names), &ignored);
    buffer[0] = '\0';
    for (size_t i = 0; names != NULL && i < linker->count; i++)
        for (size_t j = 0; j < linker->drafts[i].stage.out_count; j++) {
            struct text name = {0};
            text_addf(&name, "%s.%s", linker->drafts[i].source->name,
                      linker->drafts[i].stage.outs[j].name);
            if (!name.failed)
                names[used++] = name.data;
            else
                text_release(&name);
        }
    if (names != NULL) {
        suggest_word(buffer, word, (const char *const *)names, used);
        file_free_names(names, used);
    }
    return buffer;
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

/* What people write who think of a shell, of a server or of another system; or NULL. */
static const char *way_to_file(const char *name)
{
    return strstr(name, "://") != NULL ? "what a server has, a stage with 'network: true' fetches"
           : name[0] == '~' || name[0] == '$' ? "no shell expands it, write the path out"
           : strchr(name, '\\') != NULL       ? "folders are parted by '/'"
                                              : NULL;
}

static int missing_file(const struct linker *linker, const struct stage_draft *draft,
                        const struct dep_draft *dep, const char *path, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    const char *name = dep->reference;
    size_t size = strlen(name);
    bool pattern = variant_is_pattern(name, size, &size);
    bool stage = table_find(&linker->stages, name, size) != NULL && !pattern;
    bool group = table_find(&linker->groups, name, size) != NULL;
    if (stage || group)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': '%s' is a %s; name one of its outs: '%s%s.out'",
                                 dep->name, name, group ? "group of stages" : "stage", name,
                                 group && !pattern ? "@*" : "");
    suggest_out(buffer, name, linker);
    if (buffer[0] == '\0')
        suggest_file(buffer, path, linker->files.folder);
    const char *way = buffer[0] == '\0' ? way_to_file(name) : NULL;
    if (way != NULL)
        return stage_draft_error(draft, dep->place, err, "dep '%s': there is no file '%s': %s",
                                 dep->name, name, way);
    if (strchr(name, '*') != NULL && buffer[0] == '\0')
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': there is no file '%s', and '*' stands for nothing "
                                 "here: name the folder",
                                 dep->name, name);
    if (strchr(name, '/') != NULL || strchr(name, '.') == NULL)
        return stage_draft_error(draft, dep->place, err, "dep '%s': there is no file '%s'%s",
                                 dep->name, name, buffer);
    return stage_draft_error(draft, dep->place, err,
                             "dep '%s': '%s' is neither a stage's out nor a file%s", dep->name,
                             name, buffer);
}

static int link_file(struct linker *linker, const struct stage_draft *draft,
                     const struct dep_draft *dep, struct plan_dep *made, struct error *err)
{
    bool missing = false;
    if (file_links_find(&linker->files, draft, dep, &made->path, &missing, err) < 0)
        return -1;
    return missing && !linker->without_data ? missing_file(linker, draft, dep, made->path, err) : 0;
}

/* Whether the reference names something beside the pipeline file: 1, 0, or -1 with an error. */
static int is_file(const struct linker *linker, const char *reference, struct error *err)
{
    char *path = file_join(linker->files.folder, reference, err);
    int is = path == NULL ? -1 : file_exists(path);
    free(path);
    return is;
}

/* The index of a stage's out, or SIZE_MAX. */
static size_t find_out(const struct stage_draft *target, const char *out)
{
    for (size_t i = 0; i < target->stage.out_count; i++)
        if (strcmp(target->stage.outs[i].name, out) == 0)
            return i;
    return SIZE_MAX;
}

/* Why a stage does not have an out. */
static int no_out(const struct stage_draft *draft, const struct dep_draft *dep,
                  const struct stage_draft *target, const char *out, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    const char *stage = target->source->name;
    if (target->left_out)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': stage '%s' is left out here (its 'when' is false)",
                                 dep->name, stage);
    if (target->outs != NULL && yaml_get(target->outs, out) != NULL)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': stage '%s' has no out '%s' here: its path is null",
                                 dep->name, stage, out);
    return stage_draft_error(
        draft, dep->place, err, "dep '%s': stage '%s' has no out '%s'%s (a file would be './%s')",
        dep->name, stage, out, suggest_key(buffer, out, target->outs), dep->reference);
}

/* The stage is there; where it has no such out, a file may be meant. */
static int link_out(struct linker *linker, const struct stage_draft *draft,
                    const struct dep_draft *dep, const struct stage_draft *target, const char *out,
                    struct plan_dep *made, struct error *err)
{
    size_t index = target->left_out ? SIZE_MAX : find_out(target, out);
    bool declared = yaml_get(yaml_get(target->source->body, "outs"), out) != NULL;
    int file = index != SIZE_MAX || declared ? 0 : is_file(linker, dep->reference, err);
    if (file != 0)
        return file < 0 ? -1 : link_file(linker, draft, dep, made, err);
    if (index == SIZE_MAX)
        return no_out(draft, dep, target, out, err);
    made->stage = (size_t)(target - linker->drafts);
    made->out = index;
    return 0;
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct plan_member *)a)->name, ((const struct plan_member *)b)->name);
}

static int add_member(struct linker *linker, const struct stage_draft *draft,
                      const struct dep_draft *dep, const struct stage_draft *target,
                      const char *out, struct plan_dep *made, struct error *err)
{
    size_t index = find_out(target, out);
    if (index == SIZE_MAX)
        return no_out(draft, dep, target, out, err);
    if (++linker->members > PLAN_MEMBER_LIMIT)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': deps on groups stand for more than %d stages",
                                 dep->name, PLAN_MEMBER_LIMIT);
    struct plan_member *member = &made->members[made->member_count];
    member->name = memory_copy_text(target->source->name + target->source->group_size + 1, err);
    if (member->name == NULL)
        return -1;
    member->stage = (size_t)(target - linker->drafts);
    member->out = index;
    made->member_count++;
    return 0;
}

static int no_group(const struct linker *linker, const struct stage_draft *draft,
                    const struct dep_draft *dep, size_t size, struct error *err)
{
    char name[128], buffer[SUGGEST_SIZE];
    const char **names = memory_new(linker->groups.count, sizeof(*names), err);
    size_t used = 0;
    if (names == NULL)
        return -1;
    for (size_t i = 0; i < linker->groups.slot_count; i++)
        if (linker->groups.slots[i].key != NULL)
            names[used++] = linker->groups.slots[i].key;
    snprintf(name, sizeof(name), "%.*s", (int)size, dep->reference);
    suggest_word(buffer, name, names, used);
    free(names);
    return stage_draft_error(draft, dep->place, err,
                             "dep '%s': no stage '%s' has 'foreach' or 'matrix'%s", dep->name, name,
                             buffer);
}

/* `size` is that of "train@*" and `group_size` of "train". */
static int link_group(struct linker *linker, const struct stage_draft *draft,
                      const struct dep_draft *dep, size_t size, size_t group_size,
                      struct plan_dep *made, struct error *err)
{
    const struct expanded_group *group = table_find(&linker->groups, dep->reference, group_size);
    if (group == NULL)
        return no_group(linker, draft, dep, group_size, err);
    if ((made->members = memory_new(group->count, sizeof(*made->members), err)) == NULL)
        return -1;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct stage_draft *target = &linker->drafts[i];
        if (!target->left_out && variant_matches(dep->reference, size, target->source->name) &&
            add_member(linker, draft, dep, target, dep->reference + size + 1, made, err) < 0)
            return -1;
    }
    if (made->member_count == 0)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': '%.*s' stands for no stage here", dep->name, (int)size,
                                 dep->reference);
    qsort(made->members, made->member_count, sizeof(*made->members), compare_members);
    return 0;
}

/* `train.model` where train is a group. */
static int link_whole_group(struct linker *linker, const struct stage_draft *draft,
                            const struct dep_draft *dep, size_t size, struct plan_dep *made,
                            struct error *err)
{
    int file = is_file(linker, dep->reference, err);
    if (file != 0)
        return file < 0 ? -1 : link_file(linker, draft, dep, made, err);
    return stage_draft_error(draft, dep->place, err,
                             "dep '%s': '%.*s' is a group of stages; all of them are '%.*s@*%s' (a "
                             "file would be './%s')",
                             dep->name, (int)size, dep->reference, (int)size, dep->reference,
                             dep->reference + size, dep->reference);
}

static int link_dep(struct linker *linker, struct stage_draft *draft, const struct dep_draft *dep,
                    struct error *err)
{
    struct plan_dep *made = &draft->stage.deps[draft->stage.dep_count++];
    const char *reference = dep->reference, *dot = strrchr(reference, '.');
    if ((made->name = memory_copy_text(dep->name, err)) == NULL)
        return -1;
    made->place = stage_draft_plan_place(dep->place);
    if (dot == NULL || strchr(reference, '/') != NULL)
        return link_file(linker, draft, dep, made, err);
    size_t size = (size_t)(dot - reference), group_size;
    if (variant_is_pattern(reference, size, &group_size))
        return link_group(linker, draft, dep, size, group_size, made, err);
    const struct stage_draft *target = table_find(&linker->stages, reference, size);
    if (target != NULL)
        return link_out(linker, draft, dep, target, dot + 1, made, err);
    if (table_find(&linker->groups, reference, size) != NULL)
        return link_whole_group(linker, draft, dep, size, made, err);
    return link_file(linker, draft, dep, made, err);
}

/* ---- the first of several that is there ---- */

/* The stage of `stage.out`, or NULL where the text is something else; *out is the out's name. */
static const struct stage_draft *stage_of(const struct linker *linker, const char *reference,
                                          const char **out)
{
    const char *dot = strrchr(reference, '.');
    if (dot == NULL || strchr(reference, '/') != NULL)
        return NULL;
    *out = dot + 1;
    return table_find(&linker->stages, reference, (size_t)(dot - reference));
}

/* Whether the stage is left out, or the out's path is null. An out that the stage never has is an
 * error. */
static int is_left_out(const struct stage_draft *draft, const struct dep_draft *dep,
                       const struct stage_draft *target, const char *out, bool *left_out,
                       struct error *err)
{
    char buffer[SUGGEST_SIZE];
    const struct yaml_node *outs = yaml_get(target->source->body, "outs");
    if (yaml_get(outs, out) == NULL)
        return stage_draft_error(draft, dep->place, err, "dep '%s': stage '%s' has no out '%s'%s",
                                 dep->name, target->source->name, out,
                                 suggest_key(buffer, out, outs));
    *left_out = target->left_out || find_out(target, out) == SIZE_MAX;
    return 0;
}

/* Makes *dep the first choice that is not left out, else the last. All are looked at, so that a
 * name that is wrong is told also where it is not needed. */
static int choose(const struct linker *linker, const struct stage_draft *draft,
                  struct dep_draft *dep, struct error *err)
{
    const struct yaml_node *choices = dep->choices;
    bool chosen = false;
    for (size_t i = 0; choices != NULL && i < choices->count; i++) {
        const char *out = NULL;
        const bool last = i + 1 == choices->count;
        const struct dep_draft choice = {dep->name, choices->items[i]->text,
                                         choices->items[i]->place, choices};
        const struct stage_draft *target = stage_of(linker, choice.reference, &out);
        bool left_out = false;
        if (target == NULL && !last)
            return stage_draft_error(draft, choice.place, err,
                                     "dep '%s': '%s' is no stage's out, which all but the last of "
                                     "several must be",
                                     choice.name, choice.reference);
        if (target != NULL && is_left_out(draft, &choice, target, out, &left_out, err) < 0)
            return -1;
        if (!chosen && (!left_out || last)) {
            *dep = choice;
            chosen = true;
        }
    }
    return 0;
}

static int link_deps_of(struct linker *linker, struct stage_draft *draft, struct error *err)
{
    if (draft->left_out)
        return 0;
    draft->stage.deps = memory_new(draft->dep_count, sizeof(*draft->stage.deps), err);
    if (draft->stage.deps == NULL)
        return -1;
    for (size_t i = 0; i < draft->dep_count; i++)
        if (choose(linker, draft, &draft->deps[i], err) < 0 ||
            link_dep(linker, draft, &draft->deps[i], err) < 0)
            return -1;
    return 0;
}

static int fill_tables(struct linker *linker, const struct expanded_plan *pipeline,
                       struct error *err)
{
    if (table_reserve(&linker->stages, linker->count, err) < 0)
        return -1;
    for (size_t i = 0; i < linker->count; i++) {
        const char *name = pipeline->stages[i].name;
        if (table_set(&linker->stages, name, strlen(name), &linker->drafts[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < pipeline->group_count; i++) {
        struct expanded_group *group = &pipeline->groups[i];
        if (table_set(&linker->groups, group->name, strlen(group->name), group, err) < 0)
            return -1;
    }
    return 0;
}

int plan_link_deps(struct stage_draft *drafts, const struct expanded_plan *pipeline,
                   const char *folder, struct error *err)
{
    struct linker linker = {.drafts = drafts,
                            .count = pipeline->count,
                            .files = {.folder = folder},
                            .without_data = pipeline->without_data};
    int status = fill_tables(&linker, pipeline, err);
    for (size_t i = 0; status == 0 && i < linker.count; i++)
        status = link_deps_of(&linker, &drafts[i], err);
    table_release(&linker.stages);
    table_release(&linker.groups);
    file_links_release(&linker.files);
    return status;
}
