/* A data set in an .npz, numpy.savez(_compressed) of arrays with one of these sets of names:
 *
 *   x_train y_train x_test y_test            as Keras' mnist.npz
 *   train_images train_labels test_images test_labels
 *   images labels, or x y                    without a test part
 *
 * Images are u8 [n,height,width,3], [n,height,width,1] or [n,height,width] (grey becomes RGB);
 * labels whole numbers, (n) or (n,1), as those of 1 to 10. Classes are the labels that occur, in
 * their order and named by their numbers. A folder of the .npy files is read the same way.
 */
#ifndef DATA_NPZ_H
#define DATA_NPZ_H

#include "base/error.h"
#include "data/dataset.h"

#include <stdbool.h>

/* Whether a member has a name of an array of pixels. */
bool npz_is_images(const char *path);

/* Without a test part, test_images and test_labels are empty (rank 0, no data). */
int npz_read(const char *path, struct dataset *dataset, struct error *err);

#endif
