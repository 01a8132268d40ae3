/* Parts and classes of pictures told by the folders they lie in: picture_list.h has the rules. */
#ifndef DATA_PICTURE_LAYOUT_H
#define DATA_PICTURE_LAYOUT_H

#include "data/picture_list.h"

/* Whether a path is to be looked at: hidden ones and those that are no pictures are counted and
 * their first names kept. */
int picture_layout_takes(struct picture_list *list, const char *path, bool *takes,
                         struct error *err);

/* The entries have paths alone: sorts them and gives them parts and labels. */
int picture_layout_read(struct picture_list *list, struct error *err);

#endif
