#include "runner/lock_from.h"

#include <string.h>

void lock_from_add(const struct plan *plan, const struct plan_dep *dep, struct text *text)
{
    if (dep->path != NULL) {
        text_add(text, dep->path);
        return;
    }
    bool group = dep->member_count > 0;
    const struct plan_stage *upstream = &plan->stages[group ? dep->members[0].stage : dep->stage];
    const char *out = upstream->outs[group ? dep->members[0].out : dep->out].name;
    if (group)
        text_addf(text, "%.*s@*.%s", (int)strcspn(upstream->name, "@"), upstream->name, out);
    else
        text_addf(text, "%s.%s", upstream->name, out);
}
