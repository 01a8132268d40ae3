/* From the pipeline file to a plan: parsed, overlaid with a profile, expanded,
 * linked and checked. After this nothing is wrong with the file. */
#ifndef PLAN_PLAN_READ_H
#define PLAN_PLAN_READ_H

#include "plan/plan.h"

/* Reads `file`. `profile` NULL takes the file's default; `sets` are "a.b=value" texts (value as
 * YAML). Everything wrong is ERR_USAGE with `file:line:col: ` in front. */
int plan_read(const char *file, const char *profile, const char *const *sets, size_t set_count,
              struct plan **plan, struct error *err);
/* The same where files that are deps need not be there. */
int plan_read_without_data(const char *file, const char *profile, const char *const *sets,
                           size_t set_count, struct plan **plan, struct error *err);
/* The same from text: `file` is what messages call it, `folder` the project. */
int plan_parse(const char *file, const char *folder, const char *data, size_t size,
               const char *profile, const char *const *sets, size_t set_count, struct plan **plan,
               struct error *err);

/* Where a pipeline file called `name` lies: in the current folder or the nearest one above, as git
 * looks for its folder, within the file system. The path is relative ("../../pipeline.yaml"), in
 * fresh memory. NULL with ERR_USAGE where there is none. */
char *plan_find_file(const char *name, struct error *err);

#endif
