#include "runner/trespass.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/tried.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FEW = 3, PASSES = 16 };

/* ---- before ---- */

/* Where a dep of the project is shown at its own place, too (layout.h). */
static const char *place_of(const struct plan_dep *dep)
{
    return dep->path == NULL || dep->path[0] == '/' || strcmp(dep->path, ".") == 0 ||
                   strncmp(dep->path, "..", 2) == 0
               ? NULL
               : dep->path;
}

static int add_rules(const struct attempt *attempt, const struct text *allowed, struct tried *tried,
                     struct error *err)
{
    static const char *const own[] = {"outs", "home", "scratch", "scratch_out"};
    const struct job *job = attempt->job;
    const char *hidden;
    tried_add_rules(tried, text_string(allowed), allowed->size);
    for (size_t i = 0; attempt->jobs->project->namespaces.level != NAMESPACES_NONE &&
                       (hidden = namespaces_hidden(i)) != NULL;
         i++)
        tried_add_rule(tried, TRIED_EMPTY, hidden);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        tried_add_rule(tried, TRIED_OWN, own[i]);
    for (size_t i = 0; i < job->dep_count; i++) {
        struct text path = {0};
        text_addf(&path, "deps/%s", job->deps[i].name);
        int result = text_check(&path, err);
        if (result == 0)
            tried_add_rule(tried, TRIED_DEP, text_string(&path));
        text_release(&path);
        if (result < 0)
            return -1;
    }
    for (size_t i = 0; i < job->stage->dep_count; i++)
        if (place_of(&job->stage->deps[i]) != NULL)
            tried_add_rule(tried, TRIED_DEP, place_of(&job->stage->deps[i]));
    return 0;
}

int trespass_watch(struct attempt *attempt, const struct text *allowed, int *fd, struct error *err)
{
    struct tried *tried;
    if (tried_new(attempt_inside(attempt), &tried, fd, err) < 0)
        return -1;
    attempt->tried = tried;
    return add_rules(attempt, allowed, tried, err);
}

/* ---- what a path is ---- */

struct search {
    const struct attempt *attempt;
    const struct plan *plan;
    const struct plan_stage *stage;
    struct trespasses *found;
    char *project;    /* its folder, links followed */
    bool *downstream; /* by stage: it, and what needs it */
};

static bool needs_one_of(const struct plan_stage *stage, const bool *marked)
{
    for (size_t d = 0; d < stage->dep_count; d++) {
        const struct plan_dep *dep = &stage->deps[d];
        for (size_t m = 0; m < dep->member_count; m++)
            if (marked[dep->members[m].stage])
                return true;
        if (dep->path == NULL && dep->member_count == 0 && marked[dep->stage])
            return true;
    }
    return false;
}

/* Marks the stage and all that needs it: none of their outs can be a dep of it. */
static int mark_downstream(struct search *search, struct error *err)
{
    const struct plan *plan = search->plan;
    if ((search->downstream = memory_new(plan->count, sizeof(bool), err)) == NULL)
        return -1;
    for (size_t i = (size_t)(search->stage - plan->stages); i < plan->count; i++)
        search->downstream[i] =
            &plan->stages[i] == search->stage || needs_one_of(&plan->stages[i], search->downstream);
    return 0;
}

/* The out that artifacts/<stage>/<path> shows, as "stage.out"; *length is of that much of it. */
static char *out_of(const struct search *search, const char *path, size_t *length)
{
    const char *inner = tried_below(path, "artifacts");
    struct text text = {0};
    for (size_t s = 0; inner != NULL && s < search->plan->count; s++) {
        const struct plan_stage *stage = &search->plan->stages[s];
        const char *rest = search->downstream[s] ? NULL : tried_below(inner, stage->name);
        for (size_t o = 0; rest != NULL && o < stage->out_count; o++)
            if (tried_below(rest, stage->outs[o].path) != NULL) {
                text_addf(&text, "%s.%s", stage->name, stage->outs[o].name);
                *length = (size_t)(rest - path) + strlen(stage->outs[o].path);
                return text.data;
            }
    }
    return NULL;
}

static bool is_dep(const struct search *search, const struct plan_dep *dep, const char *path,
                   const char *out)
{
    struct text text = {0};
    char whole[PATH_MAX];
    if (dep->path == NULL && dep->member_count > 0)
        return false;
    if (dep->path == NULL) {
        const struct plan_stage *stage = &search->plan->stages[dep->stage];
        text_addf(&text, "%s.%s", stage->name, stage->outs[dep->out].name);
        const bool same = out != NULL && strcmp(text_string(&text), out) == 0;
        text_release(&text);
        return same;
    }
    if (place_of(dep) != NULL)
        return tried_below(path, dep->path) != NULL;
    return dep->path[0] == '/' &&
           (tried_below(path, dep->path) != NULL ||
            (realpath(dep->path, whole) != NULL && tried_below(path, whole)));
}

static bool is_of_card(const char *path)
{
    static const char cards[] = "/dev/nvidia";
    return strncmp(path, cards, sizeof(cards) - 1) == 0;
}

