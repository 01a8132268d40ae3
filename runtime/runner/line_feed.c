#include "runner/line_feed.h"

#include <string.h>

enum { LINE_LIMIT = 16384 };

void line_feed(struct text *partial, const char *bytes, size_t size, line_feed_fn *visit,
               void *self)
{
    text_append(partial, bytes, size);
    char *start = partial->data, *end;
    size_t left = partial->size;
    while (start != NULL && (end = memchr(start, '\n', left)) != NULL) {
        *end = '\0';
        visit(self, start, (size_t)(end - start));
        left -= (size_t)(end - start) + 1;
        start = end + 1;
    }
    if (left > LINE_LIMIT)
        left = 0;
    if (left > 0)
        memmove(partial->data, start, left);
    partial->size = left;
}
