/* The page's section on training. */
#ifndef STAGES_REPORT_HTML_TRAINING_H
#define STAGES_REPORT_HTML_TRAINING_H

#include "base/text.h"
#include "report/report_content.h"

void page_training(struct text *page, const struct report_content *content);

/* A card's small curve of validation accuracy (and, dashed, training accuracy). Phases 1 and 2 have
 * one scale, so that the second continues the first. */
void page_spark(struct text *page, const struct report_content *content,
                const struct report_phase *phase);

#endif
