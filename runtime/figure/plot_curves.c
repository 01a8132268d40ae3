#include "base/memory.h"
#include "base/text.h"
#include "figure/axes.h"
#include "figure/legend.h"
#include "figure/plot.h"
#include "figure/theme.h"

#include <math.h>
#include <stdlib.h>

static const double PANEL_WIDTH = 460, PLOT_HEIGHT = 250, PANEL_GAP = 34;
static const double HEADING_HEIGHT = 20, LEGEND_GAP = 6, Y_LABEL_WIDTH = 20, FOOT_HEIGHT = 40;

static double panel_width(const struct canvas *canvas)
{
    return canvas_is_narrow(canvas) ? CANVAS_NARROW - 2 * THEME_MARGIN : PANEL_WIDTH;
}

/* Lines of a few epochs show each of them. */
enum { MARKED_EPOCHS = 12 };

/* A panel with what is computed before it can be drawn. */
struct panel_plan {
    const struct curves_panel *panel;
    double x, y; /* of its heading */
    struct axes axes;
    struct ticks ticks;
    struct legend_entry *entries; /* series, then best and target */
    size_t entry_count;
    struct text best, target; /* labels */
};

static const double *best_value(const struct curves_panel *panel)
{
    if (panel->best_epoch == 0 || panel->best_series >= panel->count)
        return NULL;
    const struct curves_series *series = &panel->series[panel->best_series];
    if (panel->best_epoch > series->count || !isfinite(series->values[panel->best_epoch - 1]))
        return NULL;
    return &series->values[panel->best_epoch - 1];
}

static void widen(double value, double *low, double *high)
{
    if (isfinite(value)) {
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

/* Limits of the axes: the data, the target and a little air. */
static void choose_limits(const struct curves_panel *panel, size_t epochs, struct axes *axes)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t s = 0; s < panel->count; s++)
        for (size_t i = 0; i < panel->series[s].count; i++)
            widen(panel->series[s].values[i], &low, &high);
    if (panel->target != 0)
        widen(panel->target, &low, &high);
    if (low > high) {
        low = 0;
        high = 1;
    }
    double air = (high - low) * 0.06;
    if (!(air > fabs(high) * 1e-6))
        air = panel->unit_range || high == 0 ? 0.05 : fabs(high) * 0.05;
    axes->bottom = low - air;
    axes->top = high + air;
    if (panel->unit_range && low >= 0 && high <= 1) {
        axes->bottom = fmax(axes->bottom, 0);
        axes->top = fmin(axes->top, 1);
    }
    double side = epochs > 1 ? (double)(epochs - 1) * 0.03 : 0.5;
    axes->left = 1 - side;
    axes->right = (double)(epochs > 0 ? epochs : 1) + side;
}

static void format_value(double value, struct text *text)
{
    text_addf(text, fabs(value) < 1000 ? "%.3f" : "%.4g", value);
}

static int plan_legend(struct panel_plan *plan, struct error *err)
{
    const struct curves_panel *panel = plan->panel;
    const double *best = best_value(panel);
    plan->entries = memory_new(panel->count + 2, sizeof(*plan->entries), err);
    if (plan->entries == NULL)
        return -1;
    for (size_t s = 0; s < panel->count; s++) {
        const struct curves_series *series = &panel->series[s];
        struct pen pen = {.colour = series->colour, .width = 2, .dash = series->dashed ? 5 : 0};
        pen.gap = 3;
        plan->entries[plan->entry_count++] = (struct legend_entry){series->label, LEGEND_LINE, pen};
    }
    if (best != NULL) {
        text_addf(&plan->best, "best epoch %zu: ", panel->best_epoch);
        format_value(*best, &plan->best);
        plan->entries[plan->entry_count++] =
            (struct legend_entry){text_string(&plan->best),
                                  LEGEND_DISC,
                                  {.colour = panel->series[panel->best_series].colour}};
    }
    if (panel->target != 0) {
        if (panel->target_label != NULL)
            text_add(&plan->target, panel->target_label);
        else
            text_addf(&plan->target, "target %g", panel->target);
        plan->entries[plan->entry_count++] =
            (struct legend_entry){text_string(&plan->target),
                                  LEGEND_LINE,
                                  {.colour = THEME_RIGHT, .width = 1.2, .dash = 2, .gap = 2}};
    }
    return text_check(&plan->best, err) < 0 ? -1 : text_check(&plan->target, err);
}

