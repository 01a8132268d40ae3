#include "plan/plan_publish.h"

#include "plan/inner_path.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An out with `publish`. */
struct publication {
    const struct stage_draft *draft;
    const struct plan_out *out;
    char *target; /* what it becomes where it is a file: "reports/x.png" */
};

/* Who has a path. */
struct owner {
    const struct stage_draft *draft;
    const char *what; /* name of a dep, word of a command, or name of an out */
    char *path;       /* owned, where the key is not somebody else's */
};

struct publisher {
    const struct plan *plan;
    char *root; /* the project's folder without links */
    struct publication *list;
    size_t count, capacity;
    struct owner *owners; /* what the tables' values are */
    size_t owner_count, owner_capacity;
    struct table folders;  /* published into; the values are publications */
    struct table targets;  /* files, if they are files; publications */
    struct table metrics;  /* files for certain; publications */
    struct table deps;     /* of the project; owners */
    struct table commands; /* their files; owners */
    struct table words;    /* of commands that were looked at */
};

static const char *const own_folders[] = {"artifacts", "cache", "reports/runs"};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int refuse(const struct publication *publication, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(const struct publication *publication, struct error *err, const char *format, ...)
{
    struct yaml_place place = stage_draft_place(publication->draft, publication->out->place);
    char message[768];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return stage_draft_error(publication->draft, place, err, "the out '%s' %s",
                             publication->out->name, message);
}

/* The first of the folders that hold `path`, from the outermost, and of `path` itself, that is in
 * the table; or NULL. */
static void *find_above(const struct table *table, const char *path, bool itself)
{
    for (size_t size = strcspn(path, "/");; size += 1 + strcspn(path + size + 1, "/")) {
        if (path[size] == '\0' && !itself)
            return NULL;
        void *found = table_find(table, path, size);
        if (found != NULL || path[size] == '\0')
            return found;
    }
}

static int collect_publications(struct publisher *publisher, const struct stage_draft *draft,
                                struct error *err)
{
    for (size_t i = 0; !draft->left_out && i < draft->stage.out_count; i++) {
        const struct plan_out *out = &draft->stage.outs[i];
        if (out->publish == NULL)
            continue;
        if (memory_grow(&publisher->list, &publisher->capacity, publisher->count + 1,
                        sizeof(*publisher->list), err) < 0)
            return -1;
        char *target = file_join(out->publish, last_part(out->path), err);
        if (target == NULL)
            return -1;
        publisher->list[publisher->count++] = (struct publication){draft, out, target};
    }
    return 0;
}

static int add_owner(struct publisher *publisher, const struct stage_draft *draft, const char *what,
                     char *path, struct error *err)
{
    if (memory_grow(&publisher->owners, &publisher->owner_capacity, publisher->owner_count + 1,
                    sizeof(*publisher->owners), err) < 0) {
        free(path);
        return -1;
    }
    publisher->owners[publisher->owner_count++] = (struct owner){draft, what, path};
    return 0;
}

/* The place in the project to which a path leads through links, too. */
static int add_real(struct publisher *publisher, const struct stage_draft *draft, const char *what,
                    const char *full, struct error *err)
{
    char *real = realpath(full, NULL);
    if (real == NULL) /* it is gone again */
        return errno == ENOMEM ? error_errno(err, "cannot follow '%s'", full) : 0;
    char *path = outer_path(real, publisher->root, err);
    free(real);
    if (path == NULL)
        return -1;
    if (!outer_path_is_outside(path))
        return add_owner(publisher, draft, what, path, err);
    free(path);
    return 0;
}

/* A dep that is a link; what lies below linked folders is not looked for. */
static int add_linked_dep(struct publisher *publisher, const struct stage_draft *draft,
                          const struct plan_dep *dep, struct error *err)
{
    struct stat status;
    char *full = *dep->path == '/' ? memory_copy_text(dep->path, err)
                                   : file_join(publisher->root, dep->path, err);
    if (full == NULL)
        return -1;
    bool link = lstat(full, &status) == 0 && S_ISLNK(status.st_mode);
    int done = link ? add_real(publisher, draft, dep->name, full, err) : 0;
    free(full);
    return done;
}

/* A word of a command that names a file of the project. */
static int collect_word(struct publisher *publisher, const struct stage_draft *draft,
                        const char *word, struct error *err)
{
    struct error wrong;
    struct stat status;
    size_t size = strlen(word);
    if (table_find(&publisher->words, word, size) != NULL)
        return 0;
    if (table_set(&publisher->words, word, size, publisher, err) < 0)
        return -1;
    char *path = outer_path(word, publisher->root, &wrong), *full = NULL;
    if (path == NULL && wrong.kind == ERR_USAGE)
        return 0; /* no path at all */
    if (path == NULL || (full = file_join(publisher->root, path, err)) == NULL) {
        free(path);
        return error_set(err, ERR_MEMORY, "out of memory for '%s'", word);
    }
    bool file = stat(full, &status) == 0 && S_ISREG(status.st_mode);
    int done = file ? add_real(publisher, draft, word, full, err) : 0;
    free(full);
    if (done == 0 && file && !outer_path_is_outside(path))
        return add_owner(publisher, draft, word, path, err);
    free(path);
    return done;
}

/* Owners of commands first, then those of deps, which begin at *deps. */
static int collect_owners(struct publisher *publisher, const struct stage_draft *drafts,
                          size_t count, size_t *deps, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < drafts[i].stage.argc; j++)
            if (collect_word(publisher, &drafts[i], drafts[i].stage.argv[j], err) < 0)
                return -1;
    *deps = publisher->owner_count;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < drafts[i].stage.dep_count; j++) {
            const struct plan_dep *dep = &drafts[i].stage.deps[j];
            if (dep->path == NULL)
                continue;
            if (add_linked_dep(publisher, &drafts[i], dep, err) < 0)
                return -1;
            if (outer_path_is_outside(dep->path))
                continue;
            char *path = memory_copy_text(dep->path, err);
            if (path == NULL || add_owner(publisher, &drafts[i], dep->name, path, err) < 0)
                return -1;
        }
    return 0;
}

