#include "figure/legend.h"

#include "figure/axes.h"
#include "figure/theme.h"

#include <math.h>

static const double GAP = 6, SPACING = 18;
static const double samples[] = {[LEGEND_LINE] = 20, [LEGEND_BAR] = 12, [LEGEND_DISC] = 9};

static struct text_style label_style(void)
{
    struct text_style style = THEME_LABEL;
    style.size = 10;
    style.align = TEXT_LEFT;
    return style;
}

/* The lines above of its size and colour tell series apart; the sample shows how one looks. */
static void draw_sample(struct canvas *canvas, const struct legend_entry *entry, double x, double y)
{
    switch (entry->mark) {
    case LEGEND_LINE: canvas_line(canvas, x, y, x + samples[LEGEND_LINE], y, entry->pen); break;
    case LEGEND_BAR:
        canvas_rectangle(canvas, x, y - 5, samples[LEGEND_BAR], 10, entry->pen.colour, 1);
        break;
    case LEGEND_DISC:
        canvas_disc(canvas, x + 4.5, y, 4, entry->pen.colour, (struct pen){.width = 0});
        break;
    }
}

/* Lays the entries out from left to right, and draws them where `draw`. */
static size_t flow(struct canvas *canvas, const struct legend_entry *entries, size_t count,
                   double x, double y, double width, bool draw)
{
    size_t rows = 1;
    double pen = 0;
    for (size_t i = 0; i < count; i++) {
        double sample = samples[entries[i].mark], room = width - sample - GAP;
        double label = fmin(canvas_text_width(canvas, entries[i].label, label_style()), room);
        if (pen > 0 && pen + sample + GAP + label > width) {
            rows++;
            pen = 0;
        }
        if (draw) {
            double middle = y + ((double)rows - 0.5) * LEGEND_ROW_HEIGHT;
            draw_sample(canvas, &entries[i], x + pen, middle);
            axes_text_within(canvas, x + pen + sample + GAP, middle, entries[i].label, room,
                             label_style());
        }
        pen += sample + GAP + label + SPACING;
    }
    return count > 0 ? rows : 0;
}

size_t legend_rows(struct canvas *canvas, const struct legend_entry *entries, size_t count,
                   double width)
{
    return flow(canvas, entries, count, 0, 0, width, false);
}

void legend_draw(struct canvas *canvas, const struct legend_entry *entries, size_t count, double x,
                 double y, double width)
{
    flow(canvas, entries, count, x, y, width, true);
}
