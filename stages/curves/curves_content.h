/* What training and evaluation recorded, read from the deps of `curves` and checked once, for all
 * that is made of it. What a pipeline does not have is empty.
 */
#ifndef STAGES_CURVES_CONTENT_H
#define STAGES_CURVES_CONTENT_H

#include "base/error.h"
#include "base/stage.h"
#include "nn/history.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { CURVES_PHASES = 3 };

struct curves_phase {
    const char *id;         /* "phase1" */
    const char *title;      /* "Phase 1: the head on the base" */
    struct history history; /* of no epochs: not part of this pipeline */
};

struct curves_content {
    struct curves_phase phases[CURVES_PHASES];
    json_t *metrics; /* of evaluate, or NULL */
    size_t classes;
    const char **names; /* [classes], borrowed from metrics; the array is owned */
    int64_t *counts;    /* [classes,classes], rows the true class */
};

int curves_content_read(struct stage *stage, struct curves_content *content, struct error *err);
void curves_content_release(struct curves_content *content);

#endif
