/* Each plausible error at each system call of the runner, of those that only read, too: the run
 * fails with a message or succeeds rightly, never stores something false, and the next run is
 * right. */
#include "faults/calls.h"
#include "faults/scenario.h"

#include <string.h>

enum { SHORT_POINTS = 100, POINTS_MOST = 65536 };

struct fault {
    const struct call *call;
    long at;
    int error;
};
struct round {
    const struct scenario *scenario;
    struct fault *faults;
    long all, count;
};

static void plan(struct round *round)
{
    round->faults = calloc(POINTS_MOST, sizeof(*round->faults));
    if (round->faults == NULL)
        bail("out of memory");
    for (size_t c = 0; c < calls_count; c++)
        for (long at = 1; at <= round->scenario->calls.counts[calls[c].number]; at++)
            for (const int *error = calls[c].errors; *error != 0 && round->all < POINTS_MOST;
                 error++)
                round->faults[round->all++] = (struct fault){&calls[c], at, *error};
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct round *round = context;
    const struct scenario *scenario = round->scenario;
    const struct fault *fault = &round->faults[campaign_nth(round->all, round->count, index)];
    struct trace trace = {
        .strike = STRIKE_FAIL, .call = fault->call->number, .at = fault->at, .error = fault->error};
    struct outcome outcome;
    char name[256];
    scenario_copy(scenario, folder);
    command_trace(folder, scenario_argv(campaign, scenario), &trace, RUN_LIMIT_S, &outcome);
    count_point(trace.struck);
    snprintf(name, sizeof(name), "%s, %s at %s %ld", scenario->name, strerrorname_np(fault->error),
             trace.where, fault->at);
    check_ending(&outcome, trace.own_message, name);
    check_processes(0.2, name);
    if (outcome.code == 0)
        check_success(campaign, folder, &scenario->reference, name);
    outcome_release(&outcome);
    aftermath(campaign, folder, &scenario->reference, name);
}

int main(void)
{
    static const int tried[] = {SCENARIO_COLD, SCENARIO_DAMAGED, SCENARIO_UP_TO_DATE};
    struct campaign campaign;
    campaign_begin(&campaign, "errors", false);
    if (!command_can_trace())
        campaign_skip(&campaign, "an_error_of_any_call_is_reported_and_stores_nothing_false",
                      "the tracer knows x86-64 only");
    scenarios_prepare(&campaign);
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        struct round round = {.scenario = &scenarios[tried[i]]};
        char promise[128];
        plan(&round);
        round.count = campaign_count(&campaign, round.all, SHORT_POINTS / (long)(i + 1));
        campaign_each(&campaign, round.count, point, &round);
        snprintf(promise, sizeof(promise),
                 "an_error_of_any_call_is_reported_and_stores_nothing_false (%s)",
                 round.scenario->name);
        campaign_check(&campaign, promise, round.count / 2);
        free(round.faults);
    }
    return campaign_end(&campaign);
}
