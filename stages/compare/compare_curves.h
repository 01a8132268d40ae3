/* The curves of two trainings in one plot, as SVG in a page: it takes the page's colours. */
#ifndef STAGES_COMPARE_CURVES_H
#define STAGES_COMPARE_CURVES_H

#include "base/text.h"
#include "nn/history.h"

/* Accuracy and loss by epoch side by side: validation as lines, training dashed. */
void compare_curves(struct text *page, const char *name, const struct history *a,
                    const struct history *b);

#endif
