#include "report/report_figure.h"

#include "base/base64.h"
#include "base/file.h"
#include "page/escape.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_FIGURE = 32 << 20 };

static const struct {
    const char *dep, *file, *drawings;
} known[REPORT_FIGURES] = {
    [FIGURE_SAMPLE_IMAGES] = {"sample_images", "sample_images.png", "explore_drawings"},
    [FIGURE_CLASS_DISTRIBUTION] = {"class_distribution", "class_distribution.png",
                                   "explore_drawings"},
    [FIGURE_AUGMENTATION] = {"augmentation_examples", "augmentation_examples.png",
                             "explore_drawings"},
    [FIGURE_PRETRAIN] = {"pretrain_curves", "pretrain_training_curves.png", "curves_drawings"},
    [FIGURE_PHASE1] = {"phase1_curves", "phase1_training_curves.png", "curves_drawings"},
    [FIGURE_PHASE2] = {"phase2_curves", "phase2_training_curves.png", "curves_drawings"},
    [FIGURE_CONFUSION] = {"confusion_matrix", "confusion_matrix.png", "curves_drawings"},
    [FIGURE_GRADCAM_SAMPLES] = {"gradcam_samples", "gradcam_samples.png", "gradcam_drawings"},
    [FIGURE_GRADCAM_CONFUSION] = {"gradcam_confusion", "gradcam_confusion_analysis.png",
                                  "gradcam_drawings"},
};

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A PNG begins with its signature and the IHDR chunk, whose first members are width and height. */
static int read_size(const char *path, struct report_figure *figure, struct error *err)
{
    static const uint8_t start[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                      0,    0,   0,   13,  'I',  'H',  'D',  'R'};
    if (figure->size < 33 || memcmp(figure->png, start, sizeof(start)) != 0)
        return error_set(err, ERR_FORMAT, "'%s' is not a PNG file", path);
    figure->width = big_endian(figure->png + 16);
    figure->height = big_endian(figure->png + 20);
    if (figure->width == 0 || figure->height == 0)
        return error_set(err, ERR_FORMAT, "'%s': a picture without pixels", path);
    return 0;
}

/* NAME.svg or NAME.narrow.svg of a figure NAME.png; NULL where the folder has none. */
static int read_drawing(const char *folder, const char *file, const char *end, char **drawing,
                        size_t *size, struct error *err)
{
    struct text name = {0};
    text_addf(&name, "%.*s%s", (int)strcspn(file, "."), file, end);
    char *path = text_check(&name, err) < 0 ? NULL : file_join(folder, text_string(&name), err);
    int result = path == NULL ? -1 : 0;
    if (result == 0 && file_exists(path)) {
        result = file_read(path, LARGEST_FIGURE, drawing, size, err);
        if (result == 0 && strncmp(*drawing, "<svg ", 5) != 0)
            result = error_set(err, ERR_FORMAT, "'%s' does not begin as an SVG", path);
    }
    free(path);
    text_release(&name);
    return result;
}

static int read_drawings(const struct stage *stage, const char *dep, struct report_figure *figure,
                         struct error *err)
{
    if (!stage_has_dep(stage, dep))
        return 0;
    const char *folder = stage_dep(stage, dep, err);
    if (read_drawing(folder, figure->file, ".svg", &figure->wide, &figure->wide_size, err) < 0)
        return -1;
    return read_drawing(folder, figure->file, ".narrow.svg", &figure->narrow, &figure->narrow_size,
                        err);
}

int report_figures_read(const struct stage *stage, struct report_figure figures[REPORT_FIGURES],
                        struct error *err)
{
    for (int i = 0; i < REPORT_FIGURES; i++) {
        struct report_figure *figure = &figures[i];
        figure->file = known[i].file;
        if (!stage_has_dep(stage, known[i].dep))
            continue;
        const char *path = stage_dep(stage, known[i].dep, err);
        char *data;
        if (file_read(path, LARGEST_FIGURE, &data, &figure->size, err) < 0)
            return -1;
        figure->png = (uint8_t *)data;
        if (read_size(path, figure, err) < 0 ||
            read_drawings(stage, known[i].drawings, figure, err) < 0)
            return -1;
    }
    return 0;
}

void report_figures_release(struct report_figure figures[REPORT_FIGURES])
{
    for (int i = 0; i < REPORT_FIGURES; i++) {
        free(figures[i].png);
        free(figures[i].wide);
        free(figures[i].narrow);
        text_release(&figures[i].alt);
        text_release(&figures[i].caption);
        figures[i] = (struct report_figure){0};
    }
}

static void add_data(struct text *page, const char *type, const void *bytes, size_t size)
{
    text_addf(page, "data:image/%s;base64,", type);
    base64_add(page, bytes, size);
}

/* PNGs have two pixels to the unit, which an SVG shows as one. A picture that is no drawing has
 * white paper of its own. */
void report_figure_html(struct text *page, const struct report_figure *figure)
{
    if (figure->png == NULL)
        return;
    text_add(page, figure->wide != NULL ? "<figure>\n" : "<figure class=\"paper\">\n");
    text_add(page, "<picture>\n");
    if (figure->narrow != NULL) {
        text_add(page, "<source media=\"(max-width:40rem)\" type=\"image/svg+xml\" srcset=\"");
        add_data(page, "svg+xml", figure->narrow, figure->narrow_size);
        text_add(page, "\">\n");
    }
    text_addf(page, "<img width=\"%u\" height=\"%u\" alt=\"", (figure->width + 1) / 2,
              (figure->height + 1) / 2);
    escape_html(page, text_string(&figure->alt));
    text_add(page, "\" src=\"");
    if (figure->wide != NULL)
        add_data(page, "svg+xml", figure->wide, figure->wide_size);
    else
        add_data(page, "png", figure->png, figure->size);
    text_add(page, "\">\n</picture>\n<figcaption>");
    escape_html(page, text_string(&figure->caption));
    text_add(page, "</figcaption>\n</figure>\n");
}
