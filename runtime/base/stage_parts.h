/* What the files of the stage's side share: a stage behind base/stage.h. */
#ifndef BASE_STAGE_PARTS_H
#define BASE_STAGE_PARTS_H

#include "base/stage.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

struct stage {
    const struct stage_kind *kind;
    json_t *description; /* stage.json, its paths resolved */
    json_t *read;        /* set of parameter names that were asked for */
    FILE *progress;      /* NULL where nobody listens */
    struct timespec last_progress;
};

/* Reads stage.json: its schema, its tables, and its paths, which become relative to the current
 * folder or absolute. `to_check`: tables and paths may be missing, and are not used. */
int stage_document_read(const char *path, bool to_check, json_t **document, struct error *err);

/* Refuses a required dep or out that is missing, and an out that the stage does not write; see
 * struct stage_kind. */
int stage_document_check_names(const json_t *document, const struct stage_kind *kind,
                               struct error *err);

/* A stage.json without a schema may be of a version whose stages wrote other outs: those that this
 * one does not write leave the document, their names go to *dropped ("'a', 'b'"; empty for none).
 * Where it names a schema, nothing is dropped. */
int stage_document_drop_outs(json_t *document, const struct stage_kind *kind, struct text *dropped,
                             struct error *err);

#endif
