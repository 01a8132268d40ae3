/* How the page and the Markdown write numbers. */
#ifndef STAGES_REPORT_NUMBERS_H
#define STAGES_REPORT_NUMBERS_H

#include "base/text.h"

#include <stdint.h>

/* "91.25%", or "–" for NaN. */
void report_percent(struct text *text, double fraction);
/* "0.1234", "inf", or "–" for NaN. */
void report_real(struct text *text, double value);
/* "12,345" */
void report_count(struct text *text, int64_t number);
/* "1.2 MB", in powers of ten */
void report_size(struct text *text, int64_t bytes);

#endif
