#include "own_rows.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/group_split.h"
#include "data/twins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { UNEVEN = 3, EQUAL_NAMED = 3 };

/* ---- pixels ---- */

int own_rows_spool(struct stage *stage, struct own_rows *rows, struct error *err)
{
    const char *folder = stage_checkpoint(stage) != NULL ? stage_checkpoint(stage) : ".";
    const int64_t shape[4] = {(int64_t)rows->list.count, rows->height, rows->width, 3};
    int64_t bytes;
    struct text path = {0};
    if (npy_count(4, shape, 1, &bytes, err) < 0)
        return -1;
    text_addf(&path, "%s/pixels-XXXXXX", folder);
    if (text_check(&path, err) < 0)
        return -1;
    const int file = mkostemp(path.data, O_CLOEXEC);
    int result = -1, status;
    if (file < 0) {
        error_errno(err, "cannot write '%s'", path.data);
        goto done;
    }
    unlink(path.data);
    /* All of it now: writing to a mapping tells no error. */
    if ((status = posix_fallocate(file, 0, bytes > 0 ? bytes : 1)) != 0) {
        errno = status;
        error_errno(err, "%lld bytes for the pictures in '%s'", (long long)bytes, folder);
        goto done;
    }
    void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        error_errno(err, "cannot map %lld bytes", (long long)bytes);
        goto done;
    }
    rows->pixels = memory;
    rows->spooled = (size_t)bytes;
    result = 0;
done:
    if (file >= 0)
        close(file);
    text_release(&path);
    return result;
}

/* ---- rows of a dataset ---- */

static int add_half(const struct npy *images, const struct npy *labels, enum picture_part part,
                    struct own_rows *rows, struct error *err)
{
    static const char *const names[PART_COUNT] = {
        [PART_ANY] = "picture", [PART_TRAIN] = "training picture", [PART_TEST] = "test picture"};
    const size_t bytes = (size_t)(rows->height * rows->width * 3);
    for (int64_t i = 0; i < labels->count; i++) {
        const struct picture_entry like = {
            .label = ((const uint16_t *)labels->data)[i], .part = part, .group = -1};
        struct picture_seen *seen = &rows->seen[rows->list.count];
        char name[48];
        const int size = snprintf(name, sizeof(name), "%s %lld", names[part], (long long)i);
        if (stage_stop_requested())
            return stage_interrupted(err);
        seen->height = rows->height;
        seen->width = rows->width;
        if (digest_of_bytes((const uint8_t *)images->data + (size_t)i * bytes, bytes, &seen->digest,
                            err) < 0 ||
            picture_list_add(&rows->list, name, (size_t)size, &like, err) < 0)
            return -1;
    }
    return 0;
}

int own_rows_list(const struct dataset *dataset, struct own_rows *rows, struct error *err)
{
    const bool tests = dataset->test_labels.data != NULL;
    const int64_t count = dataset->train_labels.count + (tests ? dataset->test_labels.count : 0);
    struct picture_list *list = &rows->list;
    rows->height = dataset->height;
    rows->width = dataset->width;
    if ((rows->seen = memory_new((size_t)count, sizeof(*rows->seen), err)) == NULL ||
        (list->classes = memory_new((size_t)dataset->class_count, sizeof(char *), err)) == NULL)
        return -1;
    for (; (int64_t)list->class_count < dataset->class_count; list->class_count++)
        if ((list->classes[list->class_count] =
                 memory_copy_text(dataset->classes[list->class_count], err)) == NULL)
            return -1;
    if (add_half(&dataset->train_images, &dataset->train_labels, tests ? PART_TRAIN : PART_ANY,
                 rows, err) < 0)
        return -1;
    return tests ? add_half(&dataset->test_images, &dataset->test_labels, PART_TEST, rows, err) : 0;
}

int own_rows_fill(struct stage *stage, const struct dataset *dataset, struct own_rows *rows,
                  struct error *err)
{
    const size_t train = (size_t)dataset->train_images.count;
    const int64_t train_boxes = dataset->train_labels.count;
    if (own_rows_spool(stage, rows, err) < 0)
        return -1;
    memcpy(rows->pixels, dataset->train_images.data, train);
    if (dataset->test_images.data != NULL)
        memcpy(rows->pixels + train, dataset->test_images.data, (size_t)dataset->test_images.count);
    if (!dataset->has_boxes)
        return 0;
    if ((rows->boxes = memory_new(rows->list.count, sizeof(*rows->boxes), err)) == NULL)
        return -1;
    memcpy(rows->boxes, dataset->train_boxes.data, (size_t)dataset->train_boxes.count);
    memcpy(rows->boxes + train_boxes, dataset->test_boxes.data, (size_t)dataset->test_boxes.count);
    return 0;
}

