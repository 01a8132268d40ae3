#include "runner/lock_from.h"

void lock_from_add(const struct plan *plan, const struct plan_dep *dep, struct text *text)
{
    if (dep->path != NULL) {
        text_add(text, dep->path);
        return;
    }
    const struct plan_stage *upstream = &plan->stages[dep->stage];
    text_addf(text, "%s.%s", upstream->name, upstream->outs[dep->out].name);
}
