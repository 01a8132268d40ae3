/* Figures of the dataset: a picture of each class, how many there are, and what augmentation makes
 * of some.
 *
 * deps dataset, splits; outs sample_images, class_distribution, augmentation_examples (.png),
 * drawings, a folder of the same as SVG; params seed, augment {flip, rotation, zoom, cutout,
 * mixup}.
 */
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/splits.h"
#include "figure/axes.h"
#include "figure/gallery.h"
#include "figure/plot.h"
#include "figure/short_names.h"
#include "nn/feed.h"

#include "augment_params.h"
#include "drawing.h"
#include "model_use.h"
#include "seed_params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of more classes than SHOWN only some have their picture. */
enum { SHOWN = 64, COLUMNS = 8 };
enum { EXAMPLES = 6, DRAWS = 7, EXAMPLE_COLUMNS = DRAWS + 1, CELL = 80 };

struct explore {
    struct stage *stage;
    uint32_t seed;
    struct augment augment;
    struct dataset dataset;
    struct splits splits;
    int64_t *first; /* [classes], the image that shows a class, or -1 */
};

static int read_params(struct explore *explore, struct error *err)
{
    if (seed_params_read(explore->stage, "seed", &explore->seed, err) < 0 ||
        augment_params_read(explore->stage, &explore->augment, err) < 0)
        return -1;
    return stage_params_done(explore->stage, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct explore explore = {.stage = stage};
    return read_params(&explore, err);
}

static int open_data(struct explore *explore, struct error *err)
{
    const char *dataset = stage_dep(explore->stage, "dataset", err);
    const char *splits = dataset != NULL ? stage_dep(explore->stage, "splits", err) : NULL;
    if (splits == NULL || dataset_open(dataset, &explore->dataset, err) < 0)
        return -1;
    if (augment_params_fit(&explore->augment, explore->dataset.height, explore->dataset.width,
                           err) < 0)
        return -1;
    return splits_open(splits, explore->dataset.train_images.shape[0], &explore->splits, err);
}

/* For each class its first image in the shuffled training split. */
static int find_first(struct explore *explore, struct error *err)
{
    const uint16_t *labels = explore->dataset.train_labels.data;
    const int64_t *train = explore->splits.train.data;
    size_t classes = (size_t)explore->dataset.class_count;
    if ((explore->first = memory_new(classes, sizeof(*explore->first), err)) == NULL)
        return -1;
    for (size_t c = 0; c < classes; c++)
        explore->first[c] = -1;
    for (int64_t i = explore->splits.train.count - 1; i >= 0; i--)
        explore->first[labels[train[i]]] = train[i];
    return 0;
}

static const uint8_t *train_image(const struct explore *explore, int64_t index)
{
    const struct dataset *dataset = &explore->dataset;
    return (const uint8_t *)dataset->train_images.data +
           index * dataset->height * dataset->width * 3;
}

/* A gallery is what to draw. */
static int draw_gallery(const char *path, const void *what, struct error *err)
{
    return figure_gallery(path, what, err);
}

static int draw_samples(const struct explore *explore, struct error *err)
{
    const struct dataset *dataset = &explore->dataset;
    size_t classes = (size_t)dataset->class_count, shown = classes < SHOWN ? classes : SHOWN;
    /* About twice as wide as high, and no wider than a page. */
    size_t columns = (size_t)ceil(sqrt(2.0 * (double)shown));
    columns = columns < COLUMNS ? columns : COLUMNS;
    columns = columns < shown ? columns : shown;
    size_t rows = (shown + columns - 1) / columns;
    int result = -1;
    char title[2 * TICK_TEXT_SIZE], total[TICK_TEXT_SIZE];
    struct short_names names = {0};
    struct gallery_cell *cells = memory_new(rows * columns, sizeof(*cells), err);
    if (cells == NULL || short_names_of(&names, (const char *const *)dataset->classes, classes,
                                        gallery_title_room(0), gallery_title_style(), err) < 0)
        goto done;
    for (size_t i = 0; i < shown; i++) {
        size_t c = i * classes / shown;
        cells[i].title = names.texts[c];
        if (explore->first[c] < 0)
            continue;
        cells[i].u8 = train_image(explore, explore->first[c]);
        cells[i].height = dataset->height;
        cells[i].width = dataset->width;
    }
    ticks_format((double)classes, 0, total);
    snprintf(title, sizeof(title), "A picture of %zu of %s classes", shown, total);
    const struct gallery gallery = {
        .title = shown < classes ? title : "A picture of each class",
        .subtitle = shown < classes ? "each as far from the next; the first of the shuffled split"
                                    : "the first of the shuffled training split",
        .cells = cells,
        .rows = rows,
        .columns = columns,
        .note = short_names_note(&names)};
    result =
        drawing_make(explore->stage, "sample_images", "sample_images", draw_gallery, &gallery, err);
done:
    short_names_release(&names);
    free(cells);
    return result;
}

static void count_split(const struct explore *explore, const struct npy *indices, int64_t *counts)
{
    const uint16_t *labels = explore->dataset.train_labels.data;
    const int64_t *index = indices->data;
    for (int64_t i = 0; i < indices->count; i++)
        counts[labels[index[i]]]++;
}

enum { PARTS = 3 };

struct distribution {
    const struct dataset *dataset;
    struct bars_series series[PARTS];
};

static int draw_bars(const char *path, const void *what, struct error *err)
{
    const struct distribution *distribution = what;
    const struct dataset *dataset = distribution->dataset;
    return figure_class_distribution(path, "Images per class",
                                     (const char *const *)dataset->classes, dataset->class_count,
                                     distribution->series, PARTS, err);
}

static int draw_distribution(const struct explore *explore, struct error *err)
{
    static const char *const parts[PARTS] = {"train", "validation", "test"};
    const struct dataset *dataset = &explore->dataset;
    const int64_t totals[PARTS] = {explore->splits.train.count, explore->splits.val.count,
                                   dataset->test_labels.count};
    size_t classes = (size_t)dataset->class_count;
    int result = -1;
    struct distribution distribution = {.dataset = dataset};
    char labels[PARTS][TICK_TEXT_SIZE + 16];
    int64_t *counts = memory_new(PARTS * classes, sizeof(*counts), err);
    if (counts == NULL)
        return -1;
    count_split(explore, &explore->splits.train, counts);
    count_split(explore, &explore->splits.val, counts + classes);
    if (dataset_count_labels(&dataset->test_labels, dataset->class_count, counts + 2 * classes,
                             err) < 0)
        goto done;
    for (size_t i = 0; i < PARTS; i++) {
        char total[TICK_TEXT_SIZE];
        ticks_format((double)totals[i], 0, total);
        snprintf(labels[i], sizeof(labels[i]), "%s (%s)", parts[i], total);
        distribution.series[i] =
            (struct bars_series){labels[i], counts + i * classes, colormap_deep(i)};
    }
    result = drawing_make(explore->stage, "class_distribution", "class_distribution", draw_bars,
                          &distribution, err);
done:
    free(counts);
    return result;
}

/* "flip, rotation up to 36 degrees, zoom up to 10 %". */
static void describe(const struct augment *augment, struct text *text)
{
    if (augment->flip)
        text_add(text, ", horizontal flip");
    if (augment->crop > 0)
        text_addf(text, ", shift up to %lld pixels", (long long)augment->crop);
    if (augment->rotation > 0)
        text_addf(text, ", rotation up to %.3g\xc2\xb0", (double)augment->rotation * 360);
    if (augment->zoom > 0)
        text_addf(text, ", zoom up to %.3g\xe2\x80\xaf%%", (double)augment->zoom * 100);
    if (augment->cutout > 0)
        text_addf(text, ", cutout of %lld pixels", (long long)augment->cutout);
    if (augment->mixup > 0)
        text_addf(text, ", mixup with alpha %.3g", (double)augment->mixup);
    if (text->size == 0)
        text_add(text, ", none is switched on");
}

/* What the rows of the figure are made of. */
struct examples {
    struct gallery_cell cells[EXAMPLES * EXAMPLE_COLUMNS];
    struct short_names labels, mixed; /* of all classes, for rows and beside a share */
    const char *names[EXAMPLES];
    size_t rows;
    char titles[EXAMPLES * DRAWS][128];
    float *scratch, *target; /* target [classes] */
    float *pictures;         /* [EXAMPLES,DRAWS,height,width,3] */
};

/* Names that have room beside a row, and behind "0.70 " over a picture. */
static int name_classes(const struct dataset *dataset, struct examples *examples, struct error *err)
{
    const char *const *classes = (const char *const *)dataset->classes;
    const size_t count = (size_t)dataset->class_count;
    if (short_names_of(&examples->labels, classes, count, gallery_label_room(),
                       gallery_label_style(), err) < 0)
        return -1;
    return short_names_of(&examples->mixed, classes, count, gallery_title_room(CELL) - 27,
                          gallery_title_style(), err);
}

/* The classes that mixup put into a picture, each after its share, which a narrow cell keeps. */
static void name_mixture(char *const *names, int64_t classes, const float *target, char *title,
                         size_t size)
{
    size_t used = 0;
    title[0] = '\0';
    for (int64_t c = 0; c < classes; c++) {
        if (!(target[c] >= 0.005f) || used >= size - 1)
            continue;
        int length = snprintf(title + used, size - used, "%s%.2f %s", used > 0 ? "\n" : "",
                              (double)target[c], names[c]);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void fill_examples(const struct explore *explore, const struct feed *feed,
                          struct examples *examples)
{
    const struct dataset *dataset = &explore->dataset;
    int64_t size = dataset->height * dataset->width * 3;
    for (int64_t c = 0; c < dataset->class_count && examples->rows < EXAMPLES; c++) {
        int64_t sample = explore->first[c];
        if (sample < 0)
            continue;
        size_t row = examples->rows++;
        struct gallery_cell *cells = examples->cells + row * EXAMPLE_COLUMNS;
        examples->names[row] = examples->labels.texts[c];
        for (size_t i = 0; i < EXAMPLE_COLUMNS; i++)
            cells[i] = (struct gallery_cell){.height = dataset->height, .width = dataset->width};
        cells[0].u8 = train_image(explore, sample);
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            float *picture = examples->pictures + (int64_t)(row * DRAWS + draw) * size;
            feed_augmented(feed, draw, sample, examples->scratch, picture, examples->target);
            cells[1 + draw].f32 = picture;
            if (explore->augment.mixup > 0) {
                char *title = examples->titles[row * DRAWS + draw];
                name_mixture(examples->mixed.texts, dataset->class_count, examples->target, title,
                             sizeof(examples->titles[0]));
                cells[1 + draw].title = title;
            }
        }
    }
}

static struct feed feed_of(const struct explore *explore)
{
    struct feed feed = model_use_pictures(&explore->dataset, TRAIN_HALF);
    feed.image_size = feed.height;
    feed.preprocess = (struct preprocess){PREPROCESS_UNIT, 255};
    feed.augment = &explore->augment;
    feed.partners = explore->splits.train.data;
    feed.partner_count = explore->splits.train.count;
    feed.seed = explore->seed;
    return feed;
}

static int draw_augmentation(const struct explore *explore, struct error *err)
{
    static const char *const columns[EXAMPLE_COLUMNS] = {"original", "augmented"};
    const struct feed feed = feed_of(explore);
    size_t size = (size_t)(feed.height * feed.width * 3);
    int result = -1;
    struct text subtitle = {0};
    struct examples examples = {.rows = 0};
    describe(&explore->augment, &subtitle);
    if (text_check(&subtitle, err) < 0)
        goto done;
    if ((examples.scratch = memory_new((size_t)feed_scratch_size(&feed), sizeof(float), err)) ==
            NULL ||
        (examples.target = memory_new((size_t)feed.classes, sizeof(float), err)) == NULL ||
        (examples.pictures = memory_new(EXAMPLES * DRAWS * size, sizeof(float), err)) == NULL)
        goto done;
    if (name_classes(&explore->dataset, &examples, err) < 0)
        goto done;
    fill_examples(explore, &feed, &examples);
    const struct gallery gallery = {.title = "Augmentation",
                                    .subtitle = text_string(&subtitle) + 2,
                                    .cells = examples.cells,
                                    .rows = examples.rows,
                                    .columns = EXAMPLE_COLUMNS,
                                    .row_labels = examples.names,
                                    .column_titles = columns,
                                    .note = short_names_note(&examples.labels),
                                    .cell_size = CELL};
    result = drawing_make(explore->stage, "augmentation_examples", "augmentation_examples",
                          draw_gallery, &gallery, err);
done:
    short_names_release(&examples.labels);
    short_names_release(&examples.mixed);
    free(examples.pictures);
    free(examples.target);
    free(examples.scratch);
    text_release(&subtitle);
    return result;
}

static int run(struct stage *stage, struct error *err)
{
    struct explore explore = {.stage = stage};
    int result = -1;
    if (read_params(&explore, err) == 0 && open_data(&explore, err) == 0 &&
        drawing_note_names(stage, (const char *const *)explore.dataset.classes,
                           (size_t)explore.dataset.class_count, err) == 0 &&
        find_first(&explore, err) == 0 && draw_samples(&explore, err) == 0 &&
        draw_distribution(&explore, err) == 0 && draw_augmentation(&explore, err) == 0)
        result = 0;
    free(explore.first);
    splits_release(&explore.splits);
    dataset_release(&explore.dataset);
    return result;
}

static const struct stage_kind explore_kind = {
    .name = "explore",
    .summary = "draw the dataset: a picture of each class, their numbers, augmented examples",
    .run = run,
    .check = check,
    .fingerprint = drawing_fingerprint,
    .deps = "dataset splits",
    .outs = "sample_images class_distribution augmentation_examples drawings?",
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &explore_kind);
}
