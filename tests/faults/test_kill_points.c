/* SIGKILL at every system call that changes something: of the runner, of what it forked, of all at
 * once; before the call and after it. Afterwards nothing is lost, nothing false is claimed, and
 * nothing is left. */
#include "faults/scenario.h"

#include <string.h>

enum { MODES = 6, SHORT_POINTS = 24 };
static const struct {
    enum strike strike;
    bool after;
    const char *name;
} modes[MODES] = {
    {STRIKE_KILL_RUNNER, false, "runner before"}, {STRIKE_KILL_RUNNER, true, "runner after"},
    {STRIKE_KILL_ALL, false, "all before"},       {STRIKE_KILL_ALL, true, "all after"},
    {STRIKE_KILL_CALLER, false, "forked before"}, {STRIKE_KILL_CALLER, true, "forked after"},
};

struct round {
    const struct scenario *scenario;
    long all, count;
};

static long calls_of(const struct scenario *scenario, int mode)
{
    return modes[mode].strike == STRIKE_KILL_CALLER ? scenario->calls.by_others
                                                    : scenario->calls.changing;
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct round *round = context;
    const struct scenario *scenario = round->scenario;
    long at = campaign_nth(round->all, round->count, index);
    int mode = 0;
    while (at >= calls_of(scenario, mode))
        at -= calls_of(scenario, mode++);
    struct trace trace = {.strike = modes[mode].strike,
                          .call = TRACE_CHANGING,
                          .at = at + 1,
                          .after = modes[mode].after};
    struct outcome outcome;
    char name[256];
    scenario_copy(scenario, folder);
    command_trace(folder, scenario_argv(campaign, scenario->words), &trace, RUN_LIMIT_S, &outcome);
    count_point(trace.struck);
    snprintf(name, sizeof(name), "%s, kill of %s call %ld (%s)", scenario->name, modes[mode].name,
             at + 1, trace.where);
    if (outcome.code == OUTCOME_HANG)
        wrong("hangs", "%s", name);
    if (trace.struck && modes[mode].strike != STRIKE_KILL_CALLER &&
        outcome.code != OUTCOME_SIGNAL + 9)
        wrong("the campaign's kill did not kill", "%s: %d", name, outcome.code);
    if (trace.struck && modes[mode].strike == STRIKE_KILL_CALLER)
        check_ending(&outcome, false, name);
    outcome_release(&outcome);
    check_processes(1.0, name); /* the kernel's news of the death takes a moment */
    aftermath(campaign, folder, &scenario->reference, name);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "kill", false);
    if (!command_can_trace())
        campaign_skip(&campaign, "killed_at_any_call_the_next_run_is_right",
                      "the tracer knows x86-64 only");
    scenarios_prepare(&campaign);
    for (int i = 0; i < SCENARIOS; i++) {
        struct round round = {.scenario = &scenarios[i]};
        char promise[128];
        for (int mode = 0; mode < MODES; mode++)
            round.all += calls_of(round.scenario, mode);
        round.count = campaign_count(&campaign, round.all, SHORT_POINTS);
        printf("# %s: %ld calls change something, %ld of them of forked processes\n",
               scenarios[i].name, scenarios[i].calls.changing, scenarios[i].calls.by_others);
        campaign_each(&campaign, round.count, point, &round);
        snprintf(promise, sizeof(promise), "killed_at_any_call_the_next_run_is_right (%s)",
                 scenarios[i].name);
        campaign_check(&campaign, promise, round.count / 2);
    }
    return campaign_end(&campaign);
}
