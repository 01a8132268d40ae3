#include "runner/executables.h"

#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a path or a name in a PATH came to; all of them in a list, so that what was given out stays.
 */
struct found {
    struct found *next;
    char *question;
    char *answer;              /* of a search */
    struct executable program; /* of a file */
};

struct executables {
    struct store *store;
    pthread_mutex_t mutex;
    struct table table;
    struct found *all;
};

int executables_new(struct store *store, struct executables **made, struct error *err)
{
    struct executables *programs = memory_new(1, sizeof(*programs), err);
    if (programs == NULL)
        return -1;
    programs->store = store;
    pthread_mutex_init(&programs->mutex, NULL);
    *made = programs;
    return 0;
}

static void free_found(struct found *found)
{
    if (found == NULL)
        return;
    free(found->question);
    free(found->answer);
    free(found->program.path);
    free(found);
}

void executables_free(struct executables *programs)
{
    if (programs == NULL)
        return;
    while (programs->all != NULL) {
        struct found *next = programs->all->next;
        free_found(programs->all);
        programs->all = next;
    }
    table_release(&programs->table);
    pthread_mutex_destroy(&programs->mutex);
    free(programs);
}

void executables_forget(struct executables *programs)
{
    pthread_mutex_lock(&programs->mutex);
    table_release(&programs->table);
    pthread_mutex_unlock(&programs->mutex);
}

static struct found *remembered(struct executables *programs, const char *question)
{
    pthread_mutex_lock(&programs->mutex);
    struct found *found = table_find(&programs->table, question, strlen(question));
    pthread_mutex_unlock(&programs->mutex);
    return found;
}

/* Takes `found` over. Another thread may have been first: then both are right. */
static int remember(struct executables *programs, struct found *found, const char *question,
                    struct error *err)
{
    if ((found->question = memory_copy_text(question, err)) == NULL) {
        free_found(found);
        return -1;
    }
    pthread_mutex_lock(&programs->mutex);
    found->next = programs->all;
    programs->all = found;
    int result = table_set(&programs->table, found->question, strlen(question), found, err);
    pthread_mutex_unlock(&programs->mutex);
    return result;
}

/* ---- files ---- */

static int read_head(struct executable *program, struct error *err)
{
    int fd = open(program->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, program->head, EXECUTABLE_HEAD);
    /* A program may be executable and not readable; then its bytes cannot be in a key either. */
    if (got < 0)
        error_errno(err, "cannot read '%s'", program->path);
    else
        program->head_size = (size_t)got;
    if (fd >= 0)
        close(fd);
    return got < 0 ? -1 : 0;
}

static int look(struct executables *programs, const char *path, enum store_depth depth,
                struct executable *program, struct error *err)
{
    struct stat st;
    int64_t size;
    if ((program->path = realpath(path, NULL)) == NULL || stat(program->path, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_IO, "'%s' is not a regular file", path);
    program->executable = access(program->path, X_OK) == 0;
    if (blob_hash_file(programs->store, program->path, depth, &program->digest, &size, err) < 0)
        return -1;
    return read_head(program, err);
}

int executables_find(struct executables *programs, const char *path, enum store_depth depth,
                     const struct executable **program, struct error *err)
{
    struct found *found = remembered(programs, path);
    if (found == NULL) {
        if ((found = memory_new(1, sizeof(*found), err)) == NULL)
            return -1;
        if (look(programs, path, depth, &found->program, err) < 0) {
            free_found(found);
            return -1;
        }
        if (remember(programs, found, path, err) < 0)
            return -1;
    }
    *program = &found->program;
    return 0;
}

/* ---- PATH ---- */

/* The next place where `name` may be, in fresh memory. A relative folder would mean another place
 * in each work folder, so that none is looked for there. NULL at the end, with ERR_NONE. */
static char *next_candidate(const char **variable, const char *name, struct error *err)
{
    *err = (struct error){0};
    while (**variable != '\0') {
        struct text candidate = {0};
        size_t length = strcspn(*variable, ":");
        text_addf(&candidate, "%.*s/%s", (int)length, *variable, name);
        *variable += length + ((*variable)[length] == ':');
        if (text_check(&candidate, err) == 0 && candidate.data[0] == '/')
            return candidate.data;
        text_release(&candidate);
        if (err->kind != ERR_NONE)
            break;
    }
    return NULL;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static char *search(const char *variable, const char *name, struct error *err)
{
    char *candidate;
    while ((candidate = next_candidate(&variable, name, err)) != NULL && !is_program(candidate))
        free(candidate);
    return candidate;
}

const char *executables_search(struct executables *programs, const char *variable, const char *name,
                               struct error *err)
{
    struct text question = {0};
    text_addf(&question, "%s\n%s", name, variable);
    if (text_check(&question, err) < 0) {
        text_release(&question);
        return NULL;
    }
    const char *answer = NULL;
    struct found *found = remembered(programs, question.data);
    if (found != NULL)
        answer = found->answer;
    else if ((found = memory_new(1, sizeof(*found), err)) != NULL) {
        if ((found->answer = search(variable, name, err)) == NULL)
            free_found(found);
        else {
            answer = found->answer;
            if (remember(programs, found, question.data, err) < 0)
                answer = NULL;
        }
    }
    text_release(&question);
    return answer;
}

/* The places that a search passed by. */
static void visit_search(const struct found *found, executables_visit_fn *visit, void *arg)
{
    struct error ignored;
    char *candidate, *name = memory_copy_text(found->question, &ignored);
    if (name == NULL)
        return;
    size_t length = strcspn(name, "\n");
    const char *variable = found->question + length + 1;
    name[length] = '\0';
    while ((candidate = next_candidate(&variable, name, &ignored)) != NULL &&
           strcmp(candidate, found->answer) != 0) {
        visit(arg, candidate, NULL);
        free(candidate);
    }
    free(candidate);
    free(name);
}

void executables_each(struct executables *programs, executables_visit_fn *visit, void *arg)
{
    pthread_mutex_lock(&programs->mutex);
    for (const struct found *found = programs->all; found != NULL; found = found->next)
        if (found->answer != NULL)
            visit_search(found, visit, arg);
        else
            visit(arg, found->question, &found->program);
    pthread_mutex_unlock(&programs->mutex);
}
