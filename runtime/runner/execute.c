#include "runner/execute.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/environment.h"
#include "runner/sandbox.h"
#include "runner/trespass.h"
#include "runner/work.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct limits limits_of(const struct project *project, const struct plan_stage *stage)
{
    const struct plan_resources *resources = &stage->resources;
    const int64_t usual = sandbox_confines(project) ? LIMITS_PROCESSES : 0;
    return (struct limits){.memory_bytes = resources->memory_bytes,
                           .file_bytes = resources->disk_bytes,
                           .processes = resources->processes > 0 ? resources->processes : usual};
}

static int make_rules(struct attempt *attempt, struct sandbox_rules *rules, int *tried,
                      struct error *err)
{
    static const char *const own[] = {"run", "checkpoint", NULL};
    const struct job *job = attempt->job;
    const struct sandbox_subject subject = {
        .project = attempt->jobs->project,
        .stage = job->stage,
        .invocation = &job->invocation,
        .home = attempt->home,
        .folders = own,
        .network = job->stage->network,
        .loopback = sandbox_gives_loopback(attempt->jobs->project, job->stage)};
    return sandbox_rules_make(&subject, rules, err) < 0
               ? -1
               : trespass_watch(attempt, &rules->allowed, tried, err);
}

static int start_process(struct attempt *attempt, const char *cards, struct error *err)
{
    struct job *job = attempt->job;
    const struct project *project = attempt->jobs->project;
    const struct environment_place place = {attempt_inside(attempt), attempt->threads, cards,
                                            project->plan->cudnn, job->invocation.program->path};
    char **environment = NULL;
    size_t count = 0;
    struct sandbox_rules rules = {.landlock = -1};
    const enum sandbox_mode mode = project->sandbox;
    int ends[2] = {-1, -1}, tried = -1, result = -1;
    if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        error_errno(err, "cannot make a pipe");
        goto done;
    }
    if (environment_make(job->stage, &place, &environment, &count, err) < 0 ||
        (mode != SANDBOX_OFF && make_rules(attempt, &rules, &tried, err) < 0))
        goto done;
    const struct launch launch = {
        .argv = job->invocation.argv,
        .environment = environment,
        .folder = attempt->folder_fd,
        .output = attempt->log_fd,
        .errors = attempt->log_fd,
        .progress = ends[1],
        .confined = sandbox_confines(project),
        .network = job->stage->network,
        .rules = rules.landlock,
        .namespaces = {project->namespaces.level, project->namespaces.user,
                       sandbox_gives_loopback(project, job->stage), rules.shown},
        .tried = tried,
        .lock = store_lock_descriptor(attempt->lock),
        .limits = limits_of(project, job->stage),
        .groups = project->memory_groups,
        .mark = attempt_mark(attempt)};
    result = launch_start(project->launcher, &launch, &attempt->process, err);
    if (result == 0) {
        attempt->progress_fd = ends[0];
        ends[0] = -1;
    }
done:
    file_free_names(environment, count);
    sandbox_rules_release(&rules);
    if (tried >= 0)
        close(tried);
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return result;
}

int execute_new(struct jobs *jobs, struct job *job, struct store_lock *lock, int threads,
                struct attempt **made, struct error *err)
{
    struct attempt *attempt = memory_new(1, sizeof(*attempt), err);
    if (attempt == NULL) {
        store_unlock(lock);
        return -1;
    }
    *attempt = (struct attempt){.jobs = jobs,
                                .job = job,
                                .lock = lock,
                                .threads = threads,
                                .process = {0, -1, -1},
                                .folder_fd = -1,
                                .log_fd = -1,
                                .progress_fd = -1,
                                .told = {.fd = -1}};
    *made = attempt;
    return 0;
}

int execute_start(struct attempt *attempt, const char *cards, struct error *err)
{
    int64_t limit = attempt->job->stage->resources.time_ms;
    time_t now = time(NULL);
    struct tm utc;
    attempt->start = attempt->job->began = attempt_now();
    strftime(attempt->started, sizeof(attempt->started), "%Y-%m-%dT%H:%M:%SZ",
             gmtime_r(&now, &utc));
    attempt_weigh(attempt);
    if (start_process(attempt, cards, err) < 0)
        return -1;
    if (limit > 0)
        attempt->deadline = attempt->start + 1e-3 * (double)limit;
    return 0;
}

static void close_descriptors(struct attempt *attempt)
{
    int *const descriptors[] = {&attempt->folder_fd, &attempt->log_fd, &attempt->progress_fd};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        if (*descriptors[i] >= 0)
            close(*descriptors[i]);
        *descriptors[i] = -1;
    }
    told_close(&attempt->told);
}

void execute_end(struct attempt *attempt)
{
    struct launch_report ignored;
    struct error lost;
    if (attempt == NULL)
        return;
    if (attempt->process.pid > 0) {
        launch_kill(&attempt->process);
        launch_collect(&attempt->process, &ignored, &lost);
    }
    work_remove(attempt);
    close_descriptors(attempt);
    store_unlock(attempt->lock);
    progress_release(&attempt->progress);
    for (size_t i = 0; i < attempt->copy_count; i++)
        free(attempt->copies[i].path);
    free(attempt->copies);
    free(attempt->home);
    free(attempt->folder);
    free(attempt->log_path);
    free(attempt->undeclared);
    tried_free(attempt->tried);
    text_release(&attempt->trespasses);
    free(attempt);
}
