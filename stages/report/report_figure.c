#include "report/report_figure.h"

#include "base/base64.h"
#include "base/file.h"
#include "escape.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_FIGURE = 32 << 20 };

static const struct {
    const char *dep, *file;
} known[REPORT_FIGURES] = {
    [FIGURE_SAMPLE_IMAGES] = {"sample_images", "sample_images.png"},
    [FIGURE_CLASS_DISTRIBUTION] = {"class_distribution", "class_distribution.png"},
    [FIGURE_AUGMENTATION] = {"augmentation_examples", "augmentation_examples.png"},
    [FIGURE_PRETRAIN] = {"pretrain_curves", "pretrain_training_curves.png"},
    [FIGURE_PHASE1] = {"phase1_curves", "phase1_training_curves.png"},
    [FIGURE_PHASE2] = {"phase2_curves", "phase2_training_curves.png"},
    [FIGURE_CONFUSION] = {"confusion_matrix", "confusion_matrix.png"},
    [FIGURE_GRADCAM_SAMPLES] = {"gradcam_samples", "gradcam_samples.png"},
    [FIGURE_GRADCAM_CONFUSION] = {"gradcam_confusion", "gradcam_confusion_analysis.png"},
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
        if (read_size(path, figure, err) < 0)
            return -1;
    }
    return 0;
}

void report_figures_release(struct report_figure figures[REPORT_FIGURES])
{
    for (int i = 0; i < REPORT_FIGURES; i++) {
        free(figures[i].png);
        text_release(&figures[i].alt);
        text_release(&figures[i].caption);
        figures[i] = (struct report_figure){0};
    }
}

/* PNGs have two pixels to the unit: shown at half their size where there is room. */
void report_figure_html(struct text *page, const struct report_figure *figure)
{
    if (figure->png == NULL)
        return;
    text_addf(page, "<figure>\n<img width=\"%u\" height=\"%u\" alt=\"", (figure->width + 1) / 2,
              (figure->height + 1) / 2);
    escape_html(page, text_string(&figure->alt));
    text_add(page, "\" src=\"data:image/png;base64,");
    base64_add(page, figure->png, figure->size);
    text_add(page, "\">\n<figcaption>");
    escape_html(page, text_string(&figure->caption));
    text_add(page, "</figcaption>\n</figure>\n");
}
