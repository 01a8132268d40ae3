/* The figures that a report may have. */
#ifndef STAGES_REPORT_FIGURE_H
#define STAGES_REPORT_FIGURE_H

#include "base/error.h"
#include "base/stage.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

enum report_figure_id {
    FIGURE_SAMPLE_IMAGES,
    FIGURE_CLASS_DISTRIBUTION,
    FIGURE_AUGMENTATION,
    FIGURE_PRETRAIN,
    FIGURE_PHASE1,
    FIGURE_PHASE2,
    FIGURE_CONFUSION,
    FIGURE_GRADCAM_SAMPLES,
    FIGURE_GRADCAM_CONFUSION,
    REPORT_FIGURES,
};

struct report_figure {
    const char *file;    /* name in the folder figures */
    struct text caption; /* what to see in it */
    struct text alt;     /* what it shows, in words */
    uint8_t *png;        /* NULL: not there */
    size_t size;
    uint32_t width, height; /* pixels */
    char *wide, *narrow;    /* the same as SVG, for a page and for a phone; NULL: not there */
    size_t wide_size, narrow_size;
};

/* Reads those that the stage has as deps, and their drawings from the folders explore_drawings,
 * curves_drawings and gradcam_drawings. ERR_FORMAT for what is no PNG, or no SVG. */
int report_figures_read(const struct stage *stage, struct report_figure figures[REPORT_FIGURES],
                        struct error *err);
/* Nothing where the figure is not there. */
void report_figure_html(struct text *page, const struct report_figure *figure);
void report_figures_release(struct report_figure figures[REPORT_FIGURES]);

#endif
