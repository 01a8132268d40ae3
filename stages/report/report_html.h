/* The report as one HTML page that needs nothing beside itself: style inline,
 * figures as data, no scripts. It has no times, hosts or paths of the machine:
 * equal contents give equal bytes.
 */
#ifndef STAGES_REPORT_HTML_H
#define STAGES_REPORT_HTML_H

#include "base/text.h"
#include "report/report_content.h"

void report_html(struct text *page, const struct report_content *content);

#endif
