/* What differs between the outs that a stage is known for and those that it gave again. */
#ifndef COMMAND_AGAIN_DIFFERENCE_H
#define COMMAND_AGAIN_DIFFERENCE_H

#include "runner/project.h"
#include "store/action.h"

#include <jansson.h>

/* What is held against what: actions of one stage, each with the store that has its blobs. */
struct again {
    const struct project *project;
    const struct plan_stage *stage;
    const struct action *recorded; /* in project->store */
    const struct action *made;     /* in `store` */
    struct store *store;
};

/* A list, empty where all bits are equal, of
 *   {"out": its path, "file": the path in it of a folder, or null, "lines": what differs,
 *    "format", "details": as the stage `differ` tells, where it was asked,
 *    "picture": path of a picture of the difference, where there is one}
 * Pictures lie below cache/rerun/<stage>, which is emptied first. NULL with an error. */
json_t *again_difference(const struct again *again, struct error *err);

#endif
