/* A signal to a process below the runner, or to the runner itself, at a random moment: keeper,
 * stage, or what the stage started. The run ends with a message or, where the signal did not
 * matter, rightly; the next is right. */
#include "faults/scenario.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    SHORT_POINTS = 24,
    LONG_POINTS = 600,
    FOUND_MOST = 64,
    MOMENTS_US = 160000,
    INTERRUPTED = 130
};
static const int numbers[] = {SIGKILL, SIGKILL, SIGTERM, SIGSEGV, SIGSTOP, SIGHUP, SIGINT};

struct below {
    pid_t pids[FOUND_MOST];
    size_t count;
};

static void find_below(pid_t pid, struct below *below)
{
    char path[64];
    int child;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%d", &child) == 1 && below->count < FOUND_MOST) {
        below->pids[below->count++] = child;
        find_below(child, below);
    }
    if (children != NULL)
        fclose(children);
}

/* The n-th process below the runner; false where there is none at this moment. */
static bool strike(const struct command *command, struct dice *dice, int number)
{
    struct below below = {.count = 0};
    find_below(command->pid, &below);
    if (below.count == 0)
        return false;
    pid_t victim = below.pids[dice_roll(dice, below.count)];
    if (kill(victim, number) < 0)
        return false;
    if (number == SIGSTOP) {
        usleep(50000);
        kill(victim, SIGCONT);
    }
    return true;
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct scenario *scenario = context;
    struct dice dice = dice_of(campaign, 11, index);
    int number = numbers[dice_roll(&dice, sizeof(numbers) / sizeof(numbers[0]))];
    const char *argv[] = {campaign->reprise, "run", "--set", "wait=0.1", NULL};
    struct command command;
    struct outcome outcome;
    char name[128];
    scenario_copy(scenario, folder);
    command_start(&command, folder, argv, NULL, false);
    usleep((useconds_t)dice_roll(&dice, MOMENTS_US));
    bool struck = strike(&command, &dice, number);
    for (int tries = 0; !struck && tries < 20; tries++) {
        usleep(2000);
        struck = strike(&command, &dice, number);
    }
    count_point(struck);
    command_finish(&command, RUN_LIMIT_S, &outcome);
    snprintf(name, sizeof(name), "%ld: %s to a process below the runner", index, strsignal(number));
    if (outcome.code != INTERRUPTED)
        check_ending(&outcome, false, name);
    outcome_release(&outcome);
    check_processes(0.2, name);
    aftermath(campaign, folder, &scenario->reference, name);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "stage kills", false);
    scenarios_prepare(&campaign);
    struct scenario *scenario = &scenarios[SCENARIO_COLD];
    long count = campaign_count(&campaign, LONG_POINTS, SHORT_POINTS);
    campaign_each(&campaign, count, point, scenario);
    campaign_check(&campaign, "a_signal_to_a_stage_or_its_keeper_stores_nothing_false", count / 3);
    return campaign_end(&campaign);
}
