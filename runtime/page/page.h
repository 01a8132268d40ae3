/* The parts that pages of HTML are put together from: of the report, of a comparison. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include "base/text.h"

#include <jansson.h>
#include <stdint.h>

/* All up to <body>; `style` is added to the style sheet that pages share. */
void page_head(struct text *page, const char *title, const char *style);

/* " --set a=1" for each of what --set gave ({name: value}), as code. */
void page_sets(struct text *page, const json_t *sets);

void page_section(struct text *page, const char *id, const char *title);

/* Opens a table inside a scrolling box; `caption` is text, `heads` the first row as HTML cells. One
 * that a phone has no room for says that it scrolls. */
void page_table(struct text *page, const char *caption, const char *heads);
/* The same for what a phone has no room for though the columns are few. */
void page_wide_table(struct text *page, const char *caption, const char *heads);
void page_table_end(struct text *page);

/* <td> with a percentage; page_bar_cell adds a bar that is full at 100%. */
void page_percent_cell(struct text *page, double fraction);
void page_bar_cell(struct text *page, double fraction);
void page_count_cell(struct text *page, int64_t number);
void page_text_cell(struct text *page, const char *tag, const char *content);

/* Lines as they are, in a box that scrolls and can be reached by the keyboard. */
void page_lines(struct text *page, const char *content);

#endif
