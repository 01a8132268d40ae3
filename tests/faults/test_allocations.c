/* The n-th allocation fails, and so do all after it in a second round: the run ends with a message
 * or rightly, never by a signal, and the next run is right. Verify and status, too. */
#include "faults/failing_malloc.h"
#include "faults/files.h"
#include "faults/scenario.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SHORT_POINTS = 60, ALL_EVERY = 8 };

struct round {
    const struct assault *assault;
    long allocations, all, count;
};

/* Runs with the shim; what it tells is in *plan afterwards. */
static void run_with(struct campaign *campaign, const struct round *round, const char *folder,
                     struct failing_malloc *plan, struct outcome *outcome)
{
    char path[600], preload[5000], names[700];
    snprintf(path, sizeof(path), "%s.malloc", folder);
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s/tests/faults/failing_malloc.so",
             campaign->build);
    snprintf(names, sizeof(names), "FAULTS_MALLOC=%s", path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, plan, sizeof(*plan)) != sizeof(*plan))
        bail("cannot write '%s'", path);
    const char *environment[] = {preload, names, NULL};
    command_run(folder, scenario_argv(campaign, round->assault->words), environment, RUN_LIMIT_S,
                outcome);
    if (pread(fd, plan, sizeof(*plan), 0) != sizeof(*plan))
        bail("cannot read '%s'", path);
    close(fd);
    unlink(path);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct round *round = context;
    long at = campaign_nth(round->all, round->count, index);
    struct failing_malloc plan = {.at = at + 1};
    if (at >= round->allocations) /* every few, all from there on fail */
        plan = (struct failing_malloc){.at = (at - round->allocations) * ALL_EVERY + 1, .on = 1};
    struct outcome outcome;
    char name[256];
    scenario_copy(&scenarios[round->assault->scenario], folder);
    run_with(campaign, round, folder, &plan, &outcome);
    count_point(plan.failed > 0);
    snprintf(name, sizeof(name), "%s %s, allocation %ld (%s)%s fails",
             scenarios[round->assault->scenario].name, round->assault->words[0], plan.at,
             plan.caller, plan.on ? " and all after it" : "");
    /* OpenSSL 3.0 follows a lock that it could not allocate while it makes its first context, and
     * 3.5 says so and aborts: that end is the library's. */
    bool library = strncmp(plan.caller, "libcrypto", 9) == 0 &&
                   (outcome.code == OUTCOME_SIGNAL + SIGSEGV ||
                    (outcome.code == OUTCOME_SIGNAL + SIGABRT &&
                     strstr(outcome.err, "OpenSSL internal error") != NULL));
    if (!library)
        check_ending(&outcome, false, name);
    assault_judge(campaign, folder, round->assault, &outcome, name);
    outcome_release(&outcome);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "allocations", false);
    scenarios_prepare(&campaign);
    for (size_t i = 0; i < ASSAULTS; i++) {
        struct round assaulted = {.assault = &assaults[i]}, *round = &assaulted;
        struct failing_malloc plan = {0};
        struct outcome outcome;
        char promise[128], folder[512];
        snprintf(folder, sizeof(folder), "%s/counted", campaign.root);
        scenario_copy(&scenarios[round->assault->scenario], folder);
        run_with(&campaign, round, folder, &plan, &outcome);
        if (plan.count == 0)
            campaign_skip(&campaign, "a_failed_allocation_is_reported_and_stores_nothing_false",
                          "the program brings an allocator of its own, as with sanitizers");
        if ((outcome.code != 0) != round->assault->must_fail)
            wrong("undisturbed", "%s in %s: exit %d: %s", round->assault->words[0],
                  scenarios[round->assault->scenario].name, outcome.code, outcome.err);
        outcome_release(&outcome);
        files_remove(folder);
        round->allocations = plan.count;
        round->all = plan.count + plan.count / ALL_EVERY;
        round->count = campaign_count(&campaign, round->all, SHORT_POINTS / (i < 2 ? 1 : 3));
        campaign_each(&campaign, round->count, point, round);
        snprintf(promise, sizeof(promise),
                 "a_failed_allocation_is_reported_and_stores_nothing_false (%s, %s)",
                 scenarios[round->assault->scenario].name, round->assault->words[0]);
        campaign_check(&campaign, promise, round->count / 2);
    }
    return campaign_end(&campaign);
}
