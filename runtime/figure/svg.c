#include "figure/svg.h"

#include "base/base64.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "figure/png_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the theme's colours become on dark paper; the first of deep, for lines, is lighter there. */
static const struct {
    uint8_t rgb[3];
    const char *name, *dark;
} roles[] = {
    {{255, 255, 255}, "paper", "#1c1f22"}, {{38, 38, 38}, "ink", "#e9e7e3"},
    {{77, 77, 82}, "tick", "#c4c2bd"},     {{110, 110, 115}, "muted", "#a3a19b"},
    {{168, 173, 184}, "faint", "#6d7278"}, {{33, 128, 74}, "right", "#6fcf9b"},
    {{191, 51, 48}, "wrong", "#f0938a"},   {{222, 224, 227}, "grid", "#33373b"},
    {{189, 191, 196}, "edge", "#565b61"},  {{76, 114, 176}, "deep", "#7fa3dd"},
};
enum { ROLES = sizeof(roles) / sizeof(roles[0]), PICTURE_DPI = 72, PIXELS = 2 /* to a unit */ };

/* ---- words ---- */

/* Two decimals, without zeros at their end. */
static void add_number(struct text *text, double value)
{
    char digits[64];
    int length = snprintf(digits, sizeof(digits), "%.2f", fabs(value) < 0.005 ? 0 : value);
    while (digits[length - 1] == '0')
        length--;
    text_append(text, digits, (size_t)length - (digits[length - 1] == '.'));
}

static void add_attribute(struct text *text, const char *name, double value)
{
    text_addf(text, " %s=\"", name);
    add_number(text, value);
    text_add(text, "\"");
}

static void add_colour(struct svg *svg, const char *attribute, struct colour colour)
{
    uint8_t rgb[3];
    colour_to_bytes(colour, rgb);
    for (size_t i = 0; i < ROLES && !svg->fixed; i++)
        if (memcmp(rgb, roles[i].rgb, 3) == 0) {
            text_addf(&svg->body, " %s=\"var(--%s)\"", attribute, roles[i].name);
            return;
        }
    text_addf(&svg->body, " %s=\"#%02x%02x%02x\"", attribute, rgb[0], rgb[1], rgb[2]);
}

static void add_pen(struct svg *svg, struct pen pen)
{
    struct text *body = &svg->body;
    add_colour(svg, "stroke", pen.colour);
    add_attribute(body, "stroke-width", pen.width);
    if (pen.opacity > 0 && pen.opacity < 1)
        add_attribute(body, "stroke-opacity", pen.opacity);
    if (pen.dash > 0) {
        text_add(body, " stroke-linecap=\"butt\" stroke-dasharray=\"");
        add_number(body, pen.dash);
        text_add(body, " ");
        add_number(body, pen.gap > 0 ? pen.gap : pen.dash);
        text_add(body, "\"");
    }
}

/* What XML cannot hold becomes U+FFFD. */
static void add_escaped(struct text *text, const char *string)
{
    size_t left = strlen(string);
    while (left > 0) {
        uint32_t point = 0;
        size_t size = utf8_read(string, left, &point);
        if (size == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0) || point >= 0xfffe)
            text_add(text, "\xef\xbf\xbd");
        else if (strchr("&<>\"", *string) != NULL)
            text_addf(text, "&#%d;", *string);
        else
            text_append(text, string, size);
        size = size > 0 ? size : 1;
        string += size;
        left -= size;
    }
}

/* ---- shapes ---- */

static void add_box(struct text *body, double x, double y, double width, double height)
{
    add_attribute(body, "x", x);
    add_attribute(body, "y", y);
    add_attribute(body, "width", width);
    add_attribute(body, "height", height);
}

void svg_rectangle(struct svg *svg, double x, double y, double width, double height,
                   struct colour fill, double opacity)
{
    text_add(&svg->body, "<rect");
    add_box(&svg->body, x, y, width, height);
    add_colour(svg, "fill", fill);
    if (opacity < 1)
        add_attribute(&svg->body, "fill-opacity", opacity);
    text_add(&svg->body, "/>\n");
}

void svg_outline(struct svg *svg, double x, double y, double width, double height, struct pen pen)
{
    text_add(&svg->body, "<rect fill=\"none\" stroke-linejoin=\"miter\"");
    add_box(&svg->body, x, y, width, height);
    add_pen(svg, pen);
    text_add(&svg->body, "/>\n");
}

void svg_path(struct svg *svg, const struct point *points, size_t count, struct pen pen)
{
    struct text *body = &svg->body;
    bool open = false;
    text_add(body, "<path fill=\"none\"");
    add_pen(svg, pen);
    text_add(body, " d=\"");
    for (size_t i = 0; i < count; i++) {
        bool there = isfinite(points[i].x) && isfinite(points[i].y);
        if (there) {
            text_add(body, open ? "L" : "M");
            add_number(body, points[i].x);
            text_add(body, " ");
            add_number(body, points[i].y);
        }
        open = there;
    }
    text_add(body, "\"/>\n");
}

void svg_disc(struct svg *svg, double x, double y, double radius, struct colour fill,
              struct pen rim)
{
    text_add(&svg->body, "<circle");
    add_attribute(&svg->body, "cx", x);
    add_attribute(&svg->body, "cy", y);
    add_attribute(&svg->body, "r", radius);
    add_colour(svg, "fill", fill);
    if (rim.width > 0)
        add_pen(svg, rim);
    text_add(&svg->body, "/>\n");
}

