/* Confusion matrix and per-class scores of a classifier, with scikit-learn's
 * definitions, and the text of its classification_report.
 */
#ifndef DATA_CLASSIFICATION_H
#define DATA_CLASSIFICATION_H

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

/* f1 is 2 hits / (support + predicted). A zero denominator gives 0. */
struct class_score {
    double precision, recall, f1;
    int64_t support; /* samples of this true class */
};

struct classification {
    int64_t classes, n;
    int64_t *confusion; /* [classes,classes] (800 MB for 10,000): rows are true classes, columns
                           predicted ones */
    double accuracy;
    struct class_score *scores;  /* [classes] */
    struct class_score macro;    /* plain means over classes */
    struct class_score weighted; /* means over classes weighted by support */
};

/* truth, predicted [n], each below `classes`, else ERR_FORMAT. */
int classification_compute(const uint16_t *truth, const uint16_t *predicted, int64_t n,
                           int64_t classes, struct classification *classification,
                           struct error *err);
void classification_release(struct classification *classification);

/* The report as scikit-learn prints it, two decimals; names [classes] in UTF-8, aligned by their
 * characters. */
void classification_text(const struct classification *classification, const char *const *names,
                         struct text *text);

#endif
