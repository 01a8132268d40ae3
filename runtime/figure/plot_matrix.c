#include "base/memory.h"
#include "base/text.h"
#include "figure/axes.h"
#include "figure/confused.h"
#include "figure/plot.h"
#include "figure/short_names.h"
#include "figure/text_layout.h"
#include "figure/theme.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double SIDE = 540, NARROW_SIDE = 280, SMALLEST_CELL = 30, LARGEST_CELL = 110;
/* With more classes than READABLE_CLASSES only colours are shown, in cells of TINY_CELL. */
static const double TINY_CELL = 20; /* that leaves slanted names apart */
enum { READABLE_CLASSES = 32 };
static const double NAME_LIMIT = 130, NARROW_NAME_LIMIT = 90, NOTE_HEIGHT = 18, WHICH_HEIGHT = 12;

struct matrix_plan {
    const int64_t *counts; /* [all,all] */
    size_t all, classes;   /* how many there are, how many are shown */
    size_t *shown;         /* [classes] of all, in their order */
    const char **full;     /* [classes], borrowed names of those shown */
    struct text title;
    struct text which; /* classes are shown, on a narrow sheet; on others the title says it */
    struct short_names short_names;
    struct names names;
    bool narrow;       /* without the scale of colours */
    bool abbreviated;  /* numbers: 12.3k */
    double cell, x, y; /* of the matrix */
    double name_limit, names_width, width, height;
    double count_size; /* of the figures in the cells */
};

static int64_t count_at(const struct matrix_plan *plan, size_t row, size_t column)
{
    return plan->counts[plan->shown[row] * plan->all + plan->shown[column]];
}

