/* reprise dag: the plan as a picture. */
#include "command/commands.h"
#include "command/dag.h"
#include "plan/plan_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int command_dag(const struct options *options, struct error *err)
{
    enum dag_format format;
    struct plan *plan;
    if (dag_format_of(options->format != NULL ? options->format : "dot", &format, err) < 0)
        return -1;
    if (options->project.folder != NULL && chdir(options->project.folder) < 0)
        return error_set(err, ERR_USAGE, "cannot work in '%s'", options->project.folder);
    char *found = options->project.file == NULL ? plan_find_file("pipeline.yaml", err) : NULL;
    const char *file = found != NULL ? found : options->project.file;
    if (file == NULL)
        return -1;
    int result = plan_read(file, options->project.profile, options->project.sets,
                           options->project.set_count, &plan, err);
    free(found);
    if (result < 0)
        return -1;
    result = dag_print(plan, format, stdout, err);
    plan_free(plan);
    return result;
}
