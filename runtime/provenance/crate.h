/* A run as a Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5): the JSON-LD that
 * makes the project's folder an RO-Crate, ro-crate-metadata.json. It names the pipeline, its
 * stages, what each read and made, with digests and sizes, and when; files stay where they are.
 */
#ifndef PROVENANCE_CRATE_H
#define PROVENANCE_CRATE_H

#include "runner/project.h"

struct crate_stage {
    const struct lock_stage *entry;
    const struct action *action; /* of its key */
};

struct crate_about {
    const struct plan *plan;
    const struct crate_stage *stages;
    size_t count;
    const json_t *record; /* of the run (runner/record.h) */
    const char *version;  /* of the program */
};

/* NULL with an error; json_decref() it. */
json_t *crate_make(const struct crate_about *about, struct error *err);

#endif
