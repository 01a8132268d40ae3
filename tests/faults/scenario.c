#include "faults/scenario.h"

#include "faults/files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void change_input(const char *folder)
{
    files_write(folder, "input.txt", "changed\n", 0644);
}

/* A process that leaves its session and would live on for half a minute. */
static void leave_daemon(const char *folder)
{
    char path[FILES_PATH];
    size_t size;
    snprintf(path, sizeof(path), "%s/stages/a.sh", folder);
    char *script = files_read(path, &size), *longer = NULL;
    if (script == NULL ||
        asprintf(&longer, "setsid sleep 30 > /dev/null 2>&1 < /dev/null &\n%s", script) < 0)
        bail("cannot read '%s'", path);
    files_write(folder, "stages/a.sh", longer, 0644);
    free(script);
    free(longer);
}

static void spoil(const char *root, const char *path, void *context)
{
    char whole[FILES_PATH];
    struct stat st;
    int *count = context;
    snprintf(whole, sizeof(whole), "%s/%s", root, path);
    if (lstat(whole, &st) < 0 || !S_ISREG(st.st_mode) || (*count)++ % 2 == 1)
        return;
    chmod(whole, 0644);
    FILE *file = fopen(whole, "ae");
    if (file == NULL || fputs("DAMAGE", file) < 0 || fclose(file) != 0)
        bail("cannot damage '%s'", whole);
    chmod(whole, st.st_mode & 07777);
}

/* Every second artifact and blob. */
static void damage(const char *folder)
{
    char part[FILES_PATH];
    int count = 0;
    snprintf(part, sizeof(part), "%s/artifacts", folder);
    files_walk(part, spoil, &count);
    snprintf(part, sizeof(part), "%s/cache/objects", folder);
    files_walk(part, spoil, &count);
}

struct scenario scenarios[SCENARIOS] = {
    [SCENARIO_COLD] = {.name = "first run", .words = {"run"}},
    [SCENARIO_DAEMON] = {.name = "a stage that leaves a daemon",
                         .words = {"run"},
                         .change = leave_daemon},
    [SCENARIO_CHANGED] = {.name = "changed input",
                          .words = {"run"},
                          .change = change_input,
                          .warm = true},
    [SCENARIO_DAMAGED] = {.name = "damaged cache and artifacts",
                          .words = {"run"},
                          .change = damage,
                          .warm = true},
    [SCENARIO_FORCED] = {.name = "run -f", .words = {"run", "-f"}, .warm = true},
    [SCENARIO_UP_TO_DATE] = {.name = "up to date", .words = {"run"}, .warm = true},
};

const struct assault assaults[ASSAULTS] = {
    {SCENARIO_COLD, {"run"}, false},          {SCENARIO_DAMAGED, {"run"}, false},
    {SCENARIO_UP_TO_DATE, {"run"}, false},    {SCENARIO_UP_TO_DATE, {"verify"}, false},
    {SCENARIO_UP_TO_DATE, {"status"}, false}, {SCENARIO_DAMAGED, {"verify"}, true},
    {SCENARIO_CHANGED, {"status"}, true},
};

void assault_judge(const struct campaign *campaign, const char *folder,
                   const struct assault *assault, const struct outcome *outcome, const char *point)
{
    const struct scenario *scenario = &scenarios[assault->scenario];
    check_processes(0.2, point);
    if (outcome->code == 0 && assault->must_fail)
        wrong("passes what it must not pass", "%s: %s", point, outcome->out);
    else if (outcome->code == 0)
        check_success(campaign, folder, &scenario->reference, point);
    aftermath(campaign, folder, &scenario->reference, point);
}

void scenario_copy(const struct scenario *scenario, const char *folder)
{
    files_copy(scenario->template, folder);
    if (scenario->change != NULL)
        scenario->change(folder);
}

const char *const *scenario_argv(const struct campaign *campaign, const char *const words[4])
{
    static const char *argv[8];
    argv[0] = campaign->reprise;
    memcpy(&argv[1], words, 4 * sizeof(*words));
    return argv;
}

static void must_succeed(struct outcome *outcome, const char *name)
{
    if (outcome->code != 0)
        bail("%s: an undisturbed run fails with %d: %s", name, outcome->code, outcome->err);
    outcome_release(outcome);
}

void scenarios_prepare(struct campaign *campaign)
{
    char cold[512], warm[512], folder[512], name[64];
    struct outcome outcome;
    snprintf(cold, sizeof(cold), "%s/cold", campaign->root);
    snprintf(warm, sizeof(warm), "%s/warm", campaign->root);
    snprintf(folder, sizeof(folder), "%s/calm", campaign->root);
    mkdir(cold, 0755);
    project_make(cold);
    files_copy(cold, warm);
    project_run(campaign, warm, &outcome, "run", "-q", NULL);
    must_succeed(&outcome, "warm");
    for (int i = 0; i < SCENARIOS; i++) {
        struct scenario *scenario = &scenarios[i];
        memcpy(scenario->template, scenario->warm ? warm : cold, sizeof(warm));
        scenario_copy(scenario, folder);
        scenario->calls = (struct trace){.call = TRACE_CHANGING};
        if (command_can_trace())
            command_trace(folder, scenario_argv(campaign, scenario->words), &scenario->calls,
                          RUN_LIMIT_S, &outcome);
        else
            command_run(folder, scenario_argv(campaign, scenario->words), NULL, RUN_LIMIT_S,
                        &outcome);
        must_succeed(&outcome, scenario->name);
        command_strays(0.1, name, sizeof(name)); /* judged where the scenario is tried */
        reference_take(folder, &scenario->reference);
        scenario->reference.blobs_damaged = i == SCENARIO_DAMAGED;
        files_remove(folder);
    }
}
