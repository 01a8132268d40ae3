/* What a file is, told from its first bytes: for people who gave another one than they meant. */
#ifndef DATA_FILE_KIND_H
#define DATA_FILE_KIND_H

#include "base/error.h"

#include <stdbool.h>

enum file_kind { FILE_SAFETENSORS, FILE_HDF5, FILE_ZIP, FILE_OTHER };

/* ERR_IO where it can't be read. For FILE_OTHER *what says what it is, and the way out: "a web page
 * (HTML), ..."; else it is NULL. */
int file_kind_of(const char *path, enum file_kind *kind, const char **what, struct error *err);

/* Whether a text, of which the beginning will do, is a web page. */
bool file_kind_is_page(const char *text);

#endif
