/* The head of a model's card, from "---" to "---": tags, data sets and the model-index, whose
 * metrics hubs show beside the model. */
#ifndef STAGES_REPORT_CARD_HEAD_H
#define STAGES_REPORT_CARD_HEAD_H

#include "base/text.h"
#include "report/report_content.h"

/* A text in double quotes, as YAML, JSON and Python have it alike. */
void report_card_quoted(struct text *card, const char *string);

void report_card_head(struct text *card, const struct report_content *content);

#endif
