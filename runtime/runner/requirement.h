/* The bounds on metrics that stages declare under `require`. */
#ifndef RUNNER_REQUIREMENT_H
#define RUNNER_REQUIREMENT_H

#include "runner/project.h"
#include "store/action.h"

struct requirement_result {
    const struct plan_requirement *requirement;
    bool known; /* false: the member is absent, or no number */
    struct number value;
    bool met;
    char nearest[128]; /* where it is not known: the number whose name is nearest, or "" */
};

/* Reads the metrics among a stage's outs, without the version of their form (`schema`): an object,
 * or NULL with an error. json_decref() it. */
json_t *requirement_metrics(struct store *store, const struct content *content, struct error *err);

int requirement_check(struct store *store, const struct plan_stage *stage, size_t index,
                      const struct action *action, struct requirement_result *result,
                      struct error *err);

/* The same, from the artifact where the cache has no such blob and the artifact has its digest. */
int requirement_check_job(const struct project *project, const struct plan_stage *stage,
                          size_t index, const struct action *action,
                          struct requirement_result *result, struct error *err);

/* The same from a metrics file. */
int requirement_check_file(const struct plan_stage *stage, size_t index, const char *path,
                           struct requirement_result *result, struct error *err);

/* "metrics.test_accuracy >= 0.65". */
void requirement_name(const struct plan_stage *stage, size_t index, struct text *text);

/* "metrics.test_accuracy is 0.612, required >= 0.65". */
void requirement_describe(const struct plan_stage *stage, const struct requirement_result *result,
                          struct text *text);

/* {"metric", "relation", "bound", "value" (null where unknown), "met"}; NULL where memory is
 * out. */
json_t *requirement_json(const struct plan_stage *stage, const struct requirement_result *result);

#endif
