/* A person's own data, for `import`, `inspect` and `download`: told by what is there, and written
 * as a data set.
 *
 *   path ─ own_data_kind ─┬► CIFAR and .npz, read whole ─┐
 *                         └► pictures, listed, decoded ──┴► a spool file ─► own_data_write
 *                                                             test part, equal pictures, notes
 */
#ifndef STAGES_OWN_DATA_H
#define STAGES_OWN_DATA_H

#include "base/stage.h"
#include "data/cifar_files.h"

#include "own_rows.h"

#include <stdbool.h>

struct own_kind {
    enum cifar_layout cifar; /* CIFAR_NONE: it is not that */
    bool npz;                /* else, if neither: pictures, or nothing */
};

int own_data_kind(const char *path, struct own_kind *kind, struct error *err);

/* What is of CIFAR or an .npz, its first pictures where the options say so. *dataset is released by
 * the caller, also after a failure. */
int own_data_arrays(const char *path, const struct own_kind *kind,
                    const struct own_options *options, struct dataset *dataset, struct error *err);

/* Reads what is at `path` and writes the data set `folder`, with notes of what a person should
 * know. */
int own_data_write(struct stage *stage, const char *path, const struct own_options *options,
                   const char *folder, struct error *err);

/* For a stage_kind: what the pixels of pictures depend on. */
int own_data_fingerprint(const char *device, struct error *err);

/* Where there is nothing to read: what was looked for, and the way out. */
int own_data_none(const char *path, const struct picture_list *list, struct error *err);

/* Progress of picture_set_read(), with the stage as context. */
bool own_data_progress(void *stage, int64_t done, int64_t total);

/* A list of {"path", "why"} of the first pictures that can't be read. NULL without memory. */
json_t *own_data_broken(const struct picture_list *list, const struct picture_seen *seen,
                        size_t most, int64_t *count);

#endif
