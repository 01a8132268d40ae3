/* 2, 8 and 32 runners at once on one project, with the same command or with other sets and stages,
 * a quarter of them killed at random moments. Who was not killed succeeds; one more run is right;
 * nothing is left. With nobody killed, lock and artifacts come from one of the runs, and equal runs
 * execute each stage once. */
#include "faults/files.h"
#include "faults/scenario.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNNERS_MOST = 32, KINDS = 5, SIZES = 3, ROUNDS = 12, MOMENTS_US = 400000 };
static const int sizes[SIZES] = {2, 8, RUNNERS_MOST};
static const struct {
    const char *name;
    bool same, killed, clones;
} kinds[KINDS] = {
    {"the same command, a quarter killed", true, true, false},
    {"other sets and stages, a quarter killed", false, true, false},
    {"the same command", true, false, false},
    {"other sets and stages", false, false, false},
    {"two clones on one cache, a quarter killed", true, true, true},
};

struct crowd {
    char template[512];
    struct reference reference;
    int kind;
    long count;
};

/* The stages take their time, so that the moments of killing meet them. */
static void make_project(const char *folder)
{
    char path[FILES_PATH];
    size_t size;
    project_make(folder);
    for (const char *stage = "abc"; *stage != '\0'; stage++) {
        snprintf(path, sizeof(path), "%s/stages/%c.sh", folder, *stage);
        char *text = files_read(path, &size), *slow = NULL;
        if (text == NULL || asprintf(&slow, "sleep 0.04\n%s", text) < 0)
            bail("cannot read '%s'", path);
        snprintf(path, sizeof(path), "stages/%c.sh", *stage);
        files_write(folder, path, slow, 0644);
        free(text);
        free(slow);
    }
}

/* True where it runs all stages. */
static bool start(struct campaign *campaign, const char *folder, bool same, struct dice *dice,
                  struct command *command)
{
    static const char *const others[][4] = {{"--json", "--set", "seed=2"},
                                            {"--json", "--set", "seed=3"},
                                            {"--json", "a"},
                                            {"--json", "b"},
                                            {"--json", "c"},
                                            {"--json", "-f", "b"},
                                            {"--json"}};
    const char *const *words = others[same ? 6 : dice_roll(dice, 7)];
    const char *argv[] = {campaign->reprise, "run", words[0], words[1], words[2], NULL};
    command_start(command, folder, argv, NULL, false);
    return words[1] == NULL || strcmp(words[1], "--set") == 0;
}

static void kill_quarter(struct command *commands, int count, bool *killed, struct dice *dice)
{
    int victims = count / 4 > 0 ? count / 4 : 1;
    for (int v = 0; v < victims; v++) {
        int victim = (int)dice_roll(dice, (uint64_t)count);
        usleep((useconds_t)dice_roll(dice, (uint64_t)(MOMENTS_US / victims)));
        if (killed[victim])
            continue;
        killed[victim] = true;
        kill(commands[victim].pid, SIGKILL);
    }
}

static int count_executed(const char *text)
{
    int count = 0;
    while ((text = strstr(text, "\"state\": \"executed\"")) != NULL) {
        count++;
        text++;
    }
    return count;
}

static int collect(struct command *commands, int count, const bool *killed, const char *name)
{
    int executed = 0;
    for (int i = 0; i < count; i++) {
        struct outcome outcome;
        command_finish(&commands[i], RUN_LIMIT_S, &outcome);
        if (killed[i])
            count_point(outcome.code == OUTCOME_SIGNAL + SIGKILL);
        else if (outcome.code == OUTCOME_HANG)
            wrong("hangs", "%s", name);
        else if (outcome.code != 0)
            wrong("a runner beside others does not succeed", "%s: %d: %s", name, outcome.code,
                  outcome.err);
        executed += count_executed(outcome.out);
        outcome_release(&outcome);
    }
    return executed;
}

/* Two projects, or one twice. */
static void make_clones(const struct crowd *crowd, const char *folder, char projects[2][FILES_PATH])
{
    char shared[700], link[FILES_PATH + 8];
    bool clones = kinds[crowd->kind].clones;
    if (clones && mkdir(folder, 0755) < 0)
        bail("cannot make '%s'", folder);
    snprintf(shared, sizeof(shared), "%s/shared", folder);
    if (clones && mkdir(shared, 0755) < 0)
        bail("cannot make '%s'", shared);
    for (int i = 0; i < 2; i++) {
        snprintf(projects[i], FILES_PATH - 8, "%s%s", folder,
                 !clones  ? ""
                 : i == 0 ? "/clone"
                          : "/other");
        if (i == 0 || clones)
            files_copy(crowd->template, projects[i]);
        snprintf(link, sizeof(link), "%.1000s/cache", projects[i]);
        if (clones && symlink("../shared", link) < 0)
            bail("cannot link '%s'", link);
    }
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct crowd *crowd = context;
    const bool same = kinds[crowd->kind].same, kills = kinds[crowd->kind].killed;
    int size = sizes[index % SIZES];
    struct dice dice = dice_of(campaign, (uint64_t)crowd->kind, index);
    struct command commands[RUNNERS_MOST];
    bool killed[RUNNERS_MOST] = {false};
    char name[128], projects[2][FILES_PATH];
    snprintf(name, sizeof(name), "%d runners, round %ld, %s", size, index / SIZES,
             kinds[crowd->kind].name);
    bool whole = true;
    make_clones(crowd, folder, projects);
    for (int i = 0; i < size; i++)
        whole &= start(campaign, projects[i % 2], same, &dice, &commands[i]);
    if (kills)
        kill_quarter(commands, size, killed, &dice);
    int executed = collect(commands, size, killed, name);
    check_processes(1.0, name);
    if (!kills) {
        struct outcome verify;
        count_point(true);
        project_run(campaign, folder, &verify, "verify", "--as-recorded", NULL);
        /* After a run of one stage with other sets, those after it are stale, and 1 is true. */
        if (verify.code != 0 && (whole || verify.code != 1))
            wrong("lock and artifacts are of different runs", "%s: verify --as-recorded: %d: %s",
                  name, verify.code, verify.err);
        outcome_release(&verify);
        if (same && executed != 3)
            wrong("equal runs do not share their work", "%s: %d stages executed, not 3", name,
                  executed);
    }
    aftermath(campaign, projects[0], &crowd->reference, name);
    if (kinds[crowd->kind].clones)
        aftermath(campaign, projects[1], &crowd->reference, name);
}

int main(void)
{
    struct campaign campaign;
    struct crowd crowd = {0};
    struct outcome outcome;
    char calm[512];
    campaign_begin(&campaign, "many runners", false);
    snprintf(crowd.template, sizeof(crowd.template), "%s/template", campaign.root);
    snprintf(calm, sizeof(calm), "%s/calm", campaign.root);
    mkdir(crowd.template, 0755);
    make_project(crowd.template);
    files_copy(crowd.template, calm);
    project_run(&campaign, calm, &outcome, "run", NULL);
    if (outcome.code != 0)
        bail("an undisturbed run fails: %s", outcome.err);
    outcome_release(&outcome);
    reference_take(calm, &crowd.reference);
    for (crowd.kind = 0; crowd.kind < KINDS; crowd.kind++) {
        char promise[128];
        crowd.count = campaign_count(&campaign, SIZES * ROUNDS, 2);
        campaign_each(&campaign, crowd.count, point, &crowd);
        snprintf(promise, sizeof(promise), "many_runners_share_a_project (%s)",
                 kinds[crowd.kind].name);
        campaign_check(&campaign, promise, 1);
    }
    return campaign_end(&campaign);
}
