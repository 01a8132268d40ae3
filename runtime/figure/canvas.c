#include "figure/canvas.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "figure/font.h"
#include "figure/png_file.h"
#include "figure/svg.h"
#include "figure/text_layout.h"

#include <cairo.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

/* Cairo's own bound on a surface's side. */
enum { SIDE_LIMIT = 32767 };

struct canvas {
    struct font *regular, *bold;
    bool narrow;
    size_t width, height; /* pixels; 0 before canvas_lay */
    uint32_t *pixels;     /* [height,width] */
    cairo_surface_t *surface;
    cairo_t *cairo;
    struct svg svg;             /* the same drawing */
    struct text_layout *layout; /* borrowed; NULL: texts are not recorded */
    struct error failure;       /* the first thing that went wrong while drawing */
};

struct canvas *canvas_new(struct error *err)
{
    struct canvas *canvas = memory_new(1, sizeof(*canvas), err);
    if (canvas == NULL)
        return NULL;
    if ((canvas->regular = font_open(font_folders, "DejaVuSans.ttf", err)) == NULL ||
        (canvas->bold = font_open(font_folders, "DejaVuSans-Bold.ttf", err)) == NULL) {
        canvas_free(canvas);
        return NULL;
    }
    return canvas;
}

static bool ends_in(const char *path, const char *end)
{
    size_t size = strlen(path), length = strlen(end);
    return size >= length && strcmp(path + size - length, end) == 0;
}

struct canvas *canvas_for(const char *path, struct error *err)
{
    struct canvas *canvas = canvas_new(err);
    if (canvas != NULL)
        canvas->narrow = ends_in(path, ".narrow.svg");
    return canvas;
}

bool canvas_is_narrow(const struct canvas *canvas)
{
    return canvas->narrow;
}

/* Cairo keeps a status; this turns it into an error. */
static int check(cairo_status_t status, const char *what, struct error *err)
{
    if (status == CAIRO_STATUS_SUCCESS)
        return 0;
    return error_set(err, status == CAIRO_STATUS_NO_MEMORY ? ERR_MEMORY : ERR_DEVICE,
                     "cairo cannot %s: %s", what, cairo_status_to_string(status));
}

