/* Sentences that the page and the Markdown share. */
#ifndef STAGES_REPORT_WORDS_H
#define STAGES_REPORT_WORDS_H

#include "base/text.h"
#include "report/report_content.h"

#include <stdbool.h>

/* "Target reached", "Target missed"; "Result" where there is no target. */
const char *report_headline(const struct report_content *content);

/* One sentence: result against target, where there is one. */
void report_verdict(struct text *text, const struct report_content *content);

/* One sentence on the boxes, where gradcam has them; else nothing is added and false is returned.
 */
bool report_boxes(struct text *text, const struct report_content *content);

/* What the colours of the heat maps mean, and how the overlay is mixed. */
void report_heat(struct text *text, const struct report_content *content);

/* What grad-cam's own forward pass says about its input. */
void report_agreement(struct text *text, const struct report_content *content);

#endif
