/* The page's style sheet. */
#ifndef STAGES_REPORT_STYLE_H
#define STAGES_REPORT_STYLE_H

extern const char report_style[];

#endif
