#include "figure/gallery.h"

#include "base/memory.h"
#include "figure/axes.h"
#include "figure/theme.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CELL = 112; /* 224 pixels: pictures of 32 grow by exactly 7 */
static const double GAP = 10, GROUP_GAP = 22, ROW_GAP = 12, LINE = 14, LABEL_LIMIT = 150;

/* Room that the parts around the cells take. */
struct gallery_plan {
    const struct gallery *gallery;
    double cell;
    double left, top; /* of the first cell's title */
    double group_y, column_y;
    double grid_width, grid_height;
    size_t *lines; /* of titles, the most in each row */
    bool narrow;   /* rows have their labels above them */
};

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    if (text != NULL && *text != '\0')
        for (lines = 1; (text = strchr(text, '\n')) != NULL; text++)
            lines++;
    return lines;
}

/* Copies the next line, cut to `size`; NULL after the last. */
static const char *next_line(const char *text, char *line, size_t size)
{
    size_t length = strcspn(text, "\n");
    size_t copied = length < size - 1 ? length : size - 1;
    memcpy(line, text, copied);
    line[copied] = '\0';
    return text[length] == '\n' ? text + length + 1 : NULL;
}

static struct text_style title_style(enum gallery_mood mood)
{
    struct text_style style = THEME_LABEL;
    style.size = 10;
    if (mood != GALLERY_NEUTRAL)
        style.colour = mood == GALLERY_RIGHT ? THEME_RIGHT : THEME_WRONG;
    return style;
}

/* A row's label names it in its first line and explains it in the others. */
static struct text_style row_label_style(bool first)
{
    struct text_style style = THEME_LABEL;
    style.align = TEXT_LEFT;
    style.bold = first;
    if (!first) {
        style.size = 9.5;
        style.colour = THEME_MUTED;
    }
    return style;
}

struct text_style gallery_title_style(void)
{
    return title_style(GALLERY_NEUTRAL);
}

struct text_style gallery_label_style(void)
{
    return row_label_style(true);
}

double gallery_title_room(double cell_size)
{
    return (cell_size > 0 ? cell_size : CELL) + GAP - 4;
}

double gallery_label_room(void)
{
    return LABEL_LIMIT;
}

static double row_labels_width(struct canvas *canvas, const struct gallery *gallery)
{
    double widest = 0;
    if (canvas_is_narrow(canvas))
        return 0;
    for (size_t r = 0; gallery->row_labels != NULL && r < gallery->rows; r++) {
        char line[128];
        bool first = true;
        for (const char *text = gallery->row_labels[r]; text != NULL; first = false) {
            text = next_line(text, line, sizeof(line));
            widest = fmax(widest, canvas_text_width(canvas, line, row_label_style(first)));
        }
    }
    return widest > 0 ? fmin(widest, LABEL_LIMIT) + 14 : 0;
}

static double column_x(const struct gallery_plan *plan, size_t column)
{
    size_t group = plan->gallery->column_group;
    return plan->left + (double)column * (plan->cell + GAP) +
           (group > 0 ? (double)(column / group) * GROUP_GAP : 0);
}

/* Above the row, on a narrow sheet. */
static double label_height(const struct gallery_plan *plan, size_t row)
{
    const char *const *labels = plan->narrow ? plan->gallery->row_labels : NULL;
    size_t lines = labels != NULL ? count_lines(labels[row]) : 0;
    return lines > 0 ? (double)lines * LINE + ROW_GAP / 2 : 0;
}

static double row_height(const struct gallery_plan *plan, size_t row)
{
    return label_height(plan, row) + (double)plan->lines[row] * LINE + plan->cell + ROW_GAP;
}

