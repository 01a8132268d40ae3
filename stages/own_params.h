/* How a person's own data are read, as parameters of `import` and, below "dataset.", of `download`;
 * each may be left out or null:
 *
 * - image_size: a number, or [height, width]. Else a square of the median of the shorter sides, at
 *   most 224, for which the pictures are read twice.
 * - fit: squash, crop (as where nothing is said) or pad.
 * - labels: fine or coarse, of CIFAR-100.
 * - test_size: where there is no test part, a share (0.2) or a number of pictures.
 * - seed: of that choice (seed_params.h).
 * - group: the column of a table whose equal values stay on one side of each split.
 * - skip_broken: true: pictures that can't be read are left out and listed; else the first stops.
 * - limit: at most so many pictures of each class, the first ones.
 */
#ifndef STAGES_OWN_PARAMS_H
#define STAGES_OWN_PARAMS_H

#include "own_rows.h"

extern const struct own_options own_defaults;

/* `prefix` stands before each name: "" or "dataset.". Changes what is given. */
int own_params_read(struct stage *stage, const char *prefix, struct own_options *options,
                    struct error *err);

#endif