/* ---- fewer rows ---- */

/* Row i becomes the one after `kept` rows. */
static void keep_row(struct own_rows *rows, size_t i, size_t kept)
{
    const size_t bytes = (size_t)(rows->height * rows->width * 3);
    rows->list.entries[kept] = rows->list.entries[i];
    if (rows->seen != NULL)
        rows->seen[kept] = rows->seen[i];
    if (rows->boxes != NULL)
        memmove(rows->boxes[kept], rows->boxes[i], sizeof(rows->boxes[i]));
    if (rows->pixels != NULL && kept < i)
        memcpy(rows->pixels + kept * bytes, rows->pixels + i * bytes, bytes);
}

static void drop_row(struct own_rows *rows, size_t i)
{
    free(rows->list.entries[i].path);
    if (rows->seen != NULL)
        free(rows->seen[i].why);
}

int own_rows_limit(struct own_rows *rows, int64_t limit, struct error *err)
{
    struct picture_list *list = &rows->list;
    int64_t *had = memory_new(list->class_count * PART_COUNT, sizeof(*had), err);
    size_t kept = 0;
    if (had == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct picture_entry *entry = &list->entries[i];
        if (had[entry->label * PART_COUNT + entry->part]++ < limit)
            keep_row(rows, i, kept++);
        else
            drop_row(rows, i);
    }
    list->count = kept;
    free(had);
    return 0;
}

void own_rows_drop_broken(struct own_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->list.count; i++)
        if (rows->seen[i].why == NULL)
            keep_row(rows, i, kept++);
        else
            drop_row(rows, i);
    rows->list.count = kept;
}

void own_rows_release(struct own_rows *rows)
{
    picture_seen_release(rows->seen, rows->seen != NULL ? rows->list.count : 0);
    picture_list_release(&rows->list);
    if (rows->pixels != NULL)
        munmap(rows->pixels, rows->spooled);
    free(rows->boxes);
    json_decref(rows->skipped);
    *rows = (struct own_rows){0};
}

/* ---- who trains and who tests ---- */

struct parting {
    struct stage *stage;
    const struct own_rows *rows;
    const struct own_options *options;
    int64_t n;
    uint16_t *labels;
    int64_t *groups; /* -1: on its own */
    bool *validates;
    bool any_group, any_validates, has_test;
    struct twins twins;
    struct split split; /* rows, in their order */
};

static int begin(struct parting *p, struct error *err)
{
    const struct picture_list *list = &p->rows->list;
    struct digest *digests = NULL;
    p->n = (int64_t)list->count;
    if (p->n == 0)
        return error_set(err, ERR_FORMAT, "there is no picture that can be read");
    if ((p->labels = memory_new(list->count, sizeof(*p->labels), err)) == NULL ||
        (p->groups = memory_new(list->count, sizeof(*p->groups), err)) == NULL ||
        (p->validates = memory_new(list->count, sizeof(*p->validates), err)) == NULL ||
        (digests = memory_new(list->count, sizeof(*digests), err)) == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct picture_entry *entry = &list->entries[i];
        p->labels[i] = entry->label;
        p->groups[i] = entry->group;
        p->validates[i] = entry->part == PART_VAL;
        p->any_validates = p->any_validates || p->validates[i];
        p->has_test = p->has_test || entry->part == PART_TEST;
        digests[i] = p->rows->seen[i].digest;
    }
    int result = twins_find(digests, p->labels, p->n, p->groups, &p->any_group, &p->twins, err);
    p->any_group = p->any_group && !p->rows->as_published;
    free(digests);
    return result;
}

static void note_twins(const struct parting *p)
{
    const struct picture_entry *entries = p->rows->list.entries;
    struct text text = {0};
    if (p->twins.count == 0)
        return;
    for (int64_t i = 0; i < p->twins.count && i < EQUAL_NAMED; i++)
        text_addf(&text, "%s'%s' is '%s'", i > 0 ? ", " : "", entries[p->twins.pairs[i][1]].path,
                  entries[p->twins.pairs[i][0]].path);
    stage_note(p->stage, "%lld pictures are equal to another%s: %s%s", (long long)p->twins.count,
               !p->any_group ? ""
               : p->has_test ? "; those to train with stay on one side of a split"
                             : " and stay on its side of each split",
               text_string(&text), p->twins.count > EQUAL_NAMED ? ", ..." : "");
    text_release(&text);
    if (p->twins.conflicts > 0)
        stage_note(p->stage,
                   "%lld of them have another class: '%s' is '%s', and one of the two is wrong",
                   (long long)p->twins.conflicts, entries[p->twins.conflict[1]].path,
                   entries[p->twins.conflict[0]].path);
}