static int make_plan(struct canvas *canvas, const struct gallery *gallery,
                     struct gallery_plan *plan, struct error *err)
{
    plan->gallery = gallery;
    plan->narrow = canvas_is_narrow(canvas);
    plan->cell = gallery->cell_size > 0 ? gallery->cell_size : CELL;
    plan->lines = memory_new(gallery->rows, sizeof(*plan->lines), err);
    if (plan->lines == NULL)
        return -1;
    for (size_t i = 0; i < gallery->rows * gallery->columns; i++) {
        size_t lines = count_lines(gallery->cells[i].title);
        size_t *most = &plan->lines[i / gallery->columns];
        *most = lines > *most ? lines : *most;
    }
    plan->left = THEME_MARGIN + row_labels_width(canvas, gallery);
    plan->group_y = THEME_MARGIN + (gallery->title != NULL ? THEME_TITLE_HEIGHT - 6 : 0) +
                    (gallery->subtitle != NULL ? 22 : 0);
    plan->column_y = plan->group_y + (gallery->group_titles != NULL ? 20 : 0);
    plan->top = plan->column_y + (gallery->column_titles != NULL ? 23 : 0);
    plan->grid_width = column_x(plan, gallery->columns - 1) + plan->cell - plan->left;
    for (size_t r = 0; r < gallery->rows; r++)
        plan->grid_height += row_height(plan, r);
    plan->grid_height -= ROW_GAP;
    return 0;
}

static uint8_t to_byte(float value)
{
    return value > 0 ? (uint8_t)((value < 1 ? value : 1) * 255 + 0.5f) : 0; /* NaN is black */
}

/* Draws a picture of bytes, floats or heat within a rectangle. */
static int draw_pixels(struct canvas *canvas, const struct gallery_cell *cell, enum colormap map,
                       double x, double y, double width, double height, struct error *err)
{
    if (cell->u8 != NULL) {
        canvas_picture(canvas, x, y, width, height, cell->u8, cell->height, cell->width);
        return 0;
    }
    size_t pixels;
    uint8_t *rgb = NULL;
    if (!memory_multiply((size_t)cell->height, (size_t)cell->width, &pixels))
        return error_set(err, ERR_MEMORY, "a picture is too large");
    if ((rgb = memory_new(pixels, 3, err)) == NULL)
        return -1;
    for (size_t i = 0; i < pixels; i++) {
        if (cell->heat != NULL)
            colour_to_bytes(colormap_heat(map, cell->heat[i]), rgb + 3 * i);
        for (size_t c = 0; cell->heat == NULL && c < 3; c++)
            rgb[3 * i + c] = to_byte(cell->f32[3 * i + c]);
    }
    canvas_picture(canvas, x, y, width, height, rgb, cell->height, cell->width);
    free(rgb);
    return 0;
}

/* A bright line with a dark rim is seen on any picture. */
static void draw_box(struct canvas *canvas, const struct gallery_cell *cell, double x, double y,
                     double scale)
{
    const struct pen rim = {.colour = {0, 0, 0}, .width = 3, .opacity = 0.6};
    const struct pen line = {.colour = {1, 0.93, 0.25}, .width = 1.5};
    const struct gallery_box *box = cell->box;
    double left = x + (double)box->x0 * scale, top = y + (double)box->y0 * scale;
    double width = (double)(box->x1 - box->x0 + 1) * scale;
    double height = (double)(box->y1 - box->y0 + 1) * scale;
    canvas_clip(canvas, x, y, (double)cell->width * scale, (double)cell->height * scale);
    canvas_outline(canvas, left, top, width, height, rim);
    canvas_outline(canvas, left, top, width, height, line);
    canvas_unclip(canvas);
}

static int draw_picture(struct canvas *canvas, const struct gallery_cell *cell, enum colormap map,
                        double x, double y, double side, struct error *err)
{
    /* Where a white picture ends. */
    const struct pen frame = {.colour = THEME_EDGE.colour, .width = 0.5};
    if (cell->u8 == NULL && cell->f32 == NULL && cell->heat == NULL)
        return 0;
    if (cell->height < 1 || cell->width < 1)
        return error_set(err, ERR_USAGE, "a picture of %lld x %lld pixels cannot be drawn",
                         (long long)cell->height, (long long)cell->width);
    double scale = side / (double)(cell->height > cell->width ? cell->height : cell->width);
    double width = (double)cell->width * scale, height = (double)cell->height * scale;
    x += (side - width) / 2;
    y += (side - height) / 2;
    if (draw_pixels(canvas, cell, map, x, y, width, height, err) < 0)
        return -1;
    canvas_outline(canvas, x, y, width, height, frame);
    if (cell->box != NULL)
        draw_box(canvas, cell, x, y, scale);
    return 0;
}

