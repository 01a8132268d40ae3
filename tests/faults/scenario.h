/* The moments of a project's life at which campaigns strike: each is a folder to copy and a command
 * to run there. */
#ifndef TESTS_FAULTS_SCENARIO_H
#define TESTS_FAULTS_SCENARIO_H

#include "faults/aftermath.h"

struct scenario {
    const char *name;
    const char *words[4]; /* after `reprise`, ended by NULL */
    void (*change)(
        const char *folder); /* what happened since a good run; NULL and !warm: there was none */
    bool warm;
    char template[512];
    struct reference reference; /* after an undisturbed command */
    struct trace calls;         /* the system calls of an undisturbed command */
};

/* A command in a scenario, and what may come of it where a call or an allocation of it fails. */
struct assault {
    int scenario;
    const char *words[4]; /* after `reprise`, ended by NULL */
    bool must_fail;       /* there is something that it must not pass, fault or no fault */
};
enum { ASSAULTS = 7 };
extern const struct assault assaults[ASSAULTS];

enum {
    SCENARIO_COLD,
    SCENARIO_DAEMON,
    SCENARIO_CHANGED,
    SCENARIO_DAMAGED,
    SCENARIO_FORCED,
    SCENARIO_UP_TO_DATE,
    SCENARIOS
};
extern struct scenario scenarios[SCENARIOS];

/* Makes the templates below the campaign's root, and learns what is right. */
void scenarios_prepare(struct campaign *campaign);
/* A fresh copy, ready for the command. */
void scenario_copy(const struct scenario *scenario, const char *folder);
/* argv for command_run; lives until the next call. */
const char *const *scenario_argv(const struct campaign *campaign, const char *const words[4]);
/* What the command printed and left is judged, and what comes after. */
void assault_judge(const struct campaign *campaign, const char *folder,
                   const struct assault *assault, const struct outcome *outcome, const char *point);

#endif
