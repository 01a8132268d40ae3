/* The files of a content, each put in its place below a path that is free. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "store/content.h"

/* Puts one file of the store at a path that is free. */
typedef int place_fn(struct store *store, const struct digest *digest, bool executable,
                     const char *path, struct error *err);

/* Parents are made, links of a tree are made as they are. */
int place_content(struct store *store, const struct content *content, const char *path,
                  place_fn *place, struct error *err);

/* The files that content is: those of its tree, or one, called `name`. */
int place_list(struct store *store, const struct content *content, const char *name,
               struct tree *tree, struct error *err);

/* True where a link to exactly `target` is there. */
bool place_has_link(const char *path, const char *target);

#endif
