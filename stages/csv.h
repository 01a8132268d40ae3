/* Comma-separated values as RFC 4180 has them: lines end in CR LF, a field with a comma, a quote or
 * a line end is quoted. UTF-8 without a mark. Texts remember a failed append (base/text.h).
 */
#ifndef STAGES_CSV_H
#define STAGES_CSV_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* One field, without what parts it from the next. */
void csv_add(struct text *text, const char *field);
void csv_end_line(struct text *text);

/* A matrix of all classes: a head of "true class" and the predicted classes, then a line for each
 * true class. counts [classes,classes]. */
void csv_confusion(struct text *text, const char *const *names, const int64_t *counts,
                   size_t classes);

#endif