/* "12,345", or where that is too long for a cell "12k". */
static void format_count(const struct matrix_plan *plan, int64_t count, char text[TICK_TEXT_SIZE])
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    double value = (double)count;
    size_t unit = 0;
    if (!plan->abbreviated || count < 1000) {
        ticks_format(value, 0, text);
        return;
    }
    for (; value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        value /= 1000;
    snprintf(text, TICK_TEXT_SIZE, value < 9.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

static double widest_count(struct canvas *canvas, const struct matrix_plan *plan, double size)
{
    struct text_style style = THEME_LABEL;
    double widest = 0;
    style.size = size;
    for (size_t i = 0; i < plan->classes * plan->classes; i++) {
        char text[TICK_TEXT_SIZE];
        format_count(plan, count_at(plan, i / plan->classes, i % plan->classes), text);
        widest = fmax(widest, canvas_text_width(canvas, text, style));
    }
    return widest;
}

/* As large as the widest number allows; abbreviated where it would be too small to read. */
static void choose_count_size(struct canvas *canvas, struct matrix_plan *plan)
{
    double size = fmin(13, plan->cell * 0.34), room = plan->cell * 0.84;
    for (int i = 0; i < 2; i++) {
        double widest = widest_count(canvas, plan, size);
        plan->count_size = widest > room ? size * room / widest : size;
        if (plan->count_size >= TEXT_LAYOUT_SMALLEST)
            return;
        plan->abbreviated = true;
    }
}

/* All classes, or those that were confused most. */
static int choose_classes(struct matrix_plan *plan, const char *title, const char *const *names,
                          struct error *err)
{
    bool all = plan->all <= (plan->narrow ? FIGURE_NARROW_CLASSES : FIGURE_ALL_CLASSES);
    int most = plan->narrow ? FIGURE_NARROW_CONFUSED : FIGURE_MOST_CONFUSED;
    char total[TICK_TEXT_SIZE];
    plan->classes = all ? plan->all : (size_t)most;
    if ((plan->shown = memory_new(plan->classes, sizeof(*plan->shown), err)) == NULL ||
        (plan->full = memory_new(plan->classes, sizeof(*plan->full), err)) == NULL)
        return -1;
    for (size_t i = 0; i < plan->classes; i++)
        plan->shown[i] = i;
    if (!all && confused_choose(plan->counts, plan->all, plan->classes, plan->shown, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->classes; i++)
        plan->full[i] = names[plan->shown[i]];
    if (title != NULL)
        text_add(&plan->title, title);
    ticks_format((double)plan->all, 0, total);
    if (!all)
        text_addf(plan->narrow ? &plan->which : &plan->title,
                  "%sthe %d most confused of %s classes",
                  title != NULL && !plan->narrow ? ": " : "", most, total);
    return text_check(&plan->title, err) < 0 ? -1 : text_check(&plan->which, err);
}

static int make_plan(struct canvas *canvas, struct matrix_plan *plan, struct error *err)
{
    double side = (plan->narrow ? NARROW_SIDE : SIDE) / (double)plan->classes;
    bool readable = plan->classes <= READABLE_CLASSES;
    plan->cell = floor(fmin(fmax(side, readable ? SMALLEST_CELL : TINY_CELL), LARGEST_CELL));
    if (readable)
        choose_count_size(canvas, plan);
    if (short_names_make(&plan->short_names, canvas, plan->full, plan->shown, plan->classes,
                         plan->name_limit, THEME_LABEL, err) < 0)
        return -1;
    plan->names = (struct names){.texts = (const char *const *)plan->short_names.texts,
                                 .count = plan->classes,
                                 .slot = plan->cell};
    for (size_t i = 0; i < plan->classes; i++)
        plan->names_width = fmax(plan->names_width, plan->short_names.widths[i]);
    plan->names_width = fmin(plan->names_width, plan->name_limit);
    double left = 22 + plan->names_width + 8;
    /* A slanted first name reaches to the left of its column. */
    if (axes_names_slanted(canvas, &plan->names))
        left = fmax(left, plan->names_width * 0.72 - plan->cell / 2);
    plan->x = THEME_MARGIN + left;
    plan->y = THEME_MARGIN + (plan->title.size > 0 ? THEME_TITLE_HEIGHT : 0) +
              (plan->which.size > 0 ? WHICH_HEIGHT : 0);
    double matrix = plan->cell * (double)plan->classes;
    plan->width = plan->x + matrix + (plan->narrow ? THEME_MARGIN : 20 + COLOURBAR_WIDTH);
    plan->height = plan->y + matrix + axes_names_height(canvas, &plan->names) + 22 + THEME_MARGIN -
                   6 + (short_names_note(&plan->short_names) != NULL ? NOTE_HEIGHT : 0);
    return 0;
}

static void draw_row(struct canvas *canvas, const struct matrix_plan *plan, size_t row)
{
    double sum = 0, y = plan->y + plan->cell * (double)row;
    struct text_style style = THEME_LABEL;
    for (size_t c = 0; c < plan->all; c++)
        sum += (double)plan->counts[plan->shown[row] * plan->all + c];
    canvas_fix_colours(canvas, true);
    for (size_t c = 0; c < plan->classes; c++) {
        char text[TICK_TEXT_SIZE];
        double x = plan->x + plan->cell * (double)c;
        int64_t count = count_at(plan, row, c);
        struct colour fill = colormap_blues(sum > 0 ? (double)count / sum : 0);
        canvas_rectangle(canvas, x, y, plan->cell, plan->cell, fill, 1);
        if (plan->classes > READABLE_CLASSES)
            continue;
        style.size = plan->count_size;
        style.bold = c == row;
        style.colour = colour_luminance(fill) < 0.408 ? THEME_WHITE
                       : count == 0                   ? THEME_FAINT
                                                      : THEME_INK;
        format_count(plan, count, text);
        canvas_text(canvas, x + plan->cell / 2, y + plan->cell / 2, text, style);
    }
    canvas_fix_colours(canvas, false);
    style = THEME_LABEL;
    style.align = TEXT_RIGHT;
    axes_text_within(canvas, plan->x - 8, y + plan->cell / 2, plan->names.texts[row],
                     plan->name_limit, style);
}

static void draw_separators(struct canvas *canvas, const struct matrix_plan *plan)
{
    double side = plan->cell * (double)plan->classes;
    struct pen pen = {.colour = THEME_WHITE, .width = 1};
    for (size_t i = 1; i < plan->classes; i++) {
        double offset = plan->cell * (double)i;
        canvas_line(canvas, plan->x + offset, plan->y, plan->x + offset, plan->y + side, pen);
        canvas_line(canvas, plan->x, plan->y + offset, plan->x + side, plan->y + offset, pen);
    }
    canvas_outline(canvas, plan->x, plan->y, side, side, THEME_EDGE);
}

static void draw(struct canvas *canvas, const struct matrix_plan *plan)
{
    double side = plan->cell * (double)plan->classes;
    if (plan->title.size > 0)
        axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, text_string(&plan->title),
                         plan->width - 2 * THEME_MARGIN, THEME_TITLE);
    if (plan->which.size > 0)
        canvas_text(canvas, THEME_MARGIN, plan->y - WHICH_HEIGHT - 10, text_string(&plan->which),
                    THEME_SUBTITLE);
    for (size_t row = 0; row < plan->classes; row++)
        draw_row(canvas, plan, row);
    draw_separators(canvas, plan);
    axes_draw_names(canvas, &plan->names, plan->x, plan->y + side);
    struct text_style style = THEME_LABEL;
    double below = plan->y + side + axes_names_height(canvas, &plan->names);
    canvas_text(canvas, plan->x + side / 2, below + 14, "predicted class", style);
    style.angle = 90;
    canvas_text(canvas, THEME_MARGIN + 6, plan->y + side / 2, "true class", style);
    if (short_names_note(&plan->short_names) != NULL)
        axes_draw_note(canvas, short_names_note(&plan->short_names), plan->width, plan->height);
    if (!plan->narrow)
        axes_draw_colourbar(canvas, plan->x + side + 20, plan->y, side, colormap_blues, true,
                            "share of the true class (%)");
}

int figure_draw_confusion_matrix(struct canvas *canvas, const char *title, const int64_t *confusion,
                                 const char *const *names, int64_t classes, struct error *err)
{
    int result = -1;
    if (classes < 1)
        return error_set(err, ERR_USAGE, "no classes to draw the confusion of");
    const bool narrow = canvas_is_narrow(canvas);
    struct matrix_plan plan = {.counts = confusion,
                               .all = (size_t)classes,
                               .narrow = narrow,
                               .name_limit = narrow ? NARROW_NAME_LIMIT : NAME_LIMIT};
    if (choose_classes(&plan, title, names, err) == 0 && make_plan(canvas, &plan, err) == 0 &&
        canvas_lay(canvas, plan.width, plan.height, err) == 0) {
        draw(canvas, &plan);
        result = 0;
    }
    short_names_release(&plan.short_names);
    text_release(&plan.title);
    text_release(&plan.which);
    free(plan.full);
    free(plan.shown);
    return result;
}

int figure_confusion_matrix(const char *path, const char *title, const int64_t *confusion,
                            const char *const *names, int64_t classes, struct error *err)
{
    struct canvas *canvas = canvas_for(path, err);
    int result = -1;
    if (canvas != NULL &&
        figure_draw_confusion_matrix(canvas, title, confusion, names, classes, err) == 0)
        result = canvas_write(canvas, path, err);
    canvas_free(canvas);
    return result;
}
