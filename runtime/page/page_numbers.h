/* How the page and the Markdown write numbers. */
#ifndef PAGE_NUMBERS_H
#define PAGE_NUMBERS_H

#include "base/text.h"

#include <stdint.h>

/* "91.25%", or "–" for NaN. */
void page_percent(struct text *text, double fraction);
/* The decimals that tell a percentage from a bound where they differ; as many as above beside
 * NaN. */
int page_decimals_apart(double fraction, double bound);
void page_percent_with(struct text *text, double fraction, int decimals);
/* "90.2% to 93.1%": 95 of 100 such intervals hold the true share (Wilson's score interval), where
 * `hits` of `count` were counted; "–" where nothing was. */
void page_interval(struct text *text, double hits, double count);
/* "0.1234", "inf", or "–" for NaN. */
void page_real(struct text *text, double value);
/* "12,345" */
void page_count(struct text *text, int64_t number);
/* "1.2 MB", in powers of ten */
void page_size(struct text *text, int64_t bytes);

#endif
