/* Strikes at one system call of a program, for looking at one point of a campaign by hand:
 *   at_syscall [-k runner|forked|all | -e ERROR] [-a] [-c CALL] [-n N] [--] PROGRAM ARGUMENT…
 * -c: calls of this name; without it, all that change something. -n: the N-th of them. -a: kills
 * after the call. Without -k and -e it counts. Says on stderr what was struck; exit status of the
 * program, 128 + n after a signal, 97 where nothing was struck. */
#include "faults/calls.h"
#include "faults/campaign.h"
#include "faults/command.h"

#include <string.h>
#include <unistd.h>

enum { LIMIT_S = 300, ERRORS = 200 };

static _Noreturn void usage(void)
{
    fputs("usage: at_syscall [-k runner|forked|all | -e ERROR] [-a] [-c CALL] [-n N] [--] PROGRAM "
          "ARGUMENT...\n",
          stderr);
    exit(2);
}

static int error_named(const char *name)
{
    for (int number = 1; number < ERRORS; number++)
        if (strerrorname_np(number) != NULL && strcmp(strerrorname_np(number), name) == 0)
            return number;
    usage();
}

static enum strike kill_named(const char *name)
{
    return strcmp(name, "runner") == 0   ? STRIKE_KILL_RUNNER
           : strcmp(name, "forked") == 0 ? STRIKE_KILL_CALLER
           : strcmp(name, "all") == 0    ? STRIKE_KILL_ALL
                                         : (usage(), STRIKE_NONE);
}

static void show_counts(const struct trace *trace)
{
    for (size_t i = 0; i < calls_count; i++)
        if (trace->counts[calls[i].number] > 0)
            fprintf(stderr, "%6ld %s%s\n", trace->counts[calls[i].number], calls[i].name,
                    calls[i].changes ? "" : " (changes nothing)");
    fprintf(stderr, "%6ld that change something, %ld of them of forked processes\n",
            trace->changing, trace->by_others);
}

int main(int argc, char **argv)
{
    struct trace trace = {.call = TRACE_CHANGING, .at = 1};
    struct outcome outcome;
    int option;
    while ((option = getopt(argc, argv, "+k:e:ac:n:")) != -1) {
        if (option == 'k')
            trace.strike = kill_named(optarg);
        else if (option == 'e') {
            trace.strike = STRIKE_FAIL;
            trace.error = error_named(optarg);
        } else if (option == 'a')
            trace.after = true;
        else if (option == 'n')
            trace.at = strtol(optarg, NULL, 10);
        else if (option == 'c' && call_named(optarg) != NULL)
            trace.call = call_named(optarg)->number;
        else
            usage();
    }
    if (optind == argc || !command_can_trace())
        usage();
    command_become_reaper();
    command_trace(".", (const char *const *)&argv[optind], &trace, LIMIT_S, &outcome);
    fputs(outcome.out, stdout);
    fputs(outcome.err, stderr);
    if (trace.strike == STRIKE_NONE)
        show_counts(&trace);
    else if (!trace.struck) {
        fprintf(stderr, "at_syscall: nothing was struck\n");
        return 97;
    } else
        fprintf(stderr, "at_syscall: struck %s\n", trace.where);
    return outcome.code >= OUTCOME_SIGNAL ? 128 + outcome.code - OUTCOME_SIGNAL
           : outcome.code == OUTCOME_HANG ? 124
                                          : outcome.code;
}
