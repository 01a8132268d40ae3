#include "own_data.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/cifar10.h"
#include "data/npz.h"
#include "data/picture_fingerprint.h"
#include "data/unpack.h"

#include <stdlib.h>
#include <string.h>

enum { BROKEN_LISTED = 1000 };

int own_data_fingerprint(const char *device, struct error *err)
{
    (void)device;
    return picture_fingerprint(stdout, err);
}

/* ---- what is there ---- */

struct looking {
    unsigned found;
    struct own_kind kind;
};

static bool look(void *context, const char *path)
{
    struct looking *looking = context;
    const enum cifar_layout layout = cifar_layout_of(path, &looking->found);
    if (layout != CIFAR_NONE)
        looking->kind.cifar = layout;
    looking->kind.npz = looking->kind.npz || npz_is_images(path);
    return false;
}

static int no_take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    (void)context, (void)path, (void)size, (void)err;
    free(data);
    return 0;
}

int own_data_kind(const char *path, struct own_kind *kind, struct error *err)
{
    struct looking looking = {0};
    const struct unpack_visitor visitor = {look, no_take, &looking};
    *kind = (struct own_kind){0};
    if (picture_table_is_name(path))
        return 0;
    if (unpack_any(path, &picture_source_limits, &visitor, err) < 0)
        return -1;
    *kind = looking.kind;
    kind->npz = kind->npz && kind->cifar == CIFAR_NONE;
    return 0;
}

int own_data_none(const char *path, const struct picture_list *list, struct error *err)
{
    if (list->stray > 0)
        return error_set(err, ERR_FORMAT,
                         "'%s' holds %zu pictures in one heap, '%s' first: put those of each class "
                         "into a folder of its name, or a table of path and label beside them",
                         path, list->stray, list->stray_names[0]);
    return error_set(err, ERR_FORMAT,
                     "'%s' holds no data set: a folder of pictures (PNG or JPEG) for each class is "
                     "needed, train and test folders of such, a CSV or JSON lines of path and "
                     "label, an archive of one of these, CIFAR-10 or -100, or an .npz%s%s%s",
                     path, list->others > 0 ? "; '" : "",
                     list->others > 0 ? list->other_names[0] : "",
                     list->others > 0 ? "' is none of them" : "");
}

bool own_data_progress(void *stage, int64_t done, int64_t total)
{
    stage_progress(stage, "pictures", done, total, "picture");
    return !stage_stop_requested();
}

json_t *own_data_broken(const struct picture_list *list, const struct picture_seen *seen,
                        size_t most, int64_t *count)
{
    json_t *broken = json_array();
    *count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (seen[i].why != NULL && ++*count <= (int64_t)most)
            broken = json_list_with(
                broken, json_pack("{s:s, s:s}", "path", list->entries[i].path, "why", seen[i].why));
    return broken;
}

/* ---- pictures ---- */

static int find_side(struct stage *stage, struct own_rows *rows,
                     const struct picture_set_options *options, struct error *err)
{
    struct picture_set_options look_only = *options;
    struct picture_seen *seen = memory_new(rows->list.count, sizeof(*seen), err);
    int64_t side = 0;
    look_only.pixels = NULL;
    int result = seen == NULL ? -1 : picture_set_read(&rows->list, &look_only, seen, err);
    if (result == 0)
        result = picture_set_side(seen, rows->list.count, &side, err);
    picture_seen_release(seen, seen != NULL ? rows->list.count : 0);
    if (result < 0)
        return -1;
    if (side == 0)
        return error_set(err, ERR_FORMAT, "no picture in '%s' can be read", rows->list.root);
    stage_note(stage, "pictures become %lldx%lld: the median of their shorter sides, at most 224",
               (long long)side, (long long)side);
    rows->height = rows->width = side;
    return 0;
}

