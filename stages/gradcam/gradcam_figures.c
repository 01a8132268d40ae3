#include "gradcam/gradcam_figures.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/pil_resize.h"
#include "drawing.h"
#include "figure/gallery.h"
#include "figure/heatmap.h"
#include "figure/short_names.h"

#include <stdlib.h>

enum { CELLS = 3 }; /* picture, heat map, blend */

/* Room of ", 0.93" behind the name that a picture was taken for, of the "as " before it there, and
 * of the same before a row's. */
static const double PROBABILITY_ROOM = 32, AS_ROOM = 17;

/* What the cells of one image point to. */
struct sheet_image {
    uint8_t *places; /* [map height,map width] */
    float *blend;    /* [height,width,3] */
    struct gallery_box box;
    struct text title;
};

/* A grid of [rows,groups] images; slots are positions in choice->samples or -1. */
struct sheet {
    const char *out, *name; /* of the file in drawings */
    const char *title, *subtitle;
    const int *slots;
    size_t rows, groups;
    const char *const *row_labels, *const *group_titles; /* NULL: none */
};

static void release_image(struct sheet_image *image)
{
    free(image->places);
    free(image->blend);
    text_release(&image->title);
}

static int blend(const struct explainer *explainer, const uint8_t *picture,
                 const struct overlay *overlay, struct sheet_image *image, struct error *err)
{
    int64_t h = explainer->dataset->height, w = explainer->dataset->width;
    uint8_t *heat = memory_new((size_t)h, (size_t)w, err);
    int result = heat == NULL ? -1
                              : pil_resize_bicubic(image->places, explainer->height,
                                                   explainer->width, heat, h, w, err);
    if (result == 0) {
        for (int64_t i = 0; i < h * w * 3; i++)
            image->blend[i] = (float)picture[i] / 255.0f;
        heatmap_blend(image->blend, heat, h, w, overlay->colormap, overlay->alpha, image->blend);
    }
    free(heat);
    return result;
}

static void add_title(const struct explainer *explainer, const struct short_names *short_names,
                      int64_t sample, struct sheet_image *image, struct gallery_cell *cell)
{
    char **names = short_names->texts;
    int64_t truth = ((const uint16_t *)explainer->dataset->test_labels.data)[sample];
    int64_t predicted = explainer_predicted(explainer, sample);
    double probability = (double)explainer->predictions[sample * explainer->classes + predicted];
    if (truth == predicted)
        text_addf(&image->title, "%s\nprobability %.2f", names[truth], probability);
    else
        text_addf(&image->title, "%s\nas %s%s%.2f", names[truth], names[predicted],
                  short_names->widths[predicted] + AS_ROOM + PROBABILITY_ROOM >
                          gallery_title_room(0)
                      ? "\n"
                      : ", ",
                  probability);
    cell->title = text_string(&image->title);
    cell->mood = truth == predicted ? GALLERY_RIGHT : GALLERY_WRONG;
}

static int fill_image(const struct explainer *explainer, const struct short_names *names,
                      int64_t sample, const float *heat, const struct overlay *overlay,
                      struct sheet_image *image, struct gallery_cell *cells, struct error *err)
{
    const struct dataset *dataset = explainer->dataset;
    int64_t h = dataset->height, w = dataset->width;
    int64_t places = explainer->height * explainer->width;
    const uint8_t *picture = (const uint8_t *)dataset->test_images.data + sample * h * w * 3;
    if ((image->places = memory_new((size_t)places, 1, err)) == NULL ||
        (image->blend = memory_new((size_t)(h * w * 3), sizeof(float), err)) == NULL)
        return -1;
    gradcam_to_bytes(heat, places, image->places);
    if (blend(explainer, picture, overlay, image, err) < 0)
        return -1;
    cells[0] = (struct gallery_cell){.u8 = picture, .height = h, .width = w};
    cells[1] = (struct gallery_cell){
        .heat = image->places, .height = explainer->height, .width = explainer->width};
    cells[2] = (struct gallery_cell){.f32 = image->blend, .height = h, .width = w};
    add_title(explainer, names, sample, image, &cells[0]);
    if (dataset->has_boxes) {
        const uint8_t *box = (const uint8_t *)dataset->test_boxes.data + sample * 4;
        image->box = (struct gallery_box){box[0], box[1], box[2], box[3]};
        cells[0].box = cells[2].box = &image->box;
    }
    return text_check(&image->title, err);
}

static const char *subtitle_of(const struct explainer *explainer)
{
    return explainer->dataset->has_boxes ? "picture, heat map, both; the box is the object"
                                         : "picture, heat map, both";
}

static int draw_gallery(const char *path, const void *what, struct error *err)
{
    return figure_gallery(path, what, err);
}