/* Equal pictures on both sides, where a person has parted them. */
static void note_leaks(const struct parting *p)
{
    const struct picture_entry *entries = p->rows->list.entries;
    int64_t leaks = 0, first = -1;
    bool *tests = p->n > 0 ? calloc((size_t)p->n, sizeof(*tests)) : NULL;
    bool *trains = tests != NULL ? calloc((size_t)p->n, sizeof(*trains)) : NULL;
    for (int64_t i = 0; trains != NULL && i < p->n; i++)
        if (p->groups[i] >= 0)
            (entries[i].part == PART_TEST ? tests : trains)[p->groups[i]] = true;
    for (int64_t i = 0; trains != NULL && i < p->n; i++)
        if (entries[i].part == PART_TEST && p->groups[i] >= 0 && trains[p->groups[i]]) {
            first = first < 0 ? i : first;
            leaks++;
        }
    free(tests);
    free(trains);
    if (leaks > 0)
        stage_note(p->stage,
                   "%lld test pictures are equal to, or of one group with, training pictures, '%s' "
                   "first: the test accuracy will be too good",
                   (long long)leaks, entries[first].path);
}

/* What is left of each class must do for what follows. */
static int check_counts(const struct parting *p, struct error *err)
{
    const struct picture_list *list = &p->rows->list;
    /* One to train, one to validate, and one to test where that is still to be held out. */
    const int64_t needed = (p->has_test ? 1 : 2) + (p->any_validates ? 0 : 1);
    int64_t *counts = memory_new(list->class_count, sizeof(*counts), err);
    int64_t few = -1, most = 0, least = 0;
    if (counts == NULL)
        return -1;
    for (int64_t i = 0; i < p->n; i++)
        counts[p->labels[i]] += list->entries[i].part != PART_TEST && !p->validates[i];
    for (size_t c = list->class_count; c-- > 0;) {
        most = counts[c] > counts[most] ? (int64_t)c : most;
        least = counts[c] <= counts[least] ? (int64_t)c : least;
        few = counts[c] < needed ? (int64_t)c : few;
    }
    int result = 0;
    if (list->class_count < 2)
        result = error_set(err, ERR_FORMAT,
                           "there is one class, '%s', and nothing to tell apart: put the pictures "
                           "of another into a folder beside it",
                           list->classes[0]);
    else if (few >= 0)
        result = error_set(
            err, ERR_FORMAT,
            "class '%s' has %lld pictures to train with, and %lld are needed: add some, join it "
            "with another class, or take its pictures out",
            list->classes[few], (long long)counts[few], (long long)needed);
    else if (counts[most] >= UNEVEN * counts[least])
        stage_note(p->stage,
                   "classes are uneven: '%s' has %lld pictures, '%s' %lld; with "
                   "--set train.class_weight=balanced they count alike",
                   list->classes[most], (long long)counts[most], list->classes[least],
                   (long long)counts[least]);
    free(counts);
    return result;
}