static int read_pictures(struct stage *stage, const struct own_options *options,
                         struct own_rows *rows, struct error *err)
{
    struct picture_set_options set = {.threads = stage_threads(stage),
                                      .skip_broken = options->skip_broken,
                                      .fit = options->fit,
                                      .progress = own_data_progress,
                                      .context = stage};
    if (options->limit >= 0 && own_rows_limit(rows, options->limit, err) < 0)
        return -1;
    rows->height = options->height;
    rows->width = options->width;
    if (rows->height == 0 && find_side(stage, rows, &set, err) < 0)
        return -1;
    rows->fit = picture_fit_names[options->fit];
    set.height = rows->height;
    set.width = rows->width;
    if (own_rows_spool(stage, rows, err) < 0)
        return -1;
    set.pixels = rows->pixels;
    if ((rows->seen = memory_new(rows->list.count, sizeof(*rows->seen), err)) == NULL ||
        picture_set_read(&rows->list, &set, rows->seen, err) < 0)
        return -1;
    json_t *broken = own_data_broken(&rows->list, rows->seen, BROKEN_LISTED, &rows->broken_count);
    rows->skipped = json_pack(
        "{s:o, s:I, s:I, s:I, s:I}", "broken", broken, "broken_count",
        (json_int_t)rows->broken_count, "hidden", (json_int_t)rows->list.hidden, "not_pictures",
        (json_int_t)rows->list.others, "without_class", (json_int_t)rows->list.stray);
    if (rows->skipped == NULL)
        return error_set(err, ERR_FORMAT, "a name in '%s' is not UTF-8", rows->list.root);
    if (rows->broken_count > 0)
        stage_note(stage, "%lld pictures cannot be read and are left out: dataset.json lists them",
                   (long long)rows->broken_count);
    own_rows_drop_broken(rows);
    return 0;
}

static int open_pictures(struct stage *stage, const char *path, const struct own_options *options,
                         struct own_rows *rows, struct error *err)
{
    struct picture_list *list = &rows->list;
    if (options->train_limit >= 0 || options->test_limit >= 0)
        return error_set(err, ERR_USAGE,
                         "'%s' holds pictures, which are in the order of their names: in place of "
                         "train_limit and test_limit, which must be null, limit takes the first of "
                         "each class",
                         path);
    if (picture_source_open(path, &options->columns, list, err) < 0)
        return -1;
    if (list->kind == PICTURES_NONE)
        return own_data_none(path, list, err);
    if (options->columns.group != NULL && list->table == NULL)
        return error_set(err, ERR_USAGE,
                         "parameter 'group': '%s' has no table of pictures, so no column '%s'",
                         path, options->columns.group);
    if (list->hidden + list->others + list->stray > 0)
        stage_note(stage,
                   "left out: %zu hidden files, %zu that are no pictures%s%s%s, %zu outside "
                   "of a class folder",
                   list->hidden, list->others, list->others > 0 ? " ('" : "",
                   list->others > 0 ? list->other_names[0] : "", list->others > 0 ? "', ...)" : "",
                   list->stray);
    return read_pictures(stage, options, rows, err);
}

/* ---- arrays ---- */

int own_data_arrays(const char *path, const struct own_kind *kind,
                    const struct own_options *options, struct dataset *dataset, struct error *err)
{
    const struct cifar_request request = {kind->cifar, options->coarse};
    int result = kind->npz                       ? npz_read(path, dataset, err)
                 : kind->cifar == CIFAR10_BINARY ? cifar10_read(path, dataset, err)
                                                 : cifar_files_read(path, &request, dataset, err);
    return result < 0 ? -1
                      : dataset_keep_first(dataset, options->train_limit, options->test_limit, err);
}

static int open_arrays(struct stage *stage, const char *path, const struct own_kind *kind,
                       const struct own_options *options, struct own_rows *rows, struct error *err)
{
    struct dataset dataset = {0};
    int result = -1;
    if (own_data_arrays(path, kind, options, &dataset, err) == 0 &&
        own_rows_list(&dataset, rows, err) == 0)
        result = own_rows_fill(stage, &dataset, rows, err);
    /* What is pinned is others', too, and their index for index: CIFAR-10 stays what it is. */
    rows->as_published = *options->sha256 != '\0' && dataset.test_labels.data != NULL;
    dataset_release(&dataset);
    return result == 0 && options->limit >= 0 ? own_rows_limit(rows, options->limit, err) : result;
}

int own_data_write(struct stage *stage, const char *path, const struct own_options *options,
                   const char *folder, struct error *err)
{
    struct own_kind kind;
    struct own_rows rows = {0};
    if (own_data_kind(path, &kind, err) < 0)
        return -1;
    int result = kind.cifar != CIFAR_NONE || kind.npz
                     ? open_arrays(stage, path, &kind, options, &rows, err)
                     : open_pictures(stage, path, options, &rows, err);
    if (result == 0)
        result = own_rows_write(stage, &rows, options, folder, err);
    own_rows_release(&rows);
    return result;
}