static int add_once(struct table *table, const char *key, void *value, struct error *err)
{
    size_t size = strlen(key);
    return table_find(table, key, size) != NULL ? 0 : table_set(table, key, size, value, err);
}

static int fill_tables(struct publisher *publisher, size_t deps, struct error *err)
{
    for (size_t i = 0; i < publisher->owner_count; i++) {
        struct table *table = i < deps ? &publisher->commands : &publisher->deps;
        if (add_once(table, publisher->owners[i].path, &publisher->owners[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < publisher->count; i++) {
        struct publication *publication = &publisher->list[i];
        if (add_once(&publisher->folders, publication->out->publish, publication, err) < 0 ||
            (publication->out->metrics &&
             add_once(&publisher->metrics, publication->target, publication, err) < 0))
            return -1;
    }
    return 0;
}

/* Beside the pipeline file lies its lock: pipeline.yaml has pipeline.lock. */
static int refuse_own_files(const struct publisher *publisher,
                            const struct publication *publication, struct error *err)
{
    const char *file = last_part(publisher->plan->file), *publish = publication->out->publish;
    size_t size = strlen(file);
    if (size > 5 && strcmp(file + size - 5, ".yaml") == 0)
        size -= 5;
    struct text lock = {0};
    text_append(&lock, file, size);
    text_add(&lock, ".lock");
    int status = text_check(&lock, err);
    if (status == 0 && (inner_path_holds(file, publish) || inner_path_holds(lock.data, publish)))
        status = refuse(publication, err, "cannot be published into '%s', which is the %s", publish,
                        inner_path_holds(file, publish) ? "pipeline file" : "pipeline's lock");
    text_release(&lock);
    return status;
}

/* `inside` is a path in the project. */
static int refuse_own_folders(const struct publication *publication, const char *inside,
                              struct error *err)
{
    const char *target = last_part(publication->target);
    struct text file = {0};
    text_addf(&file, "%s%s%s", inside, *inside == '\0' ? "" : "/", target);
    int status = text_check(&file, err);
    if (status == 0 && inner_path_is_git(file.data))
        status = refuse(publication, err, "cannot be published into '%s', which is git's",
                        publication->out->publish);
    for (size_t i = 0; status == 0 && i < sizeof(own_folders) / sizeof(*own_folders); i++)
        if (inner_path_holds(own_folders[i], inside) || inner_path_holds(own_folders[i], file.data))
            status = refuse(publication, err,
                            "cannot be published into '%s', which is the runner's", own_folders[i]);
    text_release(&file);
    return status;
}

/* Where a published folder leads that has links on its way: the deepest folder of it that is there
 * already, without links, in fresh memory. *rest is what follows it. */
static char *real_folder(const struct publisher *publisher, const char *publish, const char **rest,
                         struct error *err)
{
    char *full = file_join(publisher->root, publish, err), *real = NULL;
    size_t head = full == NULL ? 0 : strlen(full) - strlen(publish);
    size_t size = full == NULL ? 0 : strlen(full);
    while (full != NULL && (real = realpath(full, NULL)) == NULL && size > head) {
        while (size > head && full[size] != '/')
            size--;
        full[size > head ? size : head] = '\0';
    }
    if (real == NULL && full != NULL)
        error_errno(err, "cannot find '%s'", full);
    *rest = publish + (size > head ? size - head : 0);
    *rest += **rest == '/';
    free(full);
    return real;
}

static int refuse_through_links(const struct publisher *publisher,
                                const struct publication *publication, struct error *err)
{
    const char *rest;
    char *real = real_folder(publisher, publication->out->publish, &rest, err);
    if (real == NULL)
        return -1;
    size_t size = strcmp(publisher->root, "/") == 0 ? 0 : strlen(publisher->root);
    int status = 0;
    if (size > 0 && !inner_path_holds(publisher->root, real)) {
        status = refuse(publication, err,
                        "cannot be published into '%s': a link on its way leads out of the project",
                        publication->out->publish);
    } else {
        struct text inside = {0};
        const char *part = real[size] == '/' ? real + size + 1 : real + size;
        text_addf(&inside, "%s%s%s", part, *part != '\0' && *rest != '\0' ? "/" : "", rest);
        status = text_check(&inside, err);
        if (status == 0)
            status = refuse_own_folders(publication, inside.data, err);
        text_release(&inside);
    }
    free(real);
    return status;
}

/* A published folder that is, or lies in, a file of somebody; or a file that is one. */
static int refuse_over_files(const struct publisher *publisher,
                             const struct publication *publication, struct error *err)
{
    const char *publish = publication->out->publish;
    const struct owner *owner = find_above(&publisher->commands, publication->target, true);
    if (owner != NULL)
        return refuse(publication, err,
                      "would be published over '%s', which the command of stage '%s' names",
                      owner->path, owner->draft->source->name);
    owner = find_above(&publisher->deps, publish, true);
    /* The dep "." has all folders of the project but the runner's, of which reports is one. */
    if (owner == NULL && !inner_path_holds("reports", publish))
        owner = table_find(&publisher->deps, ".", 1);
    if (owner != NULL)
        return refuse(publication, err, "publishes into '%s', where stage '%s' has the dep '%s'",
                      publish, owner->draft->source->name, owner->what);
    const struct publication *rival = find_above(&publisher->metrics, publish, true);
    if (rival != NULL)
        return refuse(publication, err, "publishes into '%s', where '%s.%s' publishes a file",
                      rival->target, rival->draft->source->name, rival->out->name);
    return 0;
}

/* Two outs of one name in one folder. Fills `targets`. */
static int refuse_same(struct publisher *publisher, struct publication *publication,
                       struct error *err)
{
    const char *target = publication->target;
    const struct publication *rival = table_find(&publisher->targets, target, strlen(target));
    if (rival != NULL)
        return refuse(publication, err, "publishes '%s', which '%s.%s' does already", target,
                      rival->draft->source->name, rival->out->name);
    return table_set(&publisher->targets, target, strlen(target), publication, err);
}

/* Deps that lie in a published folder. */
static int refuse_around_deps(const struct publisher *publisher, size_t deps, struct error *err)
{
    for (size_t i = deps; i < publisher->owner_count; i++) {
        const struct owner *owner = &publisher->owners[i];
        const struct publication *publication = find_above(&publisher->folders, owner->path, true);
        if (publication != NULL)
            return refuse(publication, err,
                          "publishes into '%s', where stage '%s' has the dep '%s'",
                          publication->out->publish, owner->draft->source->name, owner->what);
    }
    return 0;
}

static int check_all(struct publisher *publisher, size_t deps, struct error *err)
{
    for (size_t i = 0; i < publisher->count; i++) {
        struct publication *publication = &publisher->list[i];
        if (refuse_own_folders(publication, publication->out->publish, err) < 0 ||
            refuse_own_files(publisher, publication, err) < 0 ||
            refuse_through_links(publisher, publication, err) < 0 ||
            refuse_same(publisher, publication, err) < 0 ||
            refuse_over_files(publisher, publication, err) < 0)
            return -1;
    }
    return refuse_around_deps(publisher, deps, err);
}

static void release(struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->count; i++)
        free(publisher->list[i].target);
    for (size_t i = 0; i < publisher->owner_count; i++)
        free(publisher->owners[i].path);
    table_release(&publisher->folders);
    table_release(&publisher->targets);
    table_release(&publisher->metrics);
    table_release(&publisher->deps);
    table_release(&publisher->commands);
    table_release(&publisher->words);
    free(publisher->list);
    free(publisher->owners);
    free(publisher->root);
}

int plan_publish_check(const struct stage_draft *drafts, size_t count, const struct plan *plan,
                       struct error *err)
{
    struct publisher publisher = {.plan = plan};
    size_t deps = 0;
    int status = 0;
    for (size_t i = 0; status == 0 && i < count; i++)
        status = collect_publications(&publisher, &drafts[i], err);
    if (status == 0 && publisher.count > 0) {
        if ((publisher.root = realpath(plan->folder, NULL)) == NULL)
            status = error_errno(err, "cannot find the folder '%s'", plan->folder);
        else if (collect_owners(&publisher, drafts, count, &deps, err) < 0 ||
                 fill_tables(&publisher, deps, err) < 0 || check_all(&publisher, deps, err) < 0)
            status = -1;
    }
    release(&publisher);
    return status;
}
