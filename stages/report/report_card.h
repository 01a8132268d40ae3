/* The model's card: Markdown behind a head of YAML, as hubs of models read it (README.md beside the
 * model). It says what the results say, and what people said in the parameter `card`: nothing else.
 */
#ifndef STAGES_REPORT_CARD_H
#define STAGES_REPORT_CARD_H

#include "base/text.h"
#include "report/report_content.h"

void report_card(struct text *card, const struct report_content *content);

#endif
