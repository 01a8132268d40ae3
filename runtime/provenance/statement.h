/* What is said of a stage's outs: an in-toto Statement v1 with SLSA provenance v1
 * (https://slsa.dev/spec/v1.0/provenance). Subjects are the outs' files, resolved dependencies its
 * deps and the files of its command; what a key is made of stands in the parameters, and the
 * digests of outs, as the lock file has them, in internalParameters.outs.
 */
#ifndef PROVENANCE_STATEMENT_H
#define PROVENANCE_STATEMENT_H

#include "runner/lockfile.h"
#include "store/action.h"

#include <jansson.h>

struct statement_about {
    const struct lock_section *section;
    const struct lock_stage *stage;
    const struct action *action; /* of its key: when it was made, and its log */
    const char *version;         /* of the program */
};

/* `store` has the trees of outs that are folders. NULL with an error; json_decref() it. */
json_t *statement_make(struct store *store, const struct statement_about *about, struct error *err);

/* ERR_MISMATCH with the reason where it isn't said of this stage of this lock. */
int statement_check(const json_t *statement, const struct lock_section *section,
                    const struct lock_stage *stage, struct error *err);

#endif
