/* Bytes that come from data, made safe for the place where they are written. */
#ifndef PAGE_ESCAPE_H
#define PAGE_ESCAPE_H

#include "base/text.h"

/* HTML text and quoted attribute values. Control characters become U+FFFD. */
void escape_html(struct text *text, const char *string);

/* The same of a dotted name, whose line may end after each dot. */
void escape_html_dotted(struct text *text, const char *name);

/* A metric as "stage.metric", broken in the same way. */
void escape_html_metric(struct text *text, const char *stage, const char *metric);

/* XML text and quoted attribute values: what XML 1.0 cannot hold becomes U+FFFD, be it no UTF-8. */
void escape_xml(struct text *text, const char *bytes);

/* Markdown text, also inside a table: every character with a meaning gets a backslash or an entity,
 * line ends become blanks. */
void escape_markdown(struct text *text, const char *string);

#endif
