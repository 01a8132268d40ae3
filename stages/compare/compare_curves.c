#include "compare/compare_curves.h"

#include "page/escape.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { WIDTH = 460, HEIGHT = 250, LEFT = 52, RIGHT = 12, TOP = 12, BOTTOM = 36, TICKS = 5 };

struct panel {
    const char *title;
    size_t train, val; /* offsets in struct epoch_record */
    const struct history *histories[2];
    double low, high, step;
    size_t epochs;
};

static const char *const colours[] = {"var(--warn)", "var(--blue)"};

static double value_at(const struct history *history, size_t epoch, size_t offset)
{
    double value;
    memcpy(&value, (const char *)&history->epochs[epoch] + offset, sizeof(value));
    return value;
}

static void widen(struct panel *panel, const struct history *history, size_t offset)
{
    for (size_t e = 0; e < history->count; e++) {
        const double value = value_at(history, e, offset);
        if (isfinite(value)) {
            panel->low = fmin(panel->low, value);
            panel->high = fmax(panel->high, value);
        }
    }
}

/* A round number, so that at most TICKS of them cover the range; of a level line one that is not
 * lost beside its value. */
static double round_step(double range, double value)
{
    const double rough = fmax(range, 1e-6 * fmax(1, fabs(value))) / (TICKS - 1);
    const double power = pow(10, floor(log10(rough)));
    const double rest = rough / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

/* False where no value is a number. */
static bool measure(struct panel *panel)
{
    panel->low = INFINITY;
    panel->high = -INFINITY;
    for (int i = 0; i < 2; i++) {
        widen(panel, panel->histories[i], panel->train);
        widen(panel, panel->histories[i], panel->val);
        if (panel->histories[i]->count > panel->epochs)
            panel->epochs = panel->histories[i]->count;
    }
    if (!(panel->high >= panel->low))
        return false;
    panel->step = round_step(panel->high - panel->low, panel->high);
    panel->low = panel->step * floor(panel->low / panel->step);
    panel->high = panel->step * ceil(panel->high / panel->step);
    if (panel->high == panel->low)
        panel->high += panel->step;
    return true;
}

static double x_of(const struct panel *panel, size_t epoch)
{
    const double room = WIDTH - LEFT - RIGHT;
    return panel->epochs < 2 ? LEFT + room / 2
                             : LEFT + room * (double)epoch / (double)(panel->epochs - 1);
}

static double y_of(const struct panel *panel, double value)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (panel->high - value) / (panel->high - panel->low);
}

static void add_axes(struct text *page, const struct panel *panel)
{
    const int places = panel->step < 1 ? (int)ceil(-log10(panel->step)) : 0;
    const int lines = (int)lround((panel->high - panel->low) / panel->step);
    for (int i = 0; i <= lines; i++) {
        const double value = panel->low + i * panel->step, y = y_of(panel, value);
        text_addf(page,
                  "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"var(--line)\"/>"
                  "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                  LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, places, value);
    }
    const size_t every = (panel->epochs + TICKS) / (TICKS + 1);
    for (size_t e = 0; e < panel->epochs; e++)
        if (e == 0 || e + 1 == panel->epochs ||
            ((e + 1) % every == 0 && e + 1 + every / 2 < panel->epochs))
            text_addf(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%zu</text>\n",
                      x_of(panel, e), HEIGHT - BOTTOM + 18, e + 1);
    text_addf(page, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n",
              (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
}

/* Parted where a value is no number; a line of one point is a dot. */
static void add_line(struct text *page, const struct panel *panel, int side, size_t offset,
                     bool dashed)
{
    const struct history *history = panel->histories[side];
    bool drawing = false;
    text_addf(page,
              "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linecap=\"round\"",
              colours[side], dashed ? "1.2" : "2.4");
    text_addf(page, "%s d=\"", dashed ? " stroke-dasharray=\"2 4\"" : "");
    for (size_t e = 0; e < history->count; e++) {
        const double value = value_at(history, e, offset);
        if (isfinite(value))
            text_addf(page, "%s%.1f %.1f%s", drawing ? "L" : "M", x_of(panel, e),
                      y_of(panel, value), history->count == 1 ? "h0" : "");
        drawing = isfinite(value);
    }
    text_add(page, "\"/>\n");
}

static void add_panel(struct text *page, const char *name, struct panel *panel)
{
    if (!measure(panel))
        return;
    text_addf(
        page,
        "<figure class=\"plot\">\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s of ",
        WIDTH, HEIGHT, panel->title);
    escape_html(page, name);
    text_addf(page, " by epoch, from %.3g to %.3g\">\n", panel->low, panel->high);
    add_axes(page, panel);
    for (int side = 0; side < 2; side++) {
        add_line(page, panel, side, panel->train, true);
        add_line(page, panel, side, panel->val, false);
    }
    text_addf(page,
              "</svg>\n<figcaption>%s: <b class=\"a\">a</b> and <b class=\"b\">b</b>, validation; "
              "training dashed</figcaption>\n</figure>\n",
              panel->title);
}

void compare_curves(struct text *page, const char *name, const struct history *a,
                    const struct history *b)
{
    struct panel accuracy = {.title = "Accuracy",
                             .train = offsetof(struct epoch_record, accuracy),
                             .val = offsetof(struct epoch_record, val_accuracy),
                             .histories = {a, b}};
    struct panel loss = {.title = "Loss",
                         .train = offsetof(struct epoch_record, loss),
                         .val = offsetof(struct epoch_record, val_loss),
                         .histories = {a, b}};
    text_add(page, "<div class=\"plots\">\n");
    add_panel(page, name, &accuracy);
    add_panel(page, name, &loss);
    text_add(page, "</div>\n");
}
