/* Who waits for whom: for each job how many jobs upstream are not done, and
 * which jobs have it upstream. Frozen stages wait for nobody.
 */
#ifndef RUNNER_DEPENDANTS_H
#define RUNNER_DEPENDANTS_H

#include "runner/job.h"

struct dependants {
    size_t *waits_for; /* by job: jobs upstream that are not done, each counted once */
    size_t *first;     /* by job, and one more: where its dependants begin in `list` */
    size_t *list;
};

int dependants_init(const struct jobs *jobs, struct dependants *dependants, struct error *err);
void dependants_release(struct dependants *dependants);

#endif
