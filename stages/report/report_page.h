/* The parts that the page is put together from. */
#ifndef STAGES_REPORT_PAGE_H
#define STAGES_REPORT_PAGE_H

#include "base/text.h"
#include "report/report_content.h"

void page_training(struct text *page, const struct report_content *content);
void page_lineage(struct text *page, const struct report_content *content);

/* A card's small curve of validation accuracy (and, dashed, training accuracy). Phases 1 and 2 have
 * one scale, so that the second continues the first. */
void page_spark(struct text *page, const struct report_content *content,
                const struct report_phase *phase);

void page_section(struct text *page, const char *id, const char *title);
void page_figure(struct text *page, const struct report_content *content, int figure);

/* Opens a table inside a scrolling box; `caption` is text, `heads` the first row as HTML cells. */
void page_table(struct text *page, const char *caption, const char *heads);
void page_table_end(struct text *page);

/* <td> with a percentage; page_bar_cell adds a bar that is full at `full`. */
void page_percent_cell(struct text *page, double fraction);
void page_bar_cell(struct text *page, double fraction, double full);
void page_count_cell(struct text *page, int64_t number);
void page_text_cell(struct text *page, const char *tag, const char *content);

#endif
