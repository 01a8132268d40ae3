/* The page's style sheet. */
#ifndef PAGE_STYLE_H
#define PAGE_STYLE_H

extern const char page_style[];

#endif
