#include "runner/question.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/environment.h"
#include "runner/launch.h"
#include "runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXECUTABLE_LIMIT = 1 << 30, TIMEOUT_MS = 10000, SLICE_MS = 50, COMPLAINT_LIMIT = 600 };

bool question_is_understood(const struct executable *program, const char *option)
{
    static const char variable[] = "REPRISE_STAGE";
    char *data;
    size_t size;
    struct error ignored;
    if (file_read(program->path, EXECUTABLE_LIMIT, &data, &size, &ignored) < 0)
        return false;
    bool found = memmem(data, size, option, strlen(option)) != NULL &&
                 memmem(data, size, variable, sizeof(variable) - 1) != NULL;
    free(data);
    return found;
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wrong(const struct question *question, struct error *err, const char *what)
{
    return error_set(err, ERR_STAGE, "'%s %s': %s", question->stage->argv[0], question->option,
                     what);
}

/* Reads until the end. */
static int read_answer(const struct question *question, int from, struct text *answer,
                       struct error *err)
{
    int64_t deadline = milliseconds() + TIMEOUT_MS;
    char block[4096];
    for (;;) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int ready = poll(&wait, 1, SLICE_MS);
        if (project_is_stopping(question->project))
            return error_set(err, ERR_INTERRUPTED, "interrupted");
        if (milliseconds() > deadline)
            return wrong(question, err, "it took more than 10 s");
        if (ready <= 0)
            continue;
        ssize_t got = read(from, block, sizeof(block));
        if (got == 0)
            return text_check(answer, err);
        if (got > 0)
            text_append(answer, block, (size_t)got);
        if (answer->size > QUESTION_LIMIT)
            return wrong(question, err, "it printed more than 64 KiB");
    }
}

/* The first line of what it wrote to stderr; ours begin with "stage 'name': ", as our own lines do.
 */
static void complaint(const struct question *question, int errors, char line[COMPLAINT_LIMIT])
{
    ssize_t got = pread(errors, line, COMPLAINT_LIMIT - 1, 0);
    line[got > 0 ? got : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char prefix[256];
    int length = snprintf(prefix, sizeof(prefix), "stage '%s': ", question->stage->name);
    if (length < (int)sizeof(prefix) && strncmp(line, prefix, (size_t)length) == 0)
        memmove(line, line + length, strlen(line + length) + 1);
}

static int judge(const struct question *question, const struct launch_report *report, int errors,
                 struct error *err)
{
    char line[COMPLAINT_LIMIT];
    if (report->start_errno == 0 && report->status == 0)
        return 0;
    complaint(question, errors, line);
    if (report->without_namespaces)
        return wrong(question, err, "its namespaces cannot be made");
    if (report->start_errno != 0)
        return wrong(question, err, strerror(report->start_errno));
    if (WIFEXITED(report->status) && WEXITSTATUS(report->status) == 2 && line[0] != '\0')
        return error_set(err, ERR_USAGE, "%s", line);
    return wrong(question, err, line[0] != '\0' ? line : "it failed");
}

static int collect(const struct question *question, struct launched *launched, int from, int errors,
                   struct text *answer, struct error *err)
{
    struct launch_report report;
    struct error later;
    int result = read_answer(question, from, answer, err);
    if (result < 0)
        launch_kill(launched);
    if (launch_collect(launched, &report, result < 0 ? &later : err) < 0)
        return -1;
    return result < 0 ? -1 : judge(question, &report, errors, err);
}

/* Asks with `work` to work in, the folder `inside` for the program, and stderr in a file. */
static int launch(const struct question *question, const struct sandbox_rules *rules,
                  const char *inside, int work, int errors, struct text *answer, struct error *err)
{
    const struct project *project = question->project;
    const struct environment_place place = {inside, 1, NULL, project->plan->cudnn,
                                            question->program->path};
    char *const argv[] = {question->program->path, (char *)question->option,
                          (char *)question->argument, NULL};
    const bool confined = sandbox_confines(project);
    char **environment;
    size_t count;
    int ends[2];
    struct launched launched;
    if (environment_make(question->stage, &place, &environment, &count, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        file_free_names(environment, count);
        return error_errno(err, "cannot make a pipe");
    }
    const struct launch asked = {
        .argv = argv,
        .environment = environment,
        .folder = work,
        .output = ends[1],
        .errors = errors,
        .progress = -1,
        .lock = -1,
        .limits = {.processes = confined ? LIMITS_PROCESSES : 0},
        .confined = confined,
        .rules = rules->landlock,
        .namespaces = {project->namespaces.level, project->namespaces.user, false, rules->shown},
        .groups = -1,
        .tried = -1,
        .mark = keeper_mark(store_folder(project->store), NULL)};
    int result = launch_start(project->launcher, &asked, &launched, err);
    close(ends[1]);
    if (result == 0)
        result = collect(question, &launched, ends[0], errors, answer, err);
    close(ends[0]);
    file_free_names(environment, count);
    return result;
}

/* Asks in the folder "run" of `folder`, which is there. */
static int ask_in(const struct question *question, const char *folder, int errors,
                  struct text *answer, struct error *err)
{
    static const char *const own[] = {"run", NULL};
    const struct project *project = question->project;
    const struct sandbox_subject subject = {.project = project,
                                            .stage = question->stage,
                                            .invocation = question->invocation,
                                            .home = folder,
                                            .folders = own,
                                            .in_project = true};
    struct sandbox_rules rules = {.landlock = -1};
    char *inner = file_join(folder, "run", err);
    if (inner == NULL)
        return -1;
    int result = -1, work = open(inner, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (work < 0)
        error_errno(err, "cannot open '%s'", inner);
    else if (!sandbox_confines(project) || sandbox_rules_make(&subject, &rules, err) == 0)
        result = launch(question, &rules, namespaces_folder(&project->namespaces, inner), work,
                        errors, answer, err);
    sandbox_rules_release(&rules);
    if (work >= 0)
        close(work);
    free(inner);
    return result;
}

static int make_folder(const struct question *question, const char *folder, struct error *err)
{
    char *home = file_join(folder, "run/home", err);
    int made = home == NULL ? -1 : file_make_folders(home, err);
    free(home);
    if (made < 0)
        return -1;
    if (question->document == NULL)
        return 0;
    char inner[STORE_PATH_SIZE + 8];
    snprintf(inner, sizeof(inner), "%s/run", folder);
    char *path = file_join(inner, question->argument, err);
    int result = path == NULL ? -1 : json_write(path, question->document, err);
    free(path);
    return result;
}

int question_ask(const struct question *question, char **answer, struct error *err)
{
    char folder[STORE_PATH_SIZE];
    struct text text = {0};
    struct error ignored;
    int errors = memfd_create("complaints", MFD_CLOEXEC), result = -1;
    if (errors < 0)
        return error_errno(err, "cannot make a file in memory");
    if (store_temporary_path(question->project->store, folder, err) == 0) {
        if (make_folder(question, folder, err) == 0)
            result = ask_in(question, folder, errors, &text, err);
        file_remove(folder, &ignored);
    }
    close(errors);
    if (result == 0 && strlen(text_string(&text)) != text.size)
        result = wrong(question, err, "its answer holds a NUL");
    if (result == 0 && (*answer = memory_copy_text(text_string(&text), err)) == NULL)
        result = -1;
    text_release(&text);
    return result;
}
