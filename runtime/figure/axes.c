#include "figure/axes.h"

#include "figure/theme.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Longest name along an axis, in units. */
static const double NAME_LIMIT = 130;
static const double SLANT = 45;
static const double SLANT_SHARE = 0.70710678118654752;

/* Exact for the powers that doubles hold, which pow() does not promise. */
static double power_of_ten(int exponent)
{
    double power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 10;
    for (int i = 0; i > exponent; i--)
        power *= 10;
    return exponent < 0 ? 1 / power : power;
}

struct ticks ticks_choose(double low, double high, size_t most, bool whole)
{
    static const struct {
        double factor;
        int decimals;
    } steps[] = {{1, 0}, {2, 0}, {2.5, 1}, {5, 0}};
    struct ticks ticks = {0};
    for (int exponent = whole ? 0 : -15; exponent <= 18; exponent++) {
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            int decimals = steps[s].decimals - exponent;
            if (whole && decimals > 0)
                continue;
            double step = steps[s].factor * power_of_ten(exponent);
            /* A bound that is a multiple of the step but for its rounding still gets its tick. */
            double first = ceil(low / step - 1e-9), last = floor(high / step + 1e-9);
            if (!(last - first + 1 <= (double)most) || fabs(first) > 1e15)
                continue;
            ticks.first = (int64_t)first;
            ticks.count = last < first ? 0 : (size_t)(last - first) + 1;
            ticks.step = step;
            ticks.decimals = decimals > 0 ? decimals : 0;
            return ticks;
        }
    }
    return ticks;
}

double ticks_value(const struct ticks *ticks, size_t index)
{
    return (double)(ticks->first + (int64_t)index) * ticks->step;
}

void ticks_format(double value, int decimals, char text[TICK_TEXT_SIZE])
{
    char plain[TICK_TEXT_SIZE];
    if (!isfinite(value) || fabs(value) >= 1e15) {
        snprintf(text, TICK_TEXT_SIZE, "%.3g", value);
        return;
    }
    snprintf(plain, sizeof(plain), "%.*f", decimals, value);
    const char *digits = plain + (plain[0] == '-');
    size_t whole = strcspn(digits, "."), out = 0;
    if (plain[0] == '-' && strspn(digits, "0.") != strlen(digits))
        text[out++] = '-';
    for (size_t i = 0; digits[i] != '\0' && out < TICK_TEXT_SIZE - 2; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = '\0';
}

double axes_x(const struct axes *axes, double value)
{
    return axes->x + (value - axes->left) / (axes->right - axes->left) * axes->width;
}

double axes_y(const struct axes *axes, double value)
{
    return axes->y + (axes->top - value) / (axes->top - axes->bottom) * axes->height;
}

void axes_draw_y(struct canvas *canvas, const struct axes *axes, const struct ticks *ticks)
{
    struct text_style style = THEME_TICK;
    style.align = TEXT_RIGHT;
    for (size_t i = 0; i < ticks->count; i++) {
        char text[TICK_TEXT_SIZE];
        double value = ticks_value(ticks, i), y = axes_y(axes, value);
        canvas_line(canvas, axes->x, y, axes->x + axes->width, y, THEME_GRID);
        ticks_format(value, ticks->decimals, text);
        canvas_text(canvas, axes->x - 7, y, text, style);
    }
}

double axes_y_labels_width(struct canvas *canvas, const struct ticks *ticks)
{
    double widest = 0;
    for (size_t i = 0; i < ticks->count; i++) {
        char text[TICK_TEXT_SIZE];
        ticks_format(ticks_value(ticks, i), ticks->decimals, text);
        widest = fmax(widest, canvas_text_width(canvas, text, THEME_TICK));
    }
    return widest + 7;
}

void axes_draw_edge(struct canvas *canvas, const struct axes *axes)
{
    canvas_outline(canvas, axes->x, axes->y, axes->width, axes->height, THEME_EDGE);
}

double axes_text_within(struct canvas *canvas, double x, double y, const char *text, double width,
                        struct text_style style)
{
    double full = canvas_text_width(canvas, text, style);
    if (full <= width) {
        canvas_text(canvas, x, y, text, style);
        return full;
    }
    char cut[256];
    size_t length = strlen(text);
    if (length > sizeof(cut) - 4)
        length = sizeof(cut) - 4;
    for (;;) {
        /* Not within a character of several bytes. */
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
        memcpy(cut, text, length);
        memcpy(cut + length, "\xe2\x80\xa6", 4);
        full = canvas_text_width(canvas, cut, style);
        if (full <= width || length == 0)
            break;
        length--;
    }
    canvas_text(canvas, x, y, cut, style);
    return full;
}

static double widest_name(struct canvas *canvas, const struct names *names)
{
    double widest = 0;
    for (size_t i = 0; i < names->count; i++)
        widest = fmax(widest, canvas_text_width(canvas, names->texts[i], THEME_LABEL));
    return fmin(widest, NAME_LIMIT);
}

bool axes_names_slanted(struct canvas *canvas, const struct names *names)
{
    return widest_name(canvas, names) > names->slot - 8;
}

double axes_names_height(struct canvas *canvas, const struct names *names)
{
    if (!axes_names_slanted(canvas, names))
        return 22;
    return 14 + widest_name(canvas, names) * SLANT_SHARE;
}

void axes_draw_names(struct canvas *canvas, const struct names *names, double x, double y)
{
    bool slanted = axes_names_slanted(canvas, names);
    struct text_style style = THEME_LABEL;
    if (slanted) {
        style.align = TEXT_RIGHT;
        style.angle = SLANT;
    }
    for (size_t i = 0; i < names->count; i++) {
        double centre = x + ((double)i + 0.5) * names->slot;
        axes_text_within(canvas, centre + (slanted ? 3 : 0), y + (slanted ? 9 : 14),
                         names->texts[i], NAME_LIMIT, style);
    }
}

void axes_draw_note(struct canvas *canvas, const char *note, double width, double height)
{
    struct text_style style = THEME_SUBTITLE;
    style.size = 9.5;
    style.anchor = TEXT_BASELINE;
    axes_text_within(canvas, THEME_MARGIN, height - 10, note, width - 2 * THEME_MARGIN, style);
}

void axes_draw_colourbar(struct canvas *canvas, double x, double y, double height,
                         struct colour (*map)(double), bool percent, const char *title)
{
    enum { STEPS = 256, WIDTH = 13 };
    struct axes axes = {x, y, WIDTH, height, 0, 1, 0, 1};
    for (int i = 0; i < STEPS; i++) {
        double top = y + height * (STEPS - 1 - i) / STEPS;
        canvas_rectangle(canvas, x, top, WIDTH, height / STEPS + 0.5, map((i + 0.5) / STEPS), 1);
    }
    axes_draw_edge(canvas, &axes);
    struct text_style style = THEME_TICK;
    style.align = TEXT_LEFT;
    struct ticks ticks = ticks_choose(0, 1, height < 160 ? 3 : 6, false);
    for (size_t i = 0; i < ticks.count; i++) {
        char text[TICK_TEXT_SIZE];
        double value = ticks_value(&ticks, i);
        ticks_format(percent ? value * 100 : value, percent ? 0 : ticks.decimals, text);
        canvas_line(canvas, x + WIDTH, axes_y(&axes, value), x + WIDTH + 3, axes_y(&axes, value),
                    THEME_EDGE);
        canvas_text(canvas, x + WIDTH + 7, axes_y(&axes, value), text, style);
    }
    style = THEME_LABEL;
    style.angle = 90;
    axes_text_within(canvas, x + 52, y + height / 2, title, height, style);
}