/* Its length is said, so that another font keeps to it. */
void svg_text(struct svg *svg, double x, double y, const char *text, double left, double drop,
              double length, struct text_style style)
{
    struct text *body = &svg->body;
    if (*text == '\0')
        return;
    text_add(body, "<text");
    if (style.angle != 0) {
        text_add(body, " transform=\"translate(");
        add_number(body, x);
        text_add(body, " ");
        add_number(body, y);
        text_addf(body, ") rotate(%g)\"", -style.angle);
        x = y = 0;
    }
    add_attribute(body, "x", x + left);
    add_attribute(body, "y", y + drop);
    add_attribute(body, "font-size", style.size);
    if (length > 0)
        add_attribute(body, "textLength", length);
    text_add(body, style.bold ? " font-weight=\"bold\"" : "");
    add_colour(svg, "fill", style.colour);
    text_add(body, ">");
    add_escaped(body, text);
    text_add(body, "</text>\n");
}

/* ---- pictures ---- */

/* words [rows,columns] of rgb [from_rows,from_columns,3], each the nearest. */
static void sample(uint32_t *words, int64_t rows, int64_t columns, const uint8_t *rgb,
                   int64_t from_rows, int64_t from_columns)
{
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t y = i / columns * from_rows / rows, x = i % columns * from_columns / columns;
        const uint8_t *p = rgb + (y * from_columns + x) * 3;
        words[i] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
}

static int encode(const uint32_t *words, size_t rows, size_t columns, struct text *body,
                  struct error *err)
{
    char *png = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&png, &size);
    if (stream == NULL)
        return error_errno(err, "cannot write to memory");
    int result =
        png_file_encode(stream, "picture", words, columns, rows, columns, PICTURE_DPI, err);
    if (fclose(stream) != 0 && result == 0)
        result = error_errno(err, "cannot write to memory");
    if (result == 0)
        base64_add(body, (const uint8_t *)png, size);
    free(png);
    return result;
}

/* No more of it than the canvas has pixels. */
int svg_picture(struct svg *svg, double x, double y, double width, double height,
                const uint8_t *rgb, int64_t rows, int64_t columns, struct error *err)
{
    int64_t most_rows = (int64_t)ceil(height * PIXELS);
    int64_t most_columns = (int64_t)ceil(width * PIXELS);
    int64_t own_rows = rows < most_rows ? rows : most_rows;
    int64_t own_columns = columns < most_columns ? columns : most_columns;
    if (own_rows < 1 || own_columns < 1)
        return 0;
    uint32_t *words = memory_new((size_t)own_rows * (size_t)own_columns, sizeof(*words), err);
    if (words == NULL)
        return -1;
    sample(words, own_rows, own_columns, rgb, rows, columns);
    text_add(&svg->body, "<image preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\"");
    add_box(&svg->body, x, y, width, height);
    text_add(&svg->body, " href=\"data:image/png;base64,");
    int result = encode(words, (size_t)own_rows, (size_t)own_columns, &svg->body, err);
    text_add(&svg->body, "\"/>\n");
    free(words);
    return result;
}

/* A sheet inside the sheet, with the same coordinates, hides what leaves it. */
void svg_clip(struct svg *svg, double x, double y, double width, double height)
{
    struct text *body = &svg->body;
    text_add(body, "<svg");
    add_box(body, x, y, width, height);
    text_add(body, " viewBox=\"");
    const double box[4] = {x, y, width, height};
    for (int i = 0; i < 4; i++) {
        text_add(body, i > 0 ? " " : "");
        add_number(body, box[i]);
    }
    text_add(body, "\">\n");
}

void svg_unclip(struct svg *svg)
{
    text_add(&svg->body, "</svg>\n");
}

/* ---- file ---- */

static void add_style(struct text *file)
{
    text_add(file, "<style>svg{");
    for (size_t i = 0; i < ROLES; i++)
        text_addf(file, "--%s:#%02x%02x%02x;", roles[i].name, roles[i].rgb[0], roles[i].rgb[1],
                  roles[i].rgb[2]);
    text_add(file, "}@media(prefers-color-scheme:dark){svg{");
    for (size_t i = 0; i < ROLES; i++)
        text_addf(file, "--%s:%s;", roles[i].name, roles[i].dark);
    text_add(file, "}}rect{shape-rendering:crispEdges}</style>\n");
}

int svg_finish(const struct svg *svg, double width, double height, struct text *file,
               struct error *err)
{
    text_add(file, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    add_attribute(file, "width", width);
    add_attribute(file, "height", height);
    text_add(file, " viewBox=\"0 0 ");
    add_number(file, width);
    text_add(file, " ");
    add_number(file, height);
    text_add(file, "\" font-family=\"DejaVu Sans,Verdana,sans-serif\" stroke-linecap=\"round\" "
                   "stroke-linejoin=\"round\">\n");
    add_style(file);
    text_add(file, "<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n");
    text_append(file, text_string(&svg->body), svg->body.size);
    text_add(file, "</svg>\n");
    return text_check(&svg->body, err) < 0 ? -1 : text_check(file, err);
}

void svg_release(struct svg *svg)
{
    text_release(&svg->body);
}
