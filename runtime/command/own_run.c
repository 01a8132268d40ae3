#include "command/own_run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/own_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What it says is no result: that belongs to stderr. */
static int start(const char *program, const char *document, const char *stage, struct error *err)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct error interrupted = {.kind = ERR_INTERRUPTED};
    struct sigaction before;
    pid_t child, ended;
    int status = 0;
    char *const argv[] = {(char *)program, (char *)document, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return error_set(err, ERR_MEMORY, "out of memory");
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    errno = posix_spawn(&child, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errno != 0)
        return error_errno(err, "cannot start '%s'", program);
    /* Ctrl-C goes to the stage, too: it ends, and then its folder is removed. */
    sigaction(SIGINT, &ignore, &before);
    while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        continue;
    sigaction(SIGINT, &before, NULL);
    if (ended < 0)
        return error_errno(err, "cannot wait for '%s'", program);
    if (WIFEXITED(status) ? WEXITSTATUS(status) == error_exit_status(&interrupted)
                          : WTERMSIG(status) == SIGINT)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : error_set(err, ERR_STAGE, "the stage '%s' failed", stage);
}

static int run_in(const char *work, const char *program, const char *stage, json_t *document,
                  struct error *err)
{
    char *path = file_join(work, "stage.json", err);
    int result = path == NULL ? -1 : json_write(path, document, err);
    if (result == 0)
        result = start(program, path, stage, err);
    free(path);
    return result;
}

static int no_stage(const char *stage, const char *otherwise, struct error *err)
{
    struct error ignored;
    char *where = own_stage_folder(&ignored);
    error_set(err, ERR_USAGE, "there is no stage '%s' in '%s': install Reprise with its stages%s",
              stage, where != NULL ? where : "stages", otherwise);
    free(where);
    return -1;
}

int own_run(const char *stage, json_t *document, const char *otherwise, char **work,
            struct error *err)
{
    static const char key[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct text folder = {0};
    json_t *common = json_pack("{s:i, s:s, s:s, s:s}", "schema", 2, "stage", stage, "key", key,
                               "checkpoint", "checkpoint");
    char *program = own_stage_path(stage, err);
    const char *temporary = getenv("TMPDIR");
    int result = program != NULL ? 0 : err->kind == ERR_NONE ? no_stage(stage, otherwise, err) : -1;
    text_addf(&folder, "%s/reprise-%s.XXXXXX", temporary != NULL ? temporary : "/tmp", stage);
    if (result == 0 &&
        (document == NULL || common == NULL || json_object_update(document, common) < 0))
        result = error_set(err, ERR_MEMORY, "out of memory for stage.json");
    if (result == 0)
        result = text_check(&folder, err);
    if (result == 0 && mkdtemp(folder.data) == NULL)
        result = error_errno(err, "cannot make '%s'", folder.data);
    if (result == 0 && (result = run_in(folder.data, program, stage, document, err)) < 0) {
        struct error ignored;
        file_remove(folder.data, &ignored);
    }
    *work = NULL;
    if (result == 0)
        *work = folder.data;
    else
        text_release(&folder);
    json_decref(common);
    json_decref(document);
    free(program);
    return result;
}

void own_run_end(char *work)
{
    struct error ignored;
    if (work != NULL)
        file_remove(work, &ignored);
    free(work);
}
