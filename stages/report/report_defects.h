/* What the published notebook got wrong, and whether this run did the same. */
#ifndef STAGES_REPORT_DEFECTS_H
#define STAGES_REPORT_DEFECTS_H

#include "report/report_content.h"

#include <stdbool.h>

enum { REPORT_DEFECTS = 3 };

/* Static texts without markup. */
struct report_defect {
    const char *name, *what, *here;
    bool here_too; /* this run does it, too */
};

/* Whether the report compares with a publication and knows what this run did. */
bool report_has_defects(const struct report_content *content);
/* False where the lineage does not say what this run did. */
bool report_defect(const struct report_content *content, int index, struct report_defect *defect);

/* Whose numbers it compares with: "the notebook". */
const char *report_source(const struct report_content *content);

#endif
