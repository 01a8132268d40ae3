/* reprise dag: the plan as a picture. */
#include "runner/commands.h"
#include "runner/dag.h"

#include <stdio.h>
#include <unistd.h>

int command_dag(const struct options *options, struct error *err)
{
    enum dag_format format;
    struct plan *plan;
    if (dag_format_of(options->format, &format, err) < 0)
        return -1;
    if (options->folder != NULL && chdir(options->folder) < 0)
        return error_set(err, ERR_USAGE, "cannot work in '%s'", options->folder);
    if (plan_read(options->file, options->profile, options->sets, options->set_count, &plan, err) <
        0)
        return -1;
    int result = dag_print(plan, format, stdout, err);
    plan_free(plan);
    return result;
}