/* Where a dep cannot help. */
static const char *other_way(const struct search *search, const char *path, const struct stat *st)
{
    const char *folder = search->plan->folder;
    if (is_of_card(path))
        return "declare resources: {gpu: 1}";
    if (path[0] != '/' && tried_below(path, "cache") != NULL)
        return "that is the runner's own: declare the out of the stage that made it";
    if (path[0] != '/' && tried_below(path, "artifacts") != NULL)
        return "that is what a stage made: declare its out as a dep";
    if (path[0] == '/' && S_ISDIR(st->st_mode) && tried_below(folder, path) != NULL)
        return "the project lies in that folder: list a smaller one";
    return NULL;
}

/* ---- the list ---- */

static int add(struct search *search, const char *path, bool wrote, const struct stat *st,
               struct error *err)
{
    struct trespasses *found = search->found;
    size_t length = strlen(path);
    char *out = wrote ? NULL : out_of(search, path, &length);
    struct trespass made = {.wrote = wrote, .value = out};
    for (size_t i = 0; i < search->stage->dep_count && !wrote && made.dep == NULL; i++)
        if (is_dep(search, &search->stage->deps[i], path, out))
            made.dep = search->stage->deps[i].name;
    made.other = wrote || out != NULL ? NULL : other_way(search, path, st);
    if (memory_grow(&found->list, &found->capacity, found->count + 1, sizeof(*found->list), err) <
            0 ||
        (made.path = memory_copy_text(path, err)) == NULL) {
        free(out);
        return -1;
    }
    made.path[length] = '\0';
    found->list[found->count++] = made;
    return 0;
}

/* A device, a socket or a pipe is nothing that a dep could be. */
static bool may_matter(const char *path, const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || is_of_card(path);
}

/* Follows the links of a path; for one that is to be made those of its folder. */
static bool follow(const char *path, unsigned access, char whole[PATH_MAX])
{
    char folder[PATH_MAX];
    if (realpath(path, whole) != NULL)
        return true;
    const char *slash = strrchr(path, '/');
    const int length = slash == path ? 1 : (int)(slash - path);
    if ((access & TRIED_MAKES) == 0 || length >= PATH_MAX)
        return false;
    snprintf(folder, sizeof(folder), "%.*s", length, path);
    if (realpath(folder, whole) == NULL || strlen(whole) + strlen(slash) >= PATH_MAX)
        return false;
    snprintf(whole + strlen(whole), PATH_MAX - strlen(whole), "%s", slash);
    return true;
}

static int add_absolute(struct search *search, const struct tried_path *tried, struct error *err)
{
    char whole[PATH_MAX];
    struct stat st = {0};
    const bool wrote = (tried->access & TRIED_WRITES) != 0;
    if (!follow(tried->path, tried->access, whole) ||
        tried_allows(search->attempt->tried, whole, wrote))
        return 0;
    const bool there = stat(whole, &st) == 0;
    if (there ? !may_matter(whole, &st) : !wrote)
        return 0;
    const char *inner = tried_below(whole, search->project);
    if (inner != NULL)
        return add(search, inner[0] != '\0' ? inner : ".", wrote, &st, err);
    return add(search, tried->path, wrote, &st, err);
}

/* What the stage looked for in its own folder, and the project has. */
static int add_own(struct search *search, const struct tried_path *tried, struct error *err)
{
    const struct job *job = search->attempt->job;
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const char *laid = tried_below(tried->path, "deps"),
                   *place = place_of(&job->stage->deps[i]);
        if ((laid != NULL && strcmp(laid, job->deps[i].name) == 0) ||
            (place != NULL && strcmp(tried->path, place) == 0)) {
            search->found->read[i] = true;
            return 0;
        }
    }
    struct stat st;
    char *path = file_join(search->project, tried->path, err);
    if (path == NULL)
        return -1;
    const bool there = stat(path, &st) == 0 && may_matter(path, &st);
    free(path);
    return there && tried_below(tried->path, "deps") == NULL
               ? add(search, tried->path, false, &st, err)
               : 0;
}

/* ---- folders in place of many files ---- */

static void release_one(struct trespass *trespass)
{
    free(trespass->path);
    free(trespass->name);
    free(trespass->value);
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path);
}

/* Those of one folder beside each other. */
static int compare(const void *left, const void *right)
{
    const struct trespass *a = left, *b = right;
    if (a->wrote != b->wrote)
        return a->wrote ? 1 : -1;
    const size_t first = folder_length(a->path), second = folder_length(b->path);
    const int order = strncmp(a->path, b->path, first < second ? first : second);
    if (order != 0 || first != second)
        return order != 0 ? order : first < second ? -1 : 1;
    return strcmp(a->path, b->path);
}

/* Whether one is the other, or lies below it. */
static bool covers(const struct trespass *a, const struct trespass *b)
{
    return a->wrote == b->wrote && tried_below(b->path, a->path) != NULL;
}

static void remove_covered(struct trespasses *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++) {
        bool covered = false;
        for (size_t k = 0; k < kept && !covered; k++)
            covered = covers(&found->list[k], &found->list[i]);
        if (covered)
            release_one(&found->list[i]);
        else
            found->list[kept++] = found->list[i];
    }
    found->count = kept;
}

