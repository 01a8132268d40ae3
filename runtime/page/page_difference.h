/* What differs between two runs, as parts of a page: from the JSON that command/difference.h
 * describes.
 */
#ifndef PAGE_DIFFERENCE_H
#define PAGE_DIFFERENCE_H

#include "base/text.h"

#include <jansson.h>

/* The metric that is looked at first, before and after, and whether that is better; nothing where
 * there is none. */
void page_difference_verdict(struct text *page, const json_t *difference);

/* A table of the parameters that differ. */
void page_difference_params(struct text *page, const json_t *params);

/* A table of the metrics that differ but those of single classes, and how many are equal. */
void page_difference_metrics(struct text *page, const json_t *metrics);

/* A row of such a table, and its head. */
void page_difference_row(struct text *page, const char *name, const json_t *metric);
extern const char page_difference_heads[];

/* "cat.f1" of a metric of one class ("metrics.per_class.cat.f1"), with the bytes of the class's
 * name where it is its F1, else 0; NULL of another metric. */
const char *page_difference_class(const json_t *metric, size_t *f1_size);

#endif
