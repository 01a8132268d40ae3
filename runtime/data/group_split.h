/* A split that keeps groups whole: pictures of a patient, frames of a video, equal pictures. As
 * near to stratified as that allows, in the manner of scikit-learn's StratifiedGroupKFold, and the
 * same on every machine:
 *
 *   groups in the order of their sizes, the largest first, equal ones as `seed` shuffles them; each
 *   goes to the tested side where that brings the tested pictures of its classes nearer to
 *   test_size of each (sum over classes of the squared distance over the class' pictures), but
 *   never the last training picture of a class. Of each class of two or more pictures at least one
 *   is wanted there.
 */
#ifndef DATA_GROUP_SPLIT_H
#define DATA_GROUP_SPLIT_H

#include "data/split.h"

/* `samples` [n] are indices into labels and groups; groups[i] below 0: a group of its own. Both
 * sides are shuffled. Refuses sizes as split_stratified() does, and a split with an empty side;
 * options.train must be absent. */
int group_split(const uint16_t *labels, const int64_t *groups, const int64_t *samples, int64_t n,
                int64_t classes, const struct split_options *options, struct split *split,
                struct error *err);

#endif
