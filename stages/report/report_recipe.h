/* The commands that give this report again: profile and what was set, as the lineage names them. */
#ifndef STAGES_REPORT_RECIPE_H
#define STAGES_REPORT_RECIPE_H

#include "base/text.h"

#include <jansson.h>

/* make pipeline PROFILE=x RUN_FLAGS="--set a.b=c", quoted for a shell, for make and for the shell
 * that make starts; reprise run --set a.b=c of a pipeline without profiles. */
void report_recipe_run(struct text *text, const json_t *lineage);
/* --set a.b=c for all that was set, quoted for a shell; nothing where nothing was. */
void report_recipe_sets(struct text *text, const json_t *lineage);
/* build/reprise verify, or reprise verify, with what was set where something was. */
void report_recipe_verify(struct text *text, const json_t *lineage);
/* Whether evaluate's metrics have the digest that they have here; nothing where the lineage has
 * none. */
void report_recipe_check(struct text *text, const json_t *lineage);

#endif
