/* Bytes that come in any pieces, as lines. */
#ifndef RUNNER_LINE_FEED_H
#define RUNNER_LINE_FEED_H

#include "base/text.h"

/* `line` ends with a NUL in place of its line feed, and may be changed. */
typedef void line_feed_fn(void *self, char *line, size_t size);

/* Calls `visit` for each line that is whole now; `partial`, empty at first, keeps what is not, as
 * long as it could be a line of ours. */
void line_feed(struct text *partial, const char *bytes, size_t size, line_feed_fn *visit,
               void *self);

#endif