int canvas_lay(struct canvas *canvas, double width, double height, struct error *err)
{
    ASSERT(canvas->cairo == NULL);
    double pixel_width = ceil(width * CANVAS_SCALE), pixel_height = ceil(height * CANVAS_SCALE);
    if (!(pixel_width >= 1 && pixel_width <= SIDE_LIMIT && pixel_height >= 1 &&
          pixel_height <= SIDE_LIMIT))
        return error_set(err, ERR_USAGE,
                         "a figure of %.0f x %.0f pixels cannot be drawn; %d a side is the limit",
                         pixel_width, pixel_height, (int)SIDE_LIMIT);
    canvas->width = (size_t)pixel_width;
    canvas->height = (size_t)pixel_height;
    size_t count;
    if (!memory_multiply(canvas->width, canvas->height, &count) ||
        (canvas->pixels = memory_new(count, sizeof(*canvas->pixels), err)) == NULL)
        return -1;
    int stride = (int)(canvas->width * sizeof(*canvas->pixels));
    canvas->surface =
        cairo_image_surface_create_for_data((unsigned char *)canvas->pixels, CAIRO_FORMAT_RGB24,
                                            (int)canvas->width, (int)canvas->height, stride);
    canvas->cairo = cairo_create(canvas->surface);
    if (check(cairo_status(canvas->cairo), "make a surface", err) < 0)
        return -1;
    cairo_scale(canvas->cairo, CANVAS_SCALE, CANVAS_SCALE);
    cairo_set_antialias(canvas->cairo, CAIRO_ANTIALIAS_BEST);
    cairo_set_line_join(canvas->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_source_rgb(canvas->cairo, 1, 1, 1);
    cairo_paint(canvas->cairo);
    return 0;
}

double canvas_width(const struct canvas *canvas)
{
    return (double)canvas->width / CANVAS_SCALE;
}

double canvas_height(const struct canvas *canvas)
{
    return (double)canvas->height / CANVAS_SCALE;
}

void canvas_free(struct canvas *canvas)
{
    if (canvas == NULL)
        return;
    if (canvas->cairo != NULL)
        cairo_destroy(canvas->cairo);
    if (canvas->surface != NULL)
        cairo_surface_destroy(canvas->surface);
    free(canvas->pixels);
    svg_release(&canvas->svg);
    font_close(canvas->bold);
    font_close(canvas->regular);
    free(canvas);
}

static void remember(struct canvas *canvas, const struct error *err)
{
    if (canvas->failure.kind == ERR_NONE)
        canvas->failure = *err;
}

/* The nearest edge between pixels, so that straight borders are sharp. */
static double snap(double position)
{
    return floor(position * CANVAS_SCALE + 0.5) / CANVAS_SCALE;
}

/* Rounded first: cairo by itself cuts a channel off to the byte below. */
static void source(cairo_t *cairo, struct colour colour, double opacity)
{
    uint8_t rgb[3];
    colour_to_bytes(colour, rgb);
    cairo_set_source_rgba(cairo, rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0, opacity);
}

static void stroke(cairo_t *cairo, struct pen pen)
{
    const double dashes[2] = {pen.dash, pen.gap > 0 ? pen.gap : pen.dash};
    source(cairo, pen.colour, pen.opacity > 0 ? pen.opacity : 1);
    cairo_set_line_width(cairo, pen.width);
    cairo_set_line_cap(cairo, pen.dash > 0 ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_ROUND);
    cairo_set_dash(cairo, dashes, pen.dash > 0 ? 2 : 0, 0);
    cairo_stroke(cairo);
}

void canvas_rectangle(struct canvas *canvas, double x, double y, double width, double height,
                      struct colour fill, double opacity)
{
    double left = snap(x), top = snap(y);
    double right = snap(x + width), bottom = snap(y + height);
    svg_rectangle(&canvas->svg, left, top, right - left, bottom - top, fill, opacity);
    cairo_rectangle(canvas->cairo, left, top, right - left, bottom - top);
    source(canvas->cairo, fill, opacity);
    cairo_fill(canvas->cairo);
}

/* Where a straight line of `width` must run so that both of its edges lie between pixels. */
static double snap_line(double position, double width)
{
    double pixels = fmax(1, floor(width * CANVAS_SCALE + 0.5));
    double half = pixels / 2 / CANVAS_SCALE;
    return snap(position - half) + half;
}

void canvas_outline(struct canvas *canvas, double x, double y, double width, double height,
                    struct pen pen)
{
    double left = snap_line(x, pen.width), top = snap_line(y, pen.width);
    double right = snap_line(x + width, pen.width), bottom = snap_line(y + height, pen.width);
    svg_outline(&canvas->svg, left, top, right - left, bottom - top, pen);
    cairo_rectangle(canvas->cairo, left, top, right - left, bottom - top);
    cairo_set_line_join(canvas->cairo, CAIRO_LINE_JOIN_MITER);
    stroke(canvas->cairo, pen);
    cairo_set_line_join(canvas->cairo, CAIRO_LINE_JOIN_ROUND);
}

void canvas_line(struct canvas *canvas, double x0, double y0, double x1, double y1, struct pen pen)
{
    if (x0 == x1)
        x0 = x1 = snap_line(x0, pen.width);
    if (y0 == y1)
        y0 = y1 = snap_line(y0, pen.width);
    svg_path(&canvas->svg, (const struct point[]){{x0, y0}, {x1, y1}}, 2, pen);
    cairo_move_to(canvas->cairo, x0, y0);
    cairo_line_to(canvas->cairo, x1, y1);
    stroke(canvas->cairo, pen);
}

void canvas_path(struct canvas *canvas, const struct point *points, size_t count, struct pen pen)
{
    bool open = false;
    svg_path(&canvas->svg, points, count, pen);
    for (size_t i = 0; i < count; i++) {
        bool there = isfinite(points[i].x) && isfinite(points[i].y);
        if (there && open)
            cairo_line_to(canvas->cairo, points[i].x, points[i].y);
        else if (there)
            cairo_move_to(canvas->cairo, points[i].x, points[i].y);
        open = there;
    }
    stroke(canvas->cairo, pen);
}

void canvas_disc(struct canvas *canvas, double x, double y, double radius, struct colour fill,
                 struct pen rim)
{
    const double turn = 6.283185307179586;
    svg_disc(&canvas->svg, x, y, radius, fill, rim);
    cairo_new_sub_path(canvas->cairo);
    cairo_arc(canvas->cairo, x, y, radius, 0, turn);
    source(canvas->cairo, fill, 1);
    if (!(rim.width > 0)) {
        cairo_fill(canvas->cairo);
        return;
    }
    cairo_fill_preserve(canvas->cairo);
    stroke(canvas->cairo, rim);
}

/* Copied square by square and not through a pattern, whose sampling cairo does not promise. */
void canvas_picture(struct canvas *canvas, double x, double y, double width, double height,
                    const uint8_t *rgb, int64_t rows, int64_t columns)
{
    double left = floor(x * CANVAS_SCALE + 0.5), top = floor(y * CANVAS_SCALE + 0.5);
    int64_t out_width = (int64_t)(floor((x + width) * CANVAS_SCALE + 0.5) - left);
    int64_t out_height = (int64_t)(floor((y + height) * CANVAS_SCALE + 0.5) - top);
    struct error err = {0};
    if (svg_picture(&canvas->svg, x, y, width, height, rgb, rows, columns, &err) < 0)
        remember(canvas, &err);
    cairo_surface_flush(canvas->surface);
    for (int64_t i = 0; i < out_height; i++) {
        int64_t to_row = (int64_t)top + i, from_row = i * rows / out_height;
        if (to_row < 0 || to_row >= (int64_t)canvas->height)
            continue;
        for (int64_t j = 0; j < out_width; j++) {
            int64_t to = (int64_t)left + j, from = j * columns / out_width;
            if (to < 0 || to >= (int64_t)canvas->width)
                continue;
            const uint8_t *p = rgb + (from_row * columns + from) * 3;
            canvas->pixels[to_row * (int64_t)canvas->width + to] =
                (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        }
    }
    cairo_surface_mark_dirty(canvas->surface);
}

void canvas_clip(struct canvas *canvas, double x, double y, double width, double height)
{
    svg_clip(&canvas->svg, x, y, width, height);
    cairo_save(canvas->cairo);
    cairo_rectangle(canvas->cairo, x, y, width, height);
    cairo_clip(canvas->cairo);
}

void canvas_unclip(struct canvas *canvas)
{
    svg_unclip(&canvas->svg);
    cairo_restore(canvas->cairo);
}

static const struct font *font_of(const struct canvas *canvas, struct text_style style)
{
    return style.bold ? canvas->bold : canvas->regular;
}

double canvas_text_width(struct canvas *canvas, const char *text, struct text_style style)
{
    struct error err = {0};
    double advance;
    if (font_advance(font_of(canvas, style), text, &advance, &err) < 0) {
        remember(canvas, &err);
        return 0;
    }
    return advance * style.size;
}

bool canvas_text_writable(const struct canvas *canvas, const char *text, bool bold)
{
    return font_writes(bold ? canvas->bold : canvas->regular, text);
}

uint64_t canvas_text_look(struct canvas *canvas, const char *text, bool bold)
{
    struct error err = {0};
    uint64_t look = 0;
    if (font_look(bold ? canvas->bold : canvas->regular, text, &look, &err) < 0)
        remember(canvas, &err);
    return look;
}

void canvas_record(struct canvas *canvas, struct text_layout *layout)
{
    canvas->layout = layout;
}

/* The corners of the ink of a text whose baseline starts at (left, drop) from (x, y), turned. */
static void record(struct canvas *canvas, double x, double y, const char *text, double left,
                   double drop, struct text_style style)
{
    struct error err = {0};
    double box[4], xs[4], ys[4];
    double turn = -style.angle * 0.017453292519943295, c = cos(turn), s = sin(turn);
    if (font_ink(font_of(canvas, style), text, box, &err) < 0) {
        remember(canvas, &err);
        return;
    }
    for (int i = 0; i < 4; i++) {
        double u = left + box[i == 1 || i == 2 ? 2 : 0] * style.size;
        double v = drop + box[i < 2 ? 1 : 3] * style.size;
        xs[i] = x + u * c - v * s;
        ys[i] = y + u * s + v * c;
    }
    if (text_layout_add(canvas->layout, text, style.size, xs, ys, &err) < 0)
        remember(canvas, &err);
}

void canvas_text(struct canvas *canvas, double x, double y, const char *text,
                 struct text_style style)
{
    static const double shares[] = {[TEXT_LEFT] = 0, [TEXT_CENTRE] = 0.5, [TEXT_RIGHT] = 1};
    static const double drops[] = {[TEXT_BASELINE] = 0, [TEXT_MIDDLE] = 0.5, [TEXT_TOP] = 1};
    const struct font *font = font_of(canvas, style);
    struct error err = {0};
    cairo_t *cairo = canvas->cairo;
    double length = canvas_text_width(canvas, text, style), left = -shares[style.align] * length;
    double drop = drops[style.anchor] * font_cap_height(font) * style.size;
    if (canvas->layout != NULL)
        record(canvas, x, y, text, left, drop, style);
    svg_text(&canvas->svg, x, y, text, left, drop, length, style);
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_rotate(cairo, -style.angle * 0.017453292519943295);
    source(cairo, style.colour, 1);
    if (font_trace(font, text, left, drop, style.size, cairo, &err) < 0) {
        cairo_new_path(cairo);
        remember(canvas, &err);
    }
    cairo_fill(cairo);
    cairo_restore(cairo);
}

/* The surface is complete and nothing went wrong on the way. */
static int finish(struct canvas *canvas, struct error *err)
{
    ASSERT(canvas->cairo != NULL);
    if (canvas->failure.kind != ERR_NONE) {
        *err = canvas->failure;
        return -1;
    }
    cairo_surface_flush(canvas->surface);
    return check(cairo_status(canvas->cairo), "draw", err);
}

void canvas_fix_colours(struct canvas *canvas, bool fixed)
{
    canvas->svg.fixed = fixed;
}

static int write_svg(const struct canvas *canvas, const char *path, struct error *err)
{
    struct text file = {0};
    int result = svg_finish(&canvas->svg, canvas_width(canvas), canvas_height(canvas), &file, err);
    if (result == 0)
        result = file_write(path, text_string(&file), file.size, err);
    text_release(&file);
    return result;
}

int canvas_write(struct canvas *canvas, const char *path, struct error *err)
{
    if (finish(canvas, err) < 0)
        return -1;
    if (ends_in(path, ".svg"))
        return write_svg(canvas, path, err);
    return png_file_write(path, canvas->pixels, canvas->width, canvas->height, canvas->width,
                          CANVAS_DPI, err);
}

/* A little of everything that figures are made of. */
static void draw_probe(struct canvas *canvas)
{
    const struct colour ink = colormap_deep(0);
    const uint8_t rgb[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90};
    const struct point points[] = {{4, 50}, {40, 12.3}, {71, 44.7}, {116, 20.1}};
    for (int i = 0; i < 120; i++)
        canvas_rectangle(canvas, i, 52, 1, 4, colormap_blues(i / 120.0), 1);
    canvas_picture(canvas, 100, 30, 16, 16, rgb, 2, 2);
    canvas_path(canvas, points, 4, (struct pen){.colour = ink, .width = 1.5, .dash = 4});
    canvas_disc(canvas, 40, 12.3, 3.3, ink, (struct pen){.colour = {1, 1, 1}, .width = 1});
    canvas_text(canvas, 4, 24, "Accuracy 0.9", (struct text_style){.size = 11, .colour = ink});
    canvas_text(canvas, 60, 48, "Grad-CAM",
                (struct text_style){.size = 9, .colour = ink, .bold = true, .angle = 30});
}

/* The libraries by version, then the digest of a drawing: it also tells what versions don't, such
 * as zlib and which vector instructions the libraries choose. */
int figure_fingerprint(FILE *stream, struct error *err)
{
    int result = -1;
    char *file = NULL, hex[DIGEST_HEX_SIZE];
    size_t size = 0;
    FILE *memory = NULL;
    struct digest digest;
    struct canvas *canvas = canvas_new(err);
    if (canvas == NULL || canvas_lay(canvas, 120, 60, err) < 0)
        goto done;
    draw_probe(canvas);
    if (finish(canvas, err) < 0)
        goto done;
    if ((memory = open_memstream(&file, &size)) == NULL) {
        error_errno(err, "cannot write to memory");
        goto done;
    }
    if (png_file_encode(memory, "memory", canvas->pixels, canvas->width, canvas->height,
                        canvas->width, CANVAS_DPI, err) < 0)
        goto done;
    if (fflush(memory) != 0) {
        error_errno(err, "cannot write to memory");
        goto done;
    }
    if (digest_of_bytes(file, size, &digest, err) < 0)
        goto done;
    digest_to_hex(&digest, hex);
    fprintf(stream, "cairo %s\nlibpng %s\n", cairo_version_string(), png_get_libpng_ver(NULL));
    font_print_library(canvas->regular, stream);
    if (font_print_identity(canvas->regular, stream, err) < 0 ||
        font_print_identity(canvas->bold, stream, err) < 0)
        goto done;
    fprintf(stream, "drawing %.16s\n", hex);
    result = 0;
done:
    if (memory != NULL)
        fclose(memory);
    free(file);
    canvas_free(canvas);
    return result;
}
