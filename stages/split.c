/* Cuts the training images into a part to train on and a part to validate on, stratified by class:
 * as scikit-learn does, or, where the data set has groups, so that each stays whole
 * (data/group_split.h). Who gave the data may have said which images validate: then these do, and
 * test_size says nothing.
 *
 * dep dataset; out splits; params test_size, train_size, seed, of which each may be left out.
 */
#include "data/split.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "data/group_split.h"
#include "seed_params.h"

#include <stdlib.h>

/* A whole number counts images; one with a point is a fraction of them. */
static int read_size(struct stage *stage, const char *name, struct split_size *size,
                     struct error *err)
{
    const json_t *value = NULL;
    if (stage_value_or_null(stage, name, &value, err) < 0)
        return -1;
    if (value == NULL)
        return 0;
    if (json_is_integer(value))
        *size = (struct split_size){.kind = SPLIT_COUNT, .count = json_integer_value(value)};
    else if (json_is_real(value))
        *size = (struct split_size){.kind = SPLIT_FRACTION, .fraction = json_real_value(value)};
    else
        return error_set(err, ERR_USAGE,
                         "parameter '%s' must be a fraction such as 0.2 or a number of images",
                         name);
    return 0;
}

static int read_options(struct stage *stage, struct split_options *options, struct error *err)
{
    options->test = (struct split_size){.kind = SPLIT_FRACTION, .fraction = 0.2};
    if (read_size(stage, "test_size", &options->test, err) < 0 ||
        read_size(stage, "train_size", &options->train, err) < 0 ||
        seed_params_read(stage, "seed", &options->seed, err) < 0)
        return -1;
    options->label_ndim = 2; /* Keras' datasets have labels of shape (n,1) */
    return stage_params_done(stage, err) < 0 ? -1 : split_check_sizes(options, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct split_options options = {0};
    return read_options(stage, &options, err);
}

static int write_part(const char *folder, const char *name, const int64_t *indices, int64_t count,
                      struct error *err)
{
    char *path = file_join(folder, name, err);
    if (path == NULL)
        return -1;
    int result = npy_write(path, NPY_I64, 1, &count, indices, err);
    free(path);
    return result;
}

/* Images of each class among the chosen ones; new reference, NULL without memory. */
static json_t *count_classes(const struct dataset *dataset, const int64_t *indices, int64_t count)
{
    struct error ignored;
    int64_t *counts = memory_new((size_t)dataset->class_count, sizeof(*counts), &ignored);
    const uint16_t *labels = dataset->train_labels.data;
    if (counts == NULL)
        return NULL;
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        counts[labels[indices[i]]]++;
    for (int64_t c = 0; c < dataset->class_count; c++)
        list = json_list_with(list, json_integer(counts[c]));
    free(counts);
    return list;
}

static int write_summary(const char *folder, const struct dataset *dataset,
                         const struct split *split, const struct split_options *options,
                         struct error *err)
{
    const struct split_size *size = &options->test;
    char *path = file_join(folder, "split.json", err);
    json_t *summary =
        json_pack("{s:i, s:I, s:I, s:I, s:o, s:I, s:o, s:o}", "schema", 1, "n",
                  (json_int_t)dataset->train_labels.count, "train", (json_int_t)split->train_count,
                  "val", (json_int_t)split->test_count, "test_size",
                  size->kind == SPLIT_COUNT ? json_integer(size->count) : json_real(size->fraction),
                  "seed", (json_int_t)options->seed, "train_counts",
                  count_classes(dataset, split->train, split->train_count), "val_counts",
                  count_classes(dataset, split->test, split->test_count));
    int result = -1;
    if (summary == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a summary");
    else if (path != NULL)
        result = json_write(path, summary, err);
    json_decref(summary);
    free(path);
    return result;
}

/* By the data set's own word. */
static int split_as_told(const struct dataset *dataset, struct split *split, struct error *err)
{
    const uint8_t *validates = dataset->train_validation.data;
    const int64_t n = dataset->train_labels.count;
    if ((split->train = memory_new((size_t)n, sizeof(int64_t), err)) == NULL ||
        (split->test = memory_new((size_t)n, sizeof(int64_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (validates[i])
            split->test[split->test_count++] = i;
        else
            split->train[split->train_count++] = i;
    return split->train_count > 0 && split->test_count > 0
               ? 0
               : error_set(err, ERR_FORMAT, "by train_validation.npy no image %s",
                           split->test_count > 0 ? "trains" : "validates");
}

static int split_whole_groups(const struct dataset *dataset, const struct split_options *options,
                              struct split *split, struct error *err)
{
    const int64_t n = dataset->train_labels.count;
    int64_t *samples = memory_new((size_t)n, sizeof(*samples), err);
    if (samples == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        samples[i] = i;
    int result = group_split(dataset->train_labels.data, dataset->train_groups.data, samples, n,
                             dataset->class_count, options, split, err);
    free(samples);
    return result;
}

static int split_images(struct stage *stage, const struct dataset *dataset,
                        const struct split_options *options, struct split *split, struct error *err)
{
    if (dataset->train_validation.data != NULL) {
        stage_note(stage, "the data set says which images validate; test_size says nothing");
        return split_as_told(dataset, split, err);
    }
    if (dataset->train_groups.data != NULL) {
        stage_note(stage, "images that belong together stay on one side");
        return split_whole_groups(dataset, options, split, err);
    }
    return split_stratified(dataset->train_labels.data, dataset->train_labels.count, options, split,
                            err);
}

static int run(struct stage *stage, struct error *err)
{
    struct dataset dataset = {0};
    struct split split = {0};
    struct split_options options = {0};
    int result = -1;
    const char *source = stage_dep(stage, "dataset", err);
    const char *folder = source != NULL ? stage_out(stage, "splits", err) : NULL;
    if (folder == NULL || read_options(stage, &options, err) < 0 ||
        dataset_open(source, &dataset, err) < 0 ||
        split_images(stage, &dataset, &options, &split, err) < 0 ||
        file_make_folders(folder, err) < 0 ||
        write_part(folder, "train.npy", split.train, split.train_count, err) < 0 ||
        write_part(folder, "val.npy", split.test, split.test_count, err) < 0 ||
        write_summary(folder, &dataset, &split, &options, err) < 0)
        goto done;
    stage_note(stage, "%lld images to train on, %lld to validate on", (long long)split.train_count,
               (long long)split.test_count);
    result = 0;
done:
    split_release(&split);
    dataset_release(&dataset);
    return result;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "split",
        .summary = "stratified split into training and validation",
        .run = run,
        .check = check,
        .deps = "dataset",
        .outs = "splits",
    };
    return stage_main(argc, argv, &kind);
}
