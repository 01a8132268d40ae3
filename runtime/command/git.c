#include "command/git.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Whether git did what the words ask; what it printed is in the open file. */
static bool ask(const char *const *words, int output)
{
    pid_t child;
    int status = -1, failed;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    failed = posix_spawnp(&child, "git", &actions, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return false;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int new_file(char **path, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    *path = file_join(folder != NULL ? folder : "/tmp", "reprise-git.XXXXXX", err);
    int file = *path == NULL ? -1 : mkostemp(*path, O_CLOEXEC);
    if (*path != NULL && file < 0) {
        error_errno(err, "cannot make '%s'", *path);
        free(*path);
        *path = NULL;
    }
    return file;
}

static int show(const char *revision, const char *path, int output, struct error *err)
{
    struct text object = {0};
    text_addf(&object, "%s:./%s", revision, path);
    int result = text_check(&object, err);
    const char *const words[] = {"git", "show", "--end-of-options", text_string(&object), NULL};
    if (result == 0 && !ask(words, output))
        result = error_set(err, ERR_USAGE, "'%s' has no '%s': name a revision that has one",
                           revision, path);
    text_release(&object);
    return result;
}

int git_file(const char *revision, const char *path, char **copy, struct error *err)
{
    struct text commit = {0};
    text_addf(&commit, "%s^{commit}", revision);
    int output = text_check(&commit, err) < 0 ? -1 : new_file(copy, err);
    int result = output < 0 ? -1 : 0;
    const char *const verify[] = {
        "git", "rev-parse", "--verify", "--end-of-options", text_string(&commit), NULL};
    if (result == 0 && ask(verify, output)) {
        result = 1;
        if (ftruncate(output, 0) < 0 || lseek(output, 0, SEEK_SET) < 0)
            result = error_errno(err, "cannot write '%s'", *copy);
        else if (show(revision, path, output, err) < 0)
            result = -1;
    }
    if (output >= 0)
        close(output);
    if (output >= 0 && result != 1)
        git_file_end(*copy);
    text_release(&commit);
    return result;
}

void git_file_end(char *copy)
{
    unlink(copy);
    free(copy);
}
