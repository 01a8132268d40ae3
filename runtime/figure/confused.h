/* Which classes of many a matrix shows. */
#ifndef FIGURE_CONFUSED_H
#define FIGURE_CONFUSED_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Fills chosen [most] with the classes in most mistakes, as the true class or as the predicted one;
 * of equals the first. In the order of the classes. confusion [classes,classes], most <= classes.
 */
int confused_choose(const int64_t *confusion, size_t classes, size_t most, size_t *chosen,
                    struct error *err);

#endif
