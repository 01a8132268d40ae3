/* Each plausible error at each system call of the runner, of those that only read, too: the run
 * fails with a message or succeeds rightly, never stores something false, and the next run is
 * right. CALL=name tries that call alone. */
#include "faults/calls.h"
#include "faults/files.h"
#include "faults/scenario.h"

#include <errno.h>
#include <string.h>

enum { SHORT_POINTS = 60, POINTS_MOST = 65536, ALL_EVERY = 8 };

struct fault {
    const struct call *call;
    long at;
    int error;
    bool on; /* and at all that follow: a disk that is gone, a table that stays full */
};
struct round {
    const struct assault *assault;
    struct fault *faults;
    long all, count;
};

static bool passes(int error)
{
    return error == EINTR || error == EAGAIN; /* who tries again without end is right */
}

static void add(struct round *round, const struct call *call, long at)
{
    for (const int *error = call->errors; *error != 0 && round->all + 2 <= POINTS_MOST; error++) {
        round->faults[round->all++] = (struct fault){call, at, *error, false};
        if (at % ALL_EVERY == 1 && !passes(*error))
            round->faults[round->all++] = (struct fault){call, at, *error, true};
    }
}

/* Every call that an undisturbed command makes, with every error. */
static void plan(struct campaign *campaign, struct round *round)
{
    struct trace trace = {.call = TRACE_CHANGING};
    struct outcome outcome;
    char folder[512];
    round->faults = calloc(POINTS_MOST, sizeof(*round->faults));
    if (round->faults == NULL)
        bail("out of memory");
    snprintf(folder, sizeof(folder), "%s/counted", campaign->root);
    scenario_copy(&scenarios[round->assault->scenario], folder);
    command_trace(folder, scenario_argv(campaign, round->assault->words), &trace, RUN_LIMIT_S,
                  &outcome);
    if ((outcome.code != 0) != round->assault->must_fail)
        wrong("undisturbed", "%s in %s: exit %d: %s", round->assault->words[0],
              scenarios[round->assault->scenario].name, outcome.code, outcome.err);
    outcome_release(&outcome);
    files_remove(folder);
    const char *only = getenv("CALL");
    for (size_t c = 0; c < calls_count; c++)
        for (long at = 1; at <= trace.counts[calls[c].number]; at++)
            if (only == NULL || only[0] == '\0' || strcmp(only, calls[c].name) == 0)
                add(round, &calls[c], at);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct round *round = context;
    const struct assault *assault = round->assault;
    const struct fault *fault = &round->faults[campaign_nth(round->all, round->count, index)];
    struct trace trace = {.strike = STRIKE_FAIL,
                          .call = fault->call->number,
                          .at = fault->at,
                          .on = fault->on,
                          .error = fault->error};
    struct outcome outcome;
    char name[256];
    scenario_copy(&scenarios[assault->scenario], folder);
    command_trace(folder, scenario_argv(campaign, assault->words), &trace, RUN_LIMIT_S, &outcome);
    count_point(trace.struck);
    snprintf(name, sizeof(name), "%s, %s: %s at %s %ld%s", scenarios[assault->scenario].name,
             assault->words[0], strerrorname_np(fault->error), trace.where, fault->at,
             fault->on ? " and all after it" : "");
    check_ending(&outcome, trace.own_message, name);
    assault_judge(campaign, folder, assault, &outcome, name);
    outcome_release(&outcome);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "errors", false);
    if (!command_can_trace())
        campaign_skip(&campaign, "an_error_of_any_call_is_reported_and_stores_nothing_false",
                      "the tracer knows x86-64 only");
    scenarios_prepare(&campaign);
    for (size_t i = 0; i < ASSAULTS; i++) {
        struct round round = {.assault = &assaults[i]};
        char promise[128];
        plan(&campaign, &round);
        if (round.all == 0 && getenv("CALL") != NULL) {
            free(round.faults);
            continue;
        }
        round.count = campaign_count(&campaign, round.all, SHORT_POINTS / (i < 2 ? 1 : 3));
        campaign_each(&campaign, round.count, point, &round);
        snprintf(promise, sizeof(promise),
                 "an_error_of_any_call_is_reported_and_stores_nothing_false (%s, %s)",
                 scenarios[assaults[i].scenario].name, assaults[i].words[0]);
        campaign_check(&campaign, promise, round.count / 2);
        free(round.faults);
    }
    return campaign_end(&campaign);
}