/* Epochs are whole; the first has its tick where the others leave room. */
static void draw_x(struct canvas *canvas, const struct axes *axes)
{
    char text[TICK_TEXT_SIZE];
    ticks_format(axes->right, 0, text);
    double widest = canvas_text_width(canvas, text, THEME_TICK) + 8;
    size_t most = (size_t)fmax(2, fmin(13, axes->width / widest));
    struct ticks ticks = ticks_choose(axes->left, axes->right, most, true);
    double y = axes->y + axes->height;
    bool first = ticks.step >= 5 && axes->left <= 1;
    for (size_t i = 0; i < ticks.count + first; i++) {
        double epoch = i < ticks.count ? ticks_value(&ticks, i) : 1;
        double x = axes_x(axes, epoch);
        if (epoch < 1)
            continue;
        canvas_line(canvas, x, axes->y, x, y, THEME_GRID);
        ticks_format(epoch, 0, text);
        canvas_text(canvas, x, y + 12, text, THEME_TICK);
    }
    canvas_text(canvas, axes->x + axes->width / 2, y + 31, "epoch", THEME_LABEL);
}

static bool isolated(const struct curves_series *series, size_t i)
{
    return (i == 0 || !isfinite(series->values[i - 1])) &&
           (i + 1 == series->count || !isfinite(series->values[i + 1]));
}

static void draw_series(struct canvas *canvas, const struct axes *axes,
                        const struct curves_series *series, struct point *points)
{
    struct pen pen = {
        .colour = series->colour, .width = 2, .dash = series->dashed ? 5 : 0, .gap = 3};
    for (size_t i = 0; i < series->count; i++)
        points[i] = (struct point){axes_x(axes, (double)i + 1), axes_y(axes, series->values[i])};
    canvas_path(canvas, points, series->count, pen);
    for (size_t i = 0; i < series->count; i++)
        if (isfinite(series->values[i]) && (series->count <= MARKED_EPOCHS || isolated(series, i)))
            canvas_disc(canvas, points[i].x, points[i].y, 2.4, series->colour,
                        (struct pen){.width = 0});
}

static size_t longest_series(const struct curves_panel *panels, size_t count)
{
    size_t epochs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; s < panels[i].count; s++)
            epochs = panels[i].series[s].count > epochs ? panels[i].series[s].count : epochs;
    return epochs;
}

/* An infinite value has no place on the axis: "inf" stands where it would leave the plane. */
static void draw_infinite(struct canvas *canvas, const struct axes *axes,
                          const struct curves_panel *panel, bool above)
{
    const double room = 26; /* of a word, which the next must not touch */
    struct text_style style = THEME_TICK;
    double last = -INFINITY;
    size_t epochs = longest_series(panel, 1);
    for (size_t i = 0; i < epochs; i++)
        for (size_t s = 0; s < panel->count; s++) {
            const struct curves_series *series = &panel->series[s];
            double x = axes_x(axes, (double)i + 1);
            if (i >= series->count || !isinf(series->values[i]) ||
                (series->values[i] > 0) != above || x - last < room)
                continue;
            style.colour = series->colour;
            canvas_text(canvas, x, above ? axes->y + 8 : axes->y + axes->height - 8,
                        above ? "inf" : "-inf", style);
            last = x;
        }
}

static void draw_best(struct canvas *canvas, const struct panel_plan *plan)
{
    const double *value = best_value(plan->panel);
    if (value == NULL)
        return;
    const struct curves_series *series = &plan->panel->series[plan->panel->best_series];
    canvas_disc(canvas, axes_x(&plan->axes, (double)plan->panel->best_epoch),
                axes_y(&plan->axes, *value), 4.6, series->colour,
                (struct pen){.colour = THEME_WHITE, .width = 1.6});
}

static void draw_panel(struct canvas *canvas, const struct panel_plan *plan, struct point *points)
{
    const struct curves_panel *panel = plan->panel;
    const struct axes *axes = &plan->axes;
    if (panel->title != NULL)
        axes_text_within(canvas, axes->x, plan->y, panel->title, axes->width, THEME_HEADING);
    legend_draw(canvas, plan->entries, plan->entry_count, axes->x, plan->y + HEADING_HEIGHT,
                axes->width);
    axes_draw_y(canvas, axes, &plan->ticks);
    draw_x(canvas, axes);
    if (panel->y_label != NULL) {
        struct text_style style = THEME_LABEL;
        style.angle = 90;
        canvas_text(canvas, plan->x + 7, axes->y + axes->height / 2, panel->y_label, style);
    }
    axes_draw_edge(canvas, axes);
    if (panel->target != 0) {
        double target = axes_y(axes, panel->target);
        canvas_line(canvas, axes->x, target, axes->x + axes->width, target,
                    plan->entries[plan->entry_count - 1].pen);
    }
    if (best_value(panel) != NULL) {
        double best = axes_x(axes, (double)panel->best_epoch);
        canvas_line(canvas, best, axes->y, best, axes->y + axes->height,
                    (struct pen){.colour = THEME_FAINT, .width = 1, .dash = 2, .gap = 2});
    }
    for (size_t s = 0; s < panel->count; s++)
        draw_series(canvas, axes, &panel->series[s], points);
    draw_infinite(canvas, axes, panel, true);
    draw_infinite(canvas, axes, panel, false);
    draw_best(canvas, plan);
}

