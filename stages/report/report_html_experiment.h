/* The page's section on the same work done several ways. */
#ifndef STAGES_REPORT_HTML_EXPERIMENT_H
#define STAGES_REPORT_HTML_EXPERIMENT_H

#include "base/text.h"
#include "report/report_content.h"

/* Nothing without an experiment. */
void page_experiment(struct text *page, const struct report_content *content);

#endif
