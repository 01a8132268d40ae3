/* The report as Markdown (CommonMark with tables), with its figures in a
 * folder `figures` beside it: for a pull request or a terminal.
 */
#ifndef STAGES_REPORT_MARKDOWN_H
#define STAGES_REPORT_MARKDOWN_H

#include "base/text.h"
#include "report/report_content.h"

void report_markdown(struct text *page, const struct report_content *content);

#endif
