/* Decodes the pictures of a list, on many threads, to one size or only to look at them. Pictures
 * come from the list's folder, or in one pass from its archive; what comes out depends on neither
 * threads nor order. Each thread holds one picture, and a few files of the archive wait.
 *
 *   struct picture_seen *seen = ...;       [list->count]
 *   if (picture_set_read(&list, &options, seen, err) < 0) ...
 *   picture_seen_release(seen, list->count);
 */
#ifndef DATA_PICTURE_SET_H
#define DATA_PICTURE_SET_H

#include "base/digest.h"
#include "data/picture.h"
#include "data/picture_list.h"

/* What was found of a picture. */
struct picture_seen {
    char *why;             /* it can't be read; NULL: it can */
    int64_t height, width; /* as in the file, turned upright */
    struct digest digest;  /* of height, width and pixels */
};

struct picture_set_options {
    int threads;
    bool skip_broken;      /* a picture that can't be read gets its `why`; else it is the error */
    int64_t height, width; /* to fit pictures to */
    enum picture_fit fit;
    uint8_t *pixels; /* [count,height,width,3] to fill; NULL: pictures are only looked at */
    bool (*progress)(void *context, int64_t done, int64_t total); /* false: stop; may be NULL */
    void *context;
};

int picture_set_read(const struct picture_list *list, const struct picture_set_options *options,
                     struct picture_seen *seen, struct error *err);
void picture_seen_release(struct picture_seen *seen, size_t count);

/* A side for squares where nobody says one: the median of the shorter sides of what can be read,
 * from 8 to 224; 0 where nothing can. */
int picture_set_side(const struct picture_seen *seen, size_t count, int64_t *side,
                     struct error *err);

#endif
