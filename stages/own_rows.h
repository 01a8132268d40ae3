/* Pictures that were read, one a row, and how they become a data set: which of them test, what must
 * stay on one side, and what a person should know of that. Below own_data.h.
 */
#ifndef STAGES_OWN_ROWS_H
#define STAGES_OWN_ROWS_H

#include "base/stage.h"
#include "data/dataset.h"
#include "data/picture_set.h"
#include "data/picture_source.h"
#include "data/split.h"

#include <stdbool.h>

struct own_options {
    struct picture_columns columns;
    int64_t height, width; /* 0: told by the pictures */
    enum picture_fit fit;
    bool coarse; /* of CIFAR-100 */
    bool skip_broken;
    int64_t limit;                   /* pictures of a class; negative: all */
    int64_t train_limit, test_limit; /* the first; negative: all */
    struct split_size test;          /* where there is no test part */
    uint32_t seed;
    const char *source, *sha256; /* for dataset.json */
    bool generated;
};

struct own_rows {
    struct picture_list list;
    struct picture_seen *seen; /* [list.count] */
    uint8_t *pixels;           /* [list.count,height,width,3], a spool file in memory */
    size_t spooled;            /* bytes of it */
    uint8_t (*boxes)[4];       /* [list.count]; NULL: none are known */
    int64_t height, width;
    bool as_published; /* a data set that others know as it is: equal pictures are named, and
                          nothing else comes of them */
    json_t *skipped;   /* what was left out; NULL: nothing could be */
    const char *fit;   /* how pictures were made the same shape; NULL: they had it */
    int64_t broken_count;
};

/* Pixels for all of the list in a file of the stage's, without a name, of which memory holds as
 * much as there is room for. */
int own_rows_spool(struct stage *stage, struct own_rows *rows, struct error *err);

/* What is told of the pictures of a dataset, all but their pixels and boxes. Without a test half
 * they are of no part. */
int own_rows_list(const struct dataset *dataset, struct own_rows *rows, struct error *err);

/* Then these. */
int own_rows_fill(struct stage *stage, const struct dataset *dataset, struct own_rows *rows,
                  struct error *err);

/* The first `limit` of each class and part, in whatever is there of the rows. */
int own_rows_limit(struct own_rows *rows, int64_t limit, struct error *err);

/* Without those that could not be read. */
void own_rows_drop_broken(struct own_rows *rows);

int own_rows_write(struct stage *stage, const struct own_rows *rows,
                   const struct own_options *options, const char *folder, struct error *err);
void own_rows_release(struct own_rows *rows);

#endif
