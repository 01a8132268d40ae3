/* Two runs compared, as one HTML page that needs nothing beside itself. */
#ifndef STAGES_COMPARE_PAGE_H
#define STAGES_COMPARE_PAGE_H

#include "base/text.h"
#include "compare/compare_pictures.h"
#include "nn/history.h"

struct compared_training {
    const char *name; /* "phase1.history" */
    struct history a, b;
};

struct comparison {
    const json_t *difference;  /* as the program says it */
    const struct flips *flips; /* NULL: not compared, and */
    const char *note;          /* why */
    const struct compared_training *trainings;
    size_t training_count;
};

/* -1 where a picture can't be drawn; the text remembers its own failures. */
int compare_page(struct text *page, const struct comparison *comparison, struct error *err);

#endif