/* Side by side, or on a narrow sheet one below the other. */
static void place_panels(struct canvas *canvas, struct panel_plan *plans, size_t count, double top,
                         double left, double legend_height)
{
    bool narrow = canvas_is_narrow(canvas);
    for (size_t i = 0; i < count; i++) {
        struct panel_plan *plan = &plans[i];
        double height = HEADING_HEIGHT + legend_height + LEGEND_GAP + PLOT_HEIGHT + FOOT_HEIGHT;
        plan->x = THEME_MARGIN + (narrow ? 0 : (double)i * (PANEL_WIDTH + PANEL_GAP));
        plan->y = top + (narrow ? (double)i * (height + PANEL_GAP / 2) : 0);
        plan->axes.x = plan->x + left;
        plan->axes.y = plan->y + HEADING_HEIGHT + legend_height + LEGEND_GAP;
        plan->axes.width = panel_width(canvas) - left;
        plan->axes.height = PLOT_HEIGHT;
    }
}

/* Fills the plans: limits, ticks, legends, and one size for all planes, so that they are level. */
static int plan_panels(struct canvas *canvas, const char *title, struct panel_plan *plans,
                       size_t count, size_t epochs, double *height, struct error *err)
{
    size_t rows = 0;
    double left = 0;
    for (size_t i = 0; i < count; i++) {
        struct panel_plan *plan = &plans[i];
        choose_limits(plan->panel, epochs, &plan->axes);
        plan->ticks = ticks_choose(plan->axes.bottom, plan->axes.top, 7, false);
        left = fmax(left, axes_y_labels_width(canvas, &plan->ticks) +
                              (plan->panel->y_label != NULL ? Y_LABEL_WIDTH : 0));
        if (plan_legend(plan, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t own =
            legend_rows(canvas, plans[i].entries, plans[i].entry_count, panel_width(canvas) - left);
        rows = own > rows ? own : rows;
    }
    place_panels(canvas, plans, count, THEME_MARGIN + (title != NULL ? THEME_TITLE_HEIGHT : 0),
                 left, (double)rows * LEGEND_ROW_HEIGHT);
    *height = THEME_MARGIN;
    if (count > 0)
        *height = plans[count - 1].axes.y + PLOT_HEIGHT + FOOT_HEIGHT + THEME_MARGIN / 2;
    return 0;
}

static void release_plans(struct panel_plan *plans, size_t count)
{
    for (size_t i = 0; plans != NULL && i < count; i++) {
        free(plans[i].entries);
        text_release(&plans[i].best);
        text_release(&plans[i].target);
    }
    free(plans);
}

int figure_draw_training_curves(struct canvas *canvas, const char *title,
                                const struct curves_panel *panels, size_t count, struct error *err)
{
    int result = -1;
    double height;
    size_t epochs = longest_series(panels, count);
    struct panel_plan *plans = memory_new(count, sizeof(*plans), err);
    struct point *points = plans != NULL ? memory_new(epochs, sizeof(*points), err) : NULL;
    if (points == NULL)
        goto done;
    for (size_t i = 0; i < count; i++)
        plans[i].panel = &panels[i];
    if (plan_panels(canvas, title, plans, count, epochs, &height, err) < 0)
        goto done;
    double width = 2 * THEME_MARGIN + (double)count * PANEL_WIDTH + ((double)count - 1) * PANEL_GAP;
    if (canvas_is_narrow(canvas))
        width = CANVAS_NARROW;
    if (canvas_lay(canvas, width, height, err) < 0)
        goto done;
    if (title != NULL)
        axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, title, width - 2 * THEME_MARGIN,
                         THEME_TITLE);
    for (size_t i = 0; i < count; i++)
        draw_panel(canvas, &plans[i], points);
    result = 0;
done:
    free(points);
    release_plans(plans, count);
    return result;
}

int figure_training_curves(const char *path, const char *title, const struct curves_panel *panels,
                           size_t count, struct error *err)
{
    struct canvas *canvas = canvas_for(path, err);
    int result = -1;
    if (canvas != NULL && figure_draw_training_curves(canvas, title, panels, count, err) == 0)
        result = canvas_write(canvas, path, err);
    canvas_free(canvas);
    return result;
}