static bool may_be_joined(const struct trespass *trespass)
{
    return !trespass->wrote && trespass->dep == NULL && trespass->value == NULL &&
           trespass->other == NULL && folder_length(trespass->path) > 0;
}

static size_t count_beside(const struct trespasses *found, size_t from)
{
    const char *path = found->list[from].path;
    const size_t length = folder_length(path);
    size_t count = 0;
    while (from + count < found->count && may_be_joined(&found->list[from + count]) &&
           folder_length(found->list[from + count].path) == length &&
           strncmp(path, found->list[from + count].path, length) == 0)
        count++;
    return count;
}

/* True where some were. */
static bool join_files(struct trespasses *found)
{
    size_t kept = 0;
    bool joined = false;
    if (found->count > 1)
        qsort(found->list, found->count, sizeof(*found->list), compare);
    for (size_t i = 0; i < found->count;) {
        size_t count = count_beside(found, i);
        const bool joins = count > FEW;
        if (joins)
            found->list[i].path[folder_length(found->list[i].path)] = '\0';
        joined = joined || joins;
        found->list[kept++] = found->list[i];
        for (size_t j = 1; joins && j < count; j++)
            release_one(&found->list[i + j]);
        i += joins ? count : 1;
    }
    found->count = kept;
    return joined;
}

static int compare_paths(const void *left, const void *right)
{
    const struct trespass *a = left, *b = right;
    return a->wrote != b->wrote ? (a->wrote ? 1 : -1) : strcmp(a->path, b->path);
}

/* ---- names of deps ---- */

static bool is_taken(const struct search *search, const char *name)
{
    for (size_t i = 0; i < search->stage->dep_count; i++)
        if (strcmp(search->stage->deps[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < search->found->count; i++)
        if (search->found->list[i].name != NULL && strcmp(search->found->list[i].name, name) == 0)
            return true;
    return false;
}

/* Of the last part without its ending, in letters that a name may have. */
static int name_it(const struct search *search, struct trespass *trespass, struct error *err)
{
    const char *slash = strrchr(trespass->path, '/'), *from = slash != NULL ? slash + 1 : NULL;
    struct text stem = {0}, name = {0};
    if (trespass->value == NULL &&
        (trespass->value = memory_copy_text(trespass->path, err)) == NULL)
        return -1;
    if (from == NULL)
        from = trespass->path;
    for (const char *at = from; *at != '\0' && !(*at == '.' && at > from); at++)
        if (isalnum((unsigned char)*at) || *at == '_')
            text_append(&stem, at, 1);
        else if (stem.size > 0)
            text_add(&stem, "_");
    if (stem.size == 0)
        text_add(&stem, "files");
    text_add(&name, text_string(&stem));
    for (int i = 2; is_taken(search, text_string(&name)); i++) {
        text_clear(&name);
        text_addf(&name, "%s_%d", text_string(&stem), i);
    }
    text_release(&stem);
    if (text_check(&name, err) < 0) {
        text_release(&name);
        return -1;
    }
    trespass->name = name.data;
    return 0;
}

/* ---- all ---- */

static int search_all(struct search *search, struct error *err)
{
    struct trespasses *found = search->found;
    struct tried_path tried;
    for (size_t at = 0; tried_next(search->attempt->tried, &at, &tried);)
        if ((tried.own ? add_own : add_absolute)(search, &tried, err) < 0)
            return -1;
    for (int pass = 0; pass < PASSES && join_files(found); pass++)
        continue;
    if (found->count > 1)
        qsort(found->list, found->count, sizeof(*found->list), compare_paths);
    remove_covered(found);
    for (size_t i = 0; i < found->count; i++) {
        struct trespass *trespass = &found->list[i];
        if (trespass->dep == NULL && trespass->other == NULL && name_it(search, trespass, err) < 0)
            return -1;
    }
    return 0;
}

int trespass_find(const struct attempt *attempt, struct trespasses *found, bool *heard,
                  struct error *err)
{
    const struct plan *plan = attempt->jobs->project->plan;
    struct search search = {attempt, plan, attempt->job->stage, found, NULL, NULL};
    *found = (struct trespasses){0};
    *heard = attempt->tried != NULL && tried_has_begun(attempt->tried);
    if (!*heard)
        return 0;
    found->whole = tried_is_whole(attempt->tried);
    found->read = memory_new(search.stage->dep_count + 1, sizeof(*found->read), err);
    search.project = realpath(plan->folder, NULL);
    int result = found->read == NULL ? -1 : 0;
    if (result == 0 && search.project == NULL)
        result = error_errno(err, "cannot find '%s'", plan->folder);
    if (result == 0 && (result = mark_downstream(&search, err)) == 0)
        result = search_all(&search, err);
    free(search.downstream);
    free(search.project);
    if (result < 0)
        trespass_release(found);
    return result;
}

void trespass_release(struct trespasses *found)
{
    for (size_t i = 0; i < found->count; i++)
        release_one(&found->list[i]);
    free(found->list);
    free(found->read);
    *found = (struct trespasses){0};
}
