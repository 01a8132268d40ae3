#include "base/memory.h"
#include "figure/axes.h"
#include "figure/legend.h"
#include "figure/plot.h"
#include "figure/plot_profile.h"
#include "figure/short_names.h"
#include "figure/text_layout.h"
#include "figure/theme.h"

#include <math.h>
#include <stdlib.h>

static const double PLOT_HEIGHT = 270, NARROWEST = 560, WIDEST = 1100;
static const double SMALLEST_SLOT = 18.33; /* that leaves slanted names apart */
static const double NAME_LIMIT = 130, NARROW_NAME_LIMIT = 90, NOTE_HEIGHT = 18;
static const double GROUP_SHARE = 0.78; /* of a class's slot that its bars fill */
static const double LABELS_WIDTH = 50;  /* of a narrow sheet, left of the bars */
static const double NUMBER_GAP = 3;     /* between a bar and its number */

struct bars_plan {
    const struct bars_series *series;
    size_t count;
    struct short_names short_names;
    struct names names;
    struct axes axes;
    struct ticks ticks;
    struct legend_entry *entries;
    double legend_height, width, height;
    struct text_style number; /* over a bar; of size 0 where bars are too narrow for any */
};

static int64_t largest(const struct bars_plan *plan)
{
    int64_t most = 0;
    for (size_t s = 0; s < plan->count; s++)
        for (size_t c = 0; c < plan->names.count; c++)
            most = plan->series[s].counts[c] > most ? plan->series[s].counts[c] : most;
    return most;
}

/* Numbers stand level where all have room on their bars, else upright, else nowhere. */
static void choose_numbers(struct canvas *canvas, struct bars_plan *plan, double bar)
{
    struct text_style *style = &plan->number;
    double widest = 0;
    *style = THEME_TICK;
    style->colour = THEME_MUTED;
    style->size = bar > 40 ? 9 : ceil(TEXT_LAYOUT_SMALLEST * 2) / 2;
    for (size_t s = 0; s < plan->count; s++)
        for (size_t c = 0; c < plan->names.count; c++) {
            char text[TICK_TEXT_SIZE];
            ticks_format((double)plan->series[s].counts[c], 0, text);
            widest = fmax(widest, canvas_text_width(canvas, text, *style));
        }
    double room = style->size + NUMBER_GAP;
    if (widest > bar - 1) {
        room = widest + 2 * NUMBER_GAP;
        style->angle = 90;
        style->align = TEXT_LEFT;
        style->size = style->size <= bar ? style->size : 0;
    } else {
        style->anchor = TEXT_BASELINE;
    }
    if (style->size > 0) /* as much over the highest bar */
        plan->axes.top = fmax(plan->axes.top, plan->axes.top / 1.09 / (1 - room / PLOT_HEIGHT));
}

/* A slanted first name reaches to the left of its column. */
static double slanted_reach(struct canvas *canvas, const struct bars_plan *plan)
{
    double widest = 0;
    if (!axes_names_slanted(canvas, &plan->names))
        return 0;
    for (size_t i = 0; i < plan->names.count; i++)
        widest =
            fmax(widest, plan->short_names.widths[i] * 0.72 - plan->names.slot * ((double)i + 0.5));
    return widest;
}

static void make_plan(struct canvas *canvas, const char *title, struct bars_plan *plan)
{
    double classes = (double)plan->names.count;
    double wanted = classes * (18 + 24 * (double)plan->count);
    double room = fmin(fmax(wanted, NARROWEST), WIDEST);
    if (canvas_is_narrow(canvas))
        room = CANVAS_NARROW - 2 * THEME_MARGIN - LABELS_WIDTH;
    double slot = fmax(room / classes, SMALLEST_SLOT);
    plan->names.slot = slot;
    /* Room over the highest bar for its number. */
    plan->axes = (struct axes){.width = slot * classes,
                               .height = PLOT_HEIGHT,
                               .right = classes,
                               .top = fmax(1, (double)largest(plan) * 1.09)};
    choose_numbers(canvas, plan, slot * GROUP_SHARE / (double)plan->count);
    plan->ticks = ticks_choose(0, plan->axes.top, 7, true);
    plan->axes.x = THEME_MARGIN + fmax(20 + axes_y_labels_width(canvas, &plan->ticks),
                                       slanted_reach(canvas, plan));
    for (size_t s = 0; s < plan->count; s++)
        plan->entries[s] = (struct legend_entry){
            plan->series[s].label, LEGEND_BAR, {.colour = plan->series[s].colour}};
    plan->legend_height = LEGEND_ROW_HEIGHT *
                          (double)legend_rows(canvas, plan->entries, plan->count, plan->axes.width);
    plan->axes.y =
        THEME_MARGIN + (title != NULL ? THEME_TITLE_HEIGHT - 6 : 0) + plan->legend_height + 8;
    plan->width = plan->axes.x + plan->axes.width + THEME_MARGIN;
    plan->height = plan->axes.y + PLOT_HEIGHT + axes_names_height(canvas, &plan->names) +
                   THEME_MARGIN + (short_names_note(&plan->short_names) != NULL ? NOTE_HEIGHT : 0);
}

