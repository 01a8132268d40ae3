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

enum answer { GIT_DID, GIT_REFUSED, GIT_IS_NOT_THERE };

/* What git printed is in the open file, and why it refused, where `reasons`. */
static enum answer ask(const char *const *words, int output, bool reasons)
{
    pid_t child;
    int status = -1, failed;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return GIT_IS_NOT_THERE;
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (reasons)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    failed = posix_spawnp(&child, "git", &actions, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return GIT_IS_NOT_THERE;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return GIT_REFUSED;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? GIT_DID : GIT_REFUSED;
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
    if (result == 0 && ask(words, output, false) != GIT_DID)
        result = error_set(err, ERR_USAGE, "'%s' has no '%s': name a revision that has one",
                           revision, path);
    text_release(&object);
    return result;
}

/* Of a name that it does not know git says nothing, but why it does not look: no repository, or
 * one of another user. */
static int no_revision(const char *revision, const char *else_no, enum answer answer, int output,
                       struct error *err)
{
    static const char fatal[] = "fatal: ";
    char said[256] = "git cannot be started";
    struct text why = {0};
    if (answer == GIT_REFUSED) {
        ssize_t size = pread(output, said, sizeof(said) - 1, 0);
        said[size > 0 ? size : 0] = '\0';
    }
    const char *reason = said + (strncmp(said, fatal, strlen(fatal)) == 0 ? strlen(fatal) : 0);
    if (*reason != '\0') {
        text_add(&why, ": ");
        text_add_clean(&why, reason, strcspn(reason, "\n"));
    }
    error_set(err, ERR_USAGE, "'%s' is %sno revision of git%s", revision, else_no,
              text_string(&why));
    text_release(&why);
    return -1;
}

int git_file(const char *revision, const char *else_no, const char *path, char **copy,
             struct error *err)
{
    struct text commit = {0};
    enum answer answer;
    text_addf(&commit, "%s^{commit}", revision);
    int output = text_check(&commit, err) < 0 ? -1 : new_file(copy, err);
    int result = output < 0 ? -1 : 0;
    const char *const verify[] = {
        "git", "rev-parse", "--quiet", "--verify", "--end-of-options", text_string(&commit), NULL};
    if (result == 0 && (answer = ask(verify, output, true)) != GIT_DID)
        result = no_revision(revision, else_no, answer, output, err);
    if (result == 0 && (ftruncate(output, 0) < 0 || lseek(output, 0, SEEK_SET) < 0))
        result = error_errno(err, "cannot write '%s'", *copy);
    if (result == 0)
        result = show(revision, path, output, err);
    if (output >= 0)
        close(output);
    if (output >= 0 && result < 0)
        git_file_end(*copy);
    text_release(&commit);
    return result;
}

void git_file_end(char *copy)
{
    unlink(copy);
    free(copy);
}
