/* A labelled set of pictures in a folder:
 *
 *   train_images.npy, test_images.npy   u8 [n,height,width,3], RGB
 *   train_labels.npy, test_labels.npy   [n], each below the number of classes: u8 up to 256
 *                                       classes, u16 above; any whole numbers and (n,1) are read
 *   classes.txt                         a name a line
 *   train_groups.npy                    i64 [n], optional: pictures of one number, 0 or more, stay
 *                                       on one side of a split; -1: on its own
 *   train_validation.npy                u8 [n], optional: 1 for a picture that validates, as who
 *                                       gave the data says
 *   train_boxes.npy, test_boxes.npy     u8 [n,4] = x0,y0,x1,y1, inclusive pixels; where known
 *   dataset.json                        where it comes from, counts per class; "fit" of pictures
 * that had other shapes
 *
 *   struct dataset dataset = {0};
 *   if (dataset_open(folder, &dataset, err) < 0) ...
 *   dataset_release(&dataset);
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/error.h"
#include "data/npy.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DATASET_MAX_CLASSES = 10000, /* labels are u16 */
    DATASET_BYTE_CLASSES = 256,  /* up to here files have a byte a label */
};

/* Labels are NPY_U16 in memory, whatever the file has. */
struct dataset {
    struct npy train_images, train_labels, test_images, test_labels;
    bool has_boxes;
    struct npy train_boxes, test_boxes; /* empty unless has_boxes */
    struct npy train_groups;            /* NPY_I64 [n], or no data */
    struct npy train_validation;        /* NPY_U8 [n], or no data */
    char **classes;
    int64_t class_count, height, width;
    const char *fit; /* by which of picture_fit_names (picture.h) pictures of other shapes were made
                        such, as dataset.json says; NULL: nobody says */
};

/* Checks that shapes agree, that labels and boxes are in range, and that no
 * class lacks a name. */
int dataset_open(const char *folder, struct dataset *dataset, struct error *err);
void dataset_release(struct dataset *dataset);

struct dataset_origin {
    const char *source; /* the archive's name */
    const char *sha256; /* of the archive */
    bool generated;
};

/* Writes the folder, which is made if it isn't there, dataset.json last. */
int dataset_write(const char *folder, const struct dataset *dataset,
                  const struct dataset_origin *origin, struct error *err);

/* A dataset whose pictures lie in one array, in any order, and need not be in memory. */
struct dataset_rows {
    const uint8_t *pixels; /* [count,height,width,3] */
    const uint16_t *labels;
    const uint8_t (*boxes)[4]; /* NULL: none are known */
    const int64_t *groups;     /* NULL: none */
    const bool *validates;     /* NULL: nobody says */
    int64_t height, width;
    const int64_t *train, *test; /* rows, in their order */
    int64_t train_count, test_count;
    const char *const *classes;
    int64_t class_count;
    json_t *more; /* further members of dataset.json; borrowed, may be NULL */
};
int dataset_write_rows(const char *folder, const struct dataset_rows *rows,
                       const struct dataset_origin *origin, struct error *err);

/* Keeps the first pictures of each half; a negative limit keeps all. ERR_USAGE where there are
 * fewer. */
int dataset_keep_first(struct dataset *dataset, int64_t train_limit, int64_t test_limit,
                       struct error *err);

/* One pass over labels: counts[label]++, where counts is not NULL; ERR_FORMAT for a label out of
 * range. */
int dataset_count_labels(const struct npy *labels, int64_t class_count, int64_t *counts,
                         struct error *err);

#endif
