/* As CSV what a report shows only in part: all classes, and the whole confusion matrix. */
#ifndef STAGES_REPORT_CLASSES_H
#define STAGES_REPORT_CLASSES_H

#include "base/text.h"
#include "report/report_content.h"

/* class, precision, recall, f1, and images to train on, validate on and test on; RFC 4180. */
void report_classes_csv(struct text *csv, const struct report_content *content);
/* true class, predicted class, images: of each cell that has any. */
void report_cells_csv(struct text *csv, const struct report_content *content);

#endif
