#include "figure/axes.h"
#include "figure/plot.h"
#include "figure/theme.h"

#include <math.h>

static const double SIDE = 540, SMALLEST_CELL = 30, LARGEST_CELL = 110;
/* With more classes than READABLE_CLASSES only colours are shown, in cells of TINY_CELL. */
static const double TINY_CELL = 14;
enum { READABLE_CLASSES = 32 };
static const double NAME_LIMIT = 130;

struct matrix_plan {
    const int64_t *counts; /* [classes,classes] */
    size_t classes;
    struct names names;
    double cell, x, y; /* of the matrix */
    double names_width, width, height;
    double count_size; /* of the figures in the cells */
};

static double width_of_count(struct canvas *canvas, int64_t count, double size)
{
    char text[TICK_TEXT_SIZE];
    struct text_style style = THEME_LABEL;
    style.size = size;
    ticks_format((double)count, 0, text);
    return canvas_text_width(canvas, text, style);
}

/* As large as the widest number allows. */
static double choose_count_size(struct canvas *canvas, const struct matrix_plan *plan)
{
    double size = fmin(13, plan->cell * 0.34), widest = 0;
    for (size_t i = 0; i < plan->classes * plan->classes; i++)
        widest = fmax(widest, width_of_count(canvas, plan->counts[i], size));
    double room = plan->cell * 0.84;
    return widest > room ? size * room / widest : size;
}

static void make_plan(struct canvas *canvas, const char *title, struct matrix_plan *plan)
{
    double side = SIDE / (double)plan->classes;
    double smallest = plan->classes > READABLE_CLASSES ? TINY_CELL : SMALLEST_CELL;
    plan->cell = floor(fmin(fmax(side, smallest), LARGEST_CELL));
    plan->names.slot = plan->cell;
    plan->count_size = choose_count_size(canvas, plan);
    for (size_t i = 0; i < plan->classes; i++)
        plan->names_width =
            fmax(plan->names_width, canvas_text_width(canvas, plan->names.texts[i], THEME_LABEL));
    plan->names_width = fmin(plan->names_width, NAME_LIMIT);
    double left = 22 + plan->names_width + 8;
    /* A slanted first name reaches to the left of its column. */
    if (axes_names_slanted(canvas, &plan->names))
        left = fmax(left, plan->names_width * 0.72 - plan->cell / 2);
    plan->x = THEME_MARGIN + left;
    plan->y = THEME_MARGIN + (title != NULL ? THEME_TITLE_HEIGHT : 0);
    double matrix = plan->cell * (double)plan->classes;
    plan->width = plan->x + matrix + 20 + COLOURBAR_WIDTH;
    plan->height =
        plan->y + matrix + axes_names_height(canvas, &plan->names) + 22 + THEME_MARGIN - 6;
}

static void draw_row(struct canvas *canvas, const struct matrix_plan *plan, size_t row)
{
    const int64_t *counts = plan->counts + row * plan->classes;
    double sum = 0, y = plan->y + plan->cell * (double)row;
    struct text_style style = THEME_LABEL;
    for (size_t c = 0; c < plan->classes; c++)
        sum += (double)counts[c];
    for (size_t c = 0; c < plan->classes; c++) {
        char text[TICK_TEXT_SIZE];
        double x = plan->x + plan->cell * (double)c;
        struct colour fill = colormap_blues(sum > 0 ? (double)counts[c] / sum : 0);
        canvas_rectangle(canvas, x, y, plan->cell, plan->cell, fill, 1);
        if (plan->classes > READABLE_CLASSES)
            continue;
        style.size = plan->count_size;
        style.bold = c == row;
        style.colour = colour_luminance(fill) < 0.408 ? THEME_WHITE
                       : counts[c] == 0               ? THEME_FAINT
                                                      : THEME_INK;
        ticks_format((double)counts[c], 0, text);
        canvas_text(canvas, x + plan->cell / 2, y + plan->cell / 2, text, style);
    }
    style = THEME_LABEL;
    style.align = TEXT_RIGHT;
    axes_text_within(canvas, plan->x - 8, y + plan->cell / 2, plan->names.texts[row], NAME_LIMIT,
                     style);
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

static void draw(struct canvas *canvas, const char *title, const struct matrix_plan *plan)
{
    double side = plan->cell * (double)plan->classes;
    if (title != NULL)
        axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, title, plan->width - 2 * THEME_MARGIN,
                         THEME_TITLE);
    for (size_t row = 0; row < plan->classes; row++)
        draw_row(canvas, plan, row);
    draw_separators(canvas, plan);
    axes_draw_names(canvas, &plan->names, plan->x, plan->y + side);
    struct text_style style = THEME_LABEL;
    double below = plan->y + side + axes_names_height(canvas, &plan->names);
    canvas_text(canvas, plan->x + side / 2, below + 14, "predicted class", style);
    style.angle = 90;
    canvas_text(canvas, THEME_MARGIN + 6, plan->y + side / 2, "true class", style);
    axes_draw_colourbar(canvas, plan->x + side + 20, plan->y, side, colormap_blues, true,
                        "share of the true class (%)");
}

int figure_confusion_matrix(const char *path, const char *title, const int64_t *confusion,
                            const char *const *names, int64_t classes, struct error *err)
{
    int result = -1;
    if (classes < 1)
        return error_set(err, ERR_USAGE, "no classes to draw the confusion of");
    struct matrix_plan plan = {.counts = confusion,
                               .classes = (size_t)classes,
                               .names = {.texts = names, .count = (size_t)classes}};
    struct canvas *canvas = canvas_new(err);
    if (canvas == NULL)
        return -1;
    make_plan(canvas, title, &plan);
    if (canvas_lay(canvas, plan.width, plan.height, err) == 0) {
        draw(canvas, title, &plan);
        result = canvas_write(canvas, path, err);
    }
    canvas_free(canvas);
    return result;
}