static int compare_indices(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* A class that lies whole in one group can't be tested. */
static void note_untested(const struct parting *p)
{
    const struct picture_list *list = &p->rows->list;
    bool *tested = calloc(list->class_count, sizeof(*tested));
    for (int64_t i = 0; tested != NULL && i < p->split.test_count; i++)
        tested[p->labels[p->split.test[i]]] = true;
    for (size_t c = 0; tested != NULL && c < list->class_count; c++)
        if (!tested[c]) {
            stage_note(p->stage, "class '%s' has no test picture%s", list->classes[c],
                       p->has_test ? "" : ": all of its pictures belong together");
            break;
        }
    free(tested);
}

static int part_as_told(struct parting *p, struct error *err)
{
    if ((p->split.train = memory_new((size_t)p->n, sizeof(int64_t), err)) == NULL ||
        (p->split.test = memory_new((size_t)p->n, sizeof(int64_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < p->n; i++)
        if (p->rows->list.entries[i].part == PART_TEST)
            p->split.test[p->split.test_count++] = i;
        else
            p->split.train[p->split.train_count++] = i;
    return 0;
}

/* Those that validate are no choice: they stay with the training half, which split obeys. */
static int hold_out(struct parting *p, struct error *err)
{
    const struct split_options options = {
        .test = p->options->test, .seed = p->options->seed, .label_ndim = 1};
    struct split chosen = {0};
    int64_t *samples = memory_new((size_t)p->n, sizeof(*samples), err), count = 0;
    uint16_t *labels = samples != NULL ? memory_new((size_t)p->n, sizeof(*labels), err) : NULL;
    int result = -1;
    if (labels == NULL)
        goto done;
    for (int64_t i = 0; i < p->n; i++)
        if (!p->validates[i]) {
            labels[count] = p->labels[i];
            samples[count++] = i;
        }
    if (p->any_group) {
        if (group_split(p->labels, p->groups, samples, count, (int64_t)p->rows->list.class_count,
                        &options, &chosen, err) < 0)
            goto done;
    } else {
        if (split_stratified(labels, count, &options, &chosen, err) < 0) {
            error_prefix(err, "the test part: ");
            goto done;
        }
        for (int64_t i = 0; i < chosen.test_count; i++)
            chosen.test[i] = samples[chosen.test[i]];
    }
    for (int64_t i = 0; i < chosen.test_count; i++)
        p->rows->list.entries[chosen.test[i]].part = PART_TEST;
    result = part_as_told(p, err);
    if (result == 0)
        stage_note(p->stage, "%lld pictures are held out to test, stratified%s",
                   (long long)p->split.test_count,
                   p->any_group ? ", and what belongs together on one side" : "");
done:
    split_release(&chosen);
    free(samples);
    free(labels);
    return result;
}

static int decide(struct parting *p, struct error *err)
{
    note_twins(p);
    if (!p->rows->as_published && check_counts(p, err) < 0)
        return -1;
    if (p->has_test)
        note_leaks(p);
    if ((p->has_test ? part_as_told(p, err) : hold_out(p, err)) < 0)
        return -1;
    qsort(p->split.test, (size_t)p->split.test_count, sizeof(int64_t), compare_indices);
    note_untested(p);
    return 0;
}

/* ---- writing ---- */

static int write_parted(const struct parting *p, const char *folder, struct error *err)
{
    const struct own_rows *rows = p->rows;
    const struct dataset_origin origin = {p->options->source, p->options->sha256,
                                          p->options->generated};
    json_t *more = NULL;
    if (!rows->as_published) {
        more = json_pack("{s:I, s:O?}", "equal_pictures", (json_int_t)p->twins.count, "skipped",
                         rows->skipped);
        if (rows->fit != NULL)
            more = json_object_with(more, "fit", json_string(rows->fit));
        if (more == NULL)
            return error_set(err, ERR_MEMORY, "out of memory for a summary");
    }
    const struct dataset_rows made = {.pixels = rows->pixels,
                                      .labels = p->labels,
                                      .boxes = (const uint8_t(*)[4])rows->boxes,
                                      .groups = p->any_group ? p->groups : NULL,
                                      .validates = p->any_validates ? p->validates : NULL,
                                      .height = rows->height,
                                      .width = rows->width,
                                      .train = p->split.train,
                                      .test = p->split.test,
                                      .train_count = p->split.train_count,
                                      .test_count = p->split.test_count,
                                      .classes = (const char *const *)rows->list.classes,
                                      .class_count = (int64_t)rows->list.class_count,
                                      .more = more};
    int result = dataset_write_rows(folder, &made, &origin, err);
    json_decref(more);
    return result;
}

int own_rows_write(struct stage *stage, const struct own_rows *rows,
                   const struct own_options *options, const char *folder, struct error *err)
{
    struct parting parting = {.stage = stage, .rows = rows, .options = options};
    int result = -1;
    if (begin(&parting, err) == 0 && decide(&parting, err) == 0 &&
        write_parted(&parting, folder, err) == 0) {
        stage_note(stage, "%zu classes, %lld pictures to train, %lld to test, %lldx%lld",
                   rows->list.class_count, (long long)parting.split.train_count,
                   (long long)parting.split.test_count, (long long)rows->width,
                   (long long)rows->height);
        result = 0;
    }
    split_release(&parting.split);
    free(parting.labels);
    free(parting.groups);
    free(parting.validates);
    return result;
}