static void draw_cell_title(struct canvas *canvas, const struct gallery_plan *plan,
                            const struct gallery_cell *cell, double x, double picture_y)
{
    char line[128];
    double y = picture_y - (double)count_lines(cell->title) * LINE + LINE / 2 - 2;
    if (count_lines(cell->title) == 0)
        return;
    for (const char *text = cell->title; text != NULL; y += LINE) {
        text = next_line(text, line, sizeof(line));
        axes_text_within(canvas, x + plan->cell / 2, y, line, gallery_title_room(plan->cell),
                         title_style(cell->mood));
    }
}

static void draw_row_label(struct canvas *canvas, const char *label, double middle)
{
    char line[128];
    double y = middle - ((double)count_lines(label) - 1) * LINE / 2;
    bool first = true;
    for (const char *text = label; text != NULL; first = false, y += LINE) {
        text = next_line(text, line, sizeof(line));
        axes_text_within(canvas, THEME_MARGIN, y, line, LABEL_LIMIT, row_label_style(first));
    }
}

static int draw_rows(struct canvas *canvas, const struct gallery_plan *plan, struct error *err)
{
    const struct gallery *gallery = plan->gallery;
    double y = plan->top;
    for (size_t r = 0; r < gallery->rows; r++) {
        double label = label_height(plan, r);
        double picture_y = y + label + (double)plan->lines[r] * LINE;
        if (gallery->row_labels != NULL && gallery->row_labels[r] != NULL)
            draw_row_label(canvas, gallery->row_labels[r],
                           plan->narrow ? y + label / 2 : picture_y + plan->cell / 2);
        for (size_t c = 0; c < gallery->columns; c++) {
            const struct gallery_cell *cell = &gallery->cells[r * gallery->columns + c];
            double x = column_x(plan, c);
            draw_cell_title(canvas, plan, cell, x, picture_y);
            if (draw_picture(canvas, cell, gallery->colormap, x, picture_y, plan->cell, err) < 0)
                return -1;
        }
        y += row_height(plan, r);
    }
    return 0;
}

static void draw_headings(struct canvas *canvas, const struct gallery_plan *plan, double width)
{
    const struct gallery *gallery = plan->gallery;
    struct text_style style = THEME_LABEL;
    double room = width - 2 * THEME_MARGIN;
    if (gallery->title != NULL)
        axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, gallery->title, room, THEME_TITLE);
    if (gallery->subtitle != NULL)
        axes_text_within(canvas, THEME_MARGIN, plan->group_y - 22, gallery->subtitle, room,
                         THEME_SUBTITLE);
    for (size_t c = 0; gallery->column_titles != NULL && c < gallery->columns; c++)
        if (gallery->column_titles[c] != NULL)
            axes_text_within(canvas, column_x(plan, c) + plan->cell / 2, plan->column_y + 8,
                             gallery->column_titles[c], plan->cell + GAP - 4, style);
    size_t group = gallery->column_group > 0 ? gallery->column_group : gallery->columns;
    for (size_t c = 0; gallery->group_titles != NULL && c + group <= gallery->columns; c += group)
        if (gallery->group_titles[c / group] != NULL)
            axes_text_within(
                canvas, column_x(plan, c), plan->group_y + 2, gallery->group_titles[c / group],
                column_x(plan, c + group - 1) + plan->cell - column_x(plan, c), THEME_HEADING);
}

static struct colour viridis_at(double t)
{
    return colormap_heat(COLORMAP_VIRIDIS, (uint8_t)fmin(t * 256, 255));
}

static struct colour jet_at(double t)
{
    return colormap_heat(COLORMAP_JET, (uint8_t)fmin(t * 256, 255));
}

