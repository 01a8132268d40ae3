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
    uint8_t *pixels;           /* [list.count,height,width,3] */
    bool borrowed;             /* pixels are another's; else a spool file in memory */
    size_t spooled;            /* bytes of it */
    int64_t height, width;
    json_t *skipped; /* what was left out; NULL: nothing could be */
    const char *fit; /* how pictures were made the same shape; NULL: they had it */
    int64_t broken_count;
};

/* Pixels for all of the list in a file of the stage's, without a name, of which memory holds as
 * much as there is room for. */
int own_rows_spool(struct stage *stage, struct own_rows *rows, struct error *err);

/* The training half of a dataset, whose pixels are borrowed. */
int own_rows_of_dataset(const struct dataset *dataset, struct own_rows *rows, struct error *err);

int own_rows_write(struct stage *stage, const struct own_rows *rows,
                   const struct own_options *options, const char *folder, struct error *err);
void own_rows_release(struct own_rows *rows);

#endif
