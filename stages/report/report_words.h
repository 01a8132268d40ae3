/* Numbers and sentences that the page and the Markdown share.
 */
#ifndef STAGES_REPORT_WORDS_H
#define STAGES_REPORT_WORDS_H

#include "base/text.h"
#include "report/report_content.h"

#include <stdbool.h>
#include <stdint.h>

/* "91.25%", or "–" for NaN. */
void report_percent(struct text *text, double fraction);
/* "12,345" */
void report_count(struct text *text, int64_t number);
/* "1.2 MB", in powers of ten */
void report_size(struct text *text, int64_t bytes);

/* One sentence: result against target. */
void report_verdict(struct text *text, const struct report_content *content);

/* One sentence on the boxes, where gradcam has them; else nothing is added and false is returned.
 */
bool report_boxes(struct text *text, const struct report_content *content);

/* What grad-cam's own forward pass says about its input. */
void report_agreement(struct text *text, const struct report_content *content);

#endif