static int draw(struct canvas *canvas, const struct gallery *gallery, struct gallery_plan *plan,
                struct error *err)
{
    if (make_plan(canvas, gallery, plan, err) < 0)
        return -1;
    double right = plan->left + plan->grid_width;
    double width = right + (gallery->colourbar != NULL ? 20 + COLOURBAR_WIDTH : THEME_MARGIN);
    if (gallery->title != NULL)
        width =
            fmax(width, canvas_text_width(canvas, gallery->title, THEME_TITLE) + 2 * THEME_MARGIN);
    double height = plan->top + plan->grid_height + THEME_MARGIN + (gallery->note ? 16 : 0);
    if (canvas_lay(canvas, width, height, err) < 0)
        return -1;
    if (gallery->note != NULL)
        axes_draw_note(canvas, gallery->note, width, height);
    draw_headings(canvas, plan, width);
    if (draw_rows(canvas, plan, err) < 0)
        return -1;
    if (gallery->colourbar != NULL) {
        double first = (double)plan->lines[0] * LINE;
        axes_draw_colourbar(
            canvas, right + 20, plan->top + first, fmin(plan->grid_height - first, 260),
            gallery->colormap == COLORMAP_JET ? jet_at : viridis_at, false, gallery->colourbar);
    }
    return 0;
}

/* ---- narrow sheets ---- */

/* The same cells in as few columns as have room, without what belongs to columns. A row of the
 * gallery, or a group of its columns, begins a row there; without labels and groups all flows. */
struct reflowed {
    struct gallery gallery;
    struct gallery_cell *cells;
    const char **labels;
};

static int reflow(const struct gallery *wide, struct reflowed *made, struct error *err)
{
    double cell = wide->cell_size > 0 ? wide->cell_size : CELL;
    size_t fit = (size_t)fmax(1, floor((CANVAS_NARROW - 2 * THEME_MARGIN + GAP) / (cell + GAP)));
    size_t all = wide->rows * wide->columns, group = wide->column_group;
    bool flows = wide->row_labels == NULL && wide->column_titles == NULL && group == 0;
    size_t columns = group > 0 && group < fit ? group : fit;
    size_t length = flows ? all : wide->columns; /* of what is cut into rows */
    size_t rows = (length + columns - 1) / columns;
    made->gallery = *wide;
    made->gallery.rows = all / length * rows;
    made->gallery.columns = columns;
    made->gallery.column_group = 0;
    made->gallery.column_titles = made->gallery.group_titles = NULL;
    made->gallery.colourbar = NULL;
    made->cells = memory_new(made->gallery.rows * columns, sizeof(*made->cells), err);
    made->labels = memory_new(made->gallery.rows, sizeof(*made->labels), err);
    if (made->cells == NULL || made->labels == NULL)
        return -1;
    for (size_t i = 0; i < all; i++)
        made->cells[(i / length * rows + i % length / columns) * columns + i % length % columns] =
            wide->cells[i];
    for (size_t r = 0; wide->row_labels != NULL && r < wide->rows; r++)
        made->labels[r * rows] = wide->row_labels[r];
    made->gallery.cells = made->cells;
    made->gallery.row_labels = wide->row_labels != NULL ? made->labels : NULL;
    return 0;
}

int figure_draw_gallery(struct canvas *canvas, const struct gallery *gallery, struct error *err)
{
    if (gallery->rows < 1 || gallery->columns < 1)
        return error_set(err, ERR_USAGE, "a gallery without pictures cannot be drawn");
    struct gallery_plan plan = {0};
    struct reflowed narrow = {0};
    int result = 0;
    if (canvas_is_narrow(canvas)) {
        result = reflow(gallery, &narrow, err);
        gallery = &narrow.gallery;
    }
    if (result == 0)
        result = draw(canvas, gallery, &plan, err);
    free(plan.lines);
    free(narrow.cells);
    free(narrow.labels);
    return result;
}

int figure_gallery(const char *path, const struct gallery *gallery, struct error *err)
{
    struct canvas *canvas = canvas_for(path, err);
    int result = -1;
    if (canvas != NULL && figure_draw_gallery(canvas, gallery, err) == 0)
        result = canvas_write(canvas, path, err);
    canvas_free(canvas);
    return result;
}