static int draw(struct stage *stage, const struct sheet *sheet, const struct explainer *explainer,
                const struct choice *choice, const float *heats, const struct overlay *overlay,
                struct error *err)
{
    size_t count = sheet->rows * sheet->groups;
    int64_t places = explainer->height * explainer->width;
    struct sheet_image *images = memory_new(count, sizeof(*images), err);
    struct gallery_cell *cells = memory_new(count * CELLS, sizeof(*cells), err);
    struct short_names names = {0};
    int result = images == NULL || cells == NULL
                     ? -1
                     : short_names_of(&names, (const char *const *)explainer->dataset->classes,
                                      (size_t)explainer->classes, gallery_title_room(0) - AS_ROOM,
                                      gallery_title_style(), err);
    for (size_t i = 0; result == 0 && i < count; i++)
        if (sheet->slots[i] >= 0)
            result = fill_image(explainer, &names, choice->samples[sheet->slots[i]],
                                heats + sheet->slots[i] * places, overlay, &images[i],
                                cells + i * CELLS, err);
    const struct gallery gallery = {.title = sheet->title,
                                    .subtitle = sheet->subtitle,
                                    .cells = cells,
                                    .rows = sheet->rows,
                                    .columns = sheet->groups * CELLS,
                                    .row_labels = sheet->row_labels,
                                    .column_group = CELLS,
                                    .group_titles = sheet->group_titles,
                                    .note = short_names_note(&names),
                                    .colormap = overlay->colormap,
                                    .colourbar = "share of the map's maximum"};
    if (result == 0)
        result = drawing_make(stage, sheet->out, sheet->name, draw_gallery, &gallery, err);
    for (size_t i = 0; images != NULL && i < count; i++)
        release_image(&images[i]);
    short_names_release(&names);
    free(images);
    free(cells);
    return result;
}

int gradcam_draw_samples(struct stage *stage, const struct explainer *explainer,
                         const struct choice *choice, const float *heats,
                         const struct overlay *overlay, struct error *err)
{
    static const char *const titles[2] = {"recognised", "mistaken"};
    int slots[2 * CHOICE_OF_EACH];
    for (int i = 0; i < CHOICE_OF_EACH; i++) {
        slots[2 * i] = choice->right[i];
        slots[2 * i + 1] = choice->wrong[i];
    }
    const struct sheet sheet = {.out = "samples",
                                .name = "gradcam_samples",
                                .title = "Grad-CAM: what the network looked at",
                                .subtitle = subtitle_of(explainer),
                                .slots = slots,
                                .rows = CHOICE_OF_EACH,
                                .groups = 2,
                                .group_titles = titles};
    return draw(stage, &sheet, explainer, choice, heats, overlay, err);
}

int gradcam_draw_confusions(struct stage *stage, const struct explainer *explainer,
                            const struct choice *choice, const float *heats,
                            const struct overlay *overlay, struct error *err)
{
    static const int nothing[CHOICE_OF_PAIR] = {-1, -1};
    int slots[CHOICE_MOST_PAIRS * CHOICE_OF_PAIR];
    struct text texts[CHOICE_MOST_PAIRS] = {0};
    const char *labels[CHOICE_MOST_PAIRS] = {NULL};
    struct short_names names = {0};
    int result = short_names_of(&names, (const char *const *)explainer->dataset->classes,
                                (size_t)explainer->classes, gallery_label_room() - AS_ROOM,
                                gallery_label_style(), err);
    for (size_t i = 0; result == 0 && i < choice->pair_count; i++) {
        const struct confused_pair *pair = &choice->pairs[i];
        for (int j = 0; j < CHOICE_OF_PAIR; j++)
            slots[i * CHOICE_OF_PAIR + (size_t)j] = pair->slots[j];
        text_addf(&texts[i], "%s\nas %s\n%lld images", names.texts[pair->truth],
                  names.texts[pair->predicted], (long long)pair->count);
        result = text_check(&texts[i], err);
        labels[i] = text_string(&texts[i]);
    }
    const struct sheet sheet = {.out = "confusion",
                                .name = "gradcam_confusion_analysis",
                                .title = "Grad-CAM: confused pairs of classes",
                                .subtitle = choice->pair_count > 0 ? subtitle_of(explainer)
                                                                   : "no image was mistaken",
                                .slots = choice->pair_count > 0 ? slots : nothing,
                                .rows = choice->pair_count > 0 ? choice->pair_count : 1,
                                .groups = CHOICE_OF_PAIR,
                                .row_labels = choice->pair_count > 0 ? labels : NULL};
    if (result == 0)
        result = draw(stage, &sheet, explainer, choice, heats, overlay, err);
    for (size_t i = 0; i < choice->pair_count; i++)
        text_release(&texts[i]);
    short_names_release(&names);
    return result;
}
