/* The pictures of a person's folder, archive or table:
 *
 *   struct picture_list list = {0};
 *   if (picture_source_open(path, &columns, &list, err) < 0) ...
 *   picture_list_release(&list);
 *
 * - Class folders: CLASS/…/PICTURE. Folders that hold all others are looked through.
 * - Split folders: PART/CLASS/…/PICTURE, where PART is train or training, val, validation, valid or
 *   dev, test or testing, in any case; `train` must be there.
 * - A table (data/picture_table.h): a file, or the one in a folder's top that has its columns. It
 *   says more than folders, so it is taken where both are there.
 * - An archive (tar, also compressed, or zip) of one of these folders. Its top is the folder that
 *   holds all of its pictures and tables.
 *
 * Pictures are in the order of their paths by bytes, those of a table in its own; classes in the
 * order of their names by bytes. Names are UTF-8 and stay as they are (no normal form). Left out
 * and counted: names that begin with a dot, __MACOSX, Thumbs.db, desktop.ini, and files that
 * picture_is_name() does not know.
 */
#ifndef DATA_PICTURE_SOURCE_H
#define DATA_PICTURE_SOURCE_H

#include "data/picture_list.h"
#include "data/picture_table.h"
#include "data/unpack.h"

/* Of archives that are read for pictures. */
extern const struct unpack_limits picture_source_limits;

/* ERR_FORMAT where there is a list that can't be right. Where no pictures and no table are found
 * the kind is PICTURES_NONE. `columns` may be NULL. *list changes only on success. */
int picture_source_open(const char *path, const struct picture_columns *columns,
                        struct picture_list *list, struct error *err);

#endif
