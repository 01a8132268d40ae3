/* The page's section on keys and digests, and how to have them again. */
#ifndef STAGES_REPORT_HTML_LINEAGE_H
#define STAGES_REPORT_HTML_LINEAGE_H

#include "base/text.h"
#include "report/report_content.h"

void page_lineage(struct text *page, const struct report_content *content);

#endif