/* On a white ground, as lines of the grid run there. */
static void draw_number(struct canvas *canvas, const struct bars_plan *plan, double middle,
                        double y, double count)
{
    const struct text_style *style = &plan->number;
    char text[TICK_TEXT_SIZE];
    if (!(style->size > 0))
        return;
    ticks_format(count, 0, text);
    double length = canvas_text_width(canvas, text, *style) + 2, height = style->size + 1.5;
    double across = style->angle > 0 ? height : length, up = style->angle > 0 ? length : height;
    canvas_rectangle(canvas, middle - across / 2, y - NUMBER_GAP + 1 - up, across, up, THEME_WHITE,
                     0.9);
    canvas_text(canvas, middle, y - NUMBER_GAP, text, *style);
}

static void draw_bars(struct canvas *canvas, const struct bars_plan *plan)
{
    double width = plan->names.slot * GROUP_SHARE / (double)plan->count;
    for (size_t c = 0; c < plan->names.count; c++) {
        double left = plan->axes.x + plan->names.slot * ((double)c + (1 - GROUP_SHARE) / 2);
        for (size_t s = 0; s < plan->count; s++) {
            double count = (double)plan->series[s].counts[c];
            double x = left + width * (double)s, y = axes_y(&plan->axes, count);
            canvas_rectangle(canvas, x + 0.5, y, width - 1, plan->axes.y + plan->axes.height - y,
                             plan->series[s].colour, 1);
            draw_number(canvas, plan, x + width / 2, y, count);
        }
    }
}

static void draw(struct canvas *canvas, const char *title, const struct bars_plan *plan)
{
    const struct axes *axes = &plan->axes;
    if (title != NULL)
        axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, title, plan->width - 2 * THEME_MARGIN,
                         THEME_TITLE);
    legend_draw(canvas, plan->entries, plan->count, axes->x, axes->y - plan->legend_height - 8,
                axes->width);
    axes_draw_y(canvas, axes, &plan->ticks);
    draw_bars(canvas, plan);
    axes_draw_edge(canvas, axes);
    axes_draw_names(canvas, &plan->names, axes->x, axes->y + axes->height);
    if (short_names_note(&plan->short_names) != NULL)
        axes_draw_note(canvas, short_names_note(&plan->short_names), plan->width, plan->height);
    struct text_style style = THEME_LABEL;
    style.angle = 90;
    canvas_text(canvas, THEME_MARGIN + 7, axes->y + axes->height / 2, "images", style);
}

static int draw_all(struct canvas *canvas, const char *title, const char *const *names,
                    struct bars_plan *plan, struct error *err)
{
    if (short_names_make(&plan->short_names, canvas, names, NULL, plan->names.count,
                         canvas_is_narrow(canvas) ? NARROW_NAME_LIMIT : NAME_LIMIT, THEME_LABEL,
                         err) < 0)
        return -1;
    plan->names.texts = (const char *const *)plan->short_names.texts;
    make_plan(canvas, title, plan);
    if (canvas_lay(canvas, plan->width, plan->height, err) < 0)
        return -1;
    draw(canvas, title, plan);
    return 0;
}

int figure_draw_class_distribution(struct canvas *canvas, const char *title,
                                   const char *const *names, int64_t classes,
                                   const struct bars_series *series, size_t count,
                                   struct error *err)
{
    struct bars_plan plan = {.series = series, .count = count, .names = {.count = (size_t)classes}};
    if (classes < 1 || count < 1)
        return error_set(err, ERR_USAGE, "no classes to draw the distribution of");
    if (classes > (canvas_is_narrow(canvas) ? FIGURE_NARROW_BARS : FIGURE_ALL_CLASSES))
        return plot_profile_draw(canvas, title, names, (size_t)classes, series, count, err);
    if ((plan.entries = memory_new(count, sizeof(*plan.entries), err)) == NULL)
        return -1;
    int result = draw_all(canvas, title, names, &plan, err);
    short_names_release(&plan.short_names);
    free(plan.entries);
    return result;
}

int figure_class_distribution(const char *path, const char *title, const char *const *names,
                              int64_t classes, const struct bars_series *series, size_t count,
                              struct error *err)
{
    struct canvas *canvas = canvas_for(path, err);
    int result = -1;
    if (canvas != NULL &&
        figure_draw_class_distribution(canvas, title, names, classes, series, count, err) == 0)
        result = canvas_write(canvas, path, err);
    canvas_free(canvas);
    return result;
}
