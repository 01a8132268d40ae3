/* The page's style sheet. */
#ifndef STAGES_PAGE_STYLE_H
#define STAGES_PAGE_STYLE_H

extern const char page_style[];

#endif
