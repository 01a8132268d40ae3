#include "figure/plot_profile.h"

#include "base/memory.h"
#include "base/text.h"
#include "figure/axes.h"
#include "figure/legend.h"
#include "figure/short_names.h"
#include "figure/theme.h"

#include <math.h>
#include <stdlib.h>

static const double PLOT_WIDTH = 860, PLOT_HEIGHT = 190, FOOT = 62;
static const double HEADING = 24, ROW = 19, COLUMN_GAP = 40, NAME_ROOM = 150, NUMBER_ROOM = 62;
static const double NOTE_HEIGHT = 18, LABELS_WIDTH = 70;

enum { LONGEST_END = 12 };

struct ranked {
    double images; /* in all series; sums of any counts stay finite */
    size_t class;
};

struct profile {
    const struct bars_series *series;
    size_t count, classes, end_count;
    struct ranked *ranks;              /* [classes], most images first */
    size_t ends[2 * LONGEST_END];      /* classes at the start and at the end of the ranks */
    const char *full[2 * LONGEST_END]; /* their names */
    struct short_names names;
    struct legend_entry *entries;
    struct text title;
    struct axes axes;
    struct ticks ticks;
    double legend_height, width, height;
    bool narrow; /* the two ends of the list one below the other */
};

static int by_images(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->images != y->images)
        return x->images > y->images ? -1 : 1;
    return x->class < y->class ? -1 : x->class > y->class;
}

static int rank(struct profile *profile, const char *const *names, struct error *err)
{
    if ((profile->ranks = memory_new(profile->classes, sizeof(*profile->ranks), err)) == NULL)
        return -1;
    for (size_t c = 0; c < profile->classes; c++) {
        profile->ranks[c].class = c;
        for (size_t s = 0; s < profile->count; s++)
            profile->ranks[c].images += (double)profile->series[s].counts[c];
    }
    qsort(profile->ranks, profile->classes, sizeof(*profile->ranks), by_images);
    for (size_t i = 0; i < 2 * profile->end_count; i++) {
        size_t at = i < profile->end_count ? i : profile->classes - 2 * profile->end_count + i;
        profile->ends[i] = profile->ranks[at].class;
        profile->full[i] = names[profile->ends[i]];
    }
    return 0;
}

static int make_title(struct profile *profile, const char *title, struct error *err)
{
    char total[TICK_TEXT_SIZE];
    ticks_format((double)profile->classes, 0, total);
    text_addf(&profile->title, "%s%s%s classes", title != NULL ? title : "",
              title != NULL ? ": " : "", total);
    return text_check(&profile->title, err);
}

static double end_height(const struct profile *profile)
{
    return HEADING + (double)profile->end_count * ROW;
}

static int make_plan(struct canvas *canvas, const char *title, struct profile *profile,
                     struct error *err)
{
    struct axes *axes = &profile->axes;
    profile->narrow = canvas_is_narrow(canvas);
    if (make_title(profile, title, err) < 0 ||
        (profile->entries = memory_new(profile->count, sizeof(*profile->entries), err)) == NULL ||
        short_names_make(&profile->names, canvas, profile->full, profile->ends,
                         2 * profile->end_count, NAME_ROOM, THEME_LABEL, err) < 0)
        return -1;
    for (size_t s = 0; s < profile->count; s++)
        profile->entries[s] = (struct legend_entry){
            profile->series[s].label, LEGEND_BAR, {.colour = profile->series[s].colour}};
    *axes = (struct axes){.width = profile->narrow ? CANVAS_NARROW - THEME_MARGIN - LABELS_WIDTH
                                                   : PLOT_WIDTH,
                          .height = PLOT_HEIGHT,
                          .left = 0,
                          .right = (double)profile->classes,
                          .top = fmax(1, profile->ranks[0].images * 1.05)};
    profile->ticks = ticks_choose(0, axes->top, 6, true);
    profile->legend_height = LEGEND_ROW_HEIGHT * (double)legend_rows(canvas, profile->entries,
                                                                     profile->count, axes->width);
    axes->x = THEME_MARGIN + 20 + axes_y_labels_width(canvas, &profile->ticks);
    axes->y = THEME_MARGIN + THEME_TITLE_HEIGHT - 6 + profile->legend_height + 8;
    profile->width = axes->x + axes->width + THEME_MARGIN;
    profile->height = axes->y + PLOT_HEIGHT + FOOT +
                      (profile->narrow ? 2 * end_height(profile) + ROW : end_height(profile)) +
                      THEME_MARGIN + (short_names_note(&profile->names) != NULL ? NOTE_HEIGHT : 0);
    return 0;
}

/* A pixel at a time, each the class that lies there: so that no class of many is narrower than
 * what can be seen, and none is drawn twice as wide as its neighbour. */
static void draw_area(struct canvas *canvas, const struct profile *profile)
{
    const struct axes *axes = &profile->axes;
    const size_t columns = (size_t)(axes->width * CANVAS_SCALE);
    for (size_t i = 0; i < columns; i++) {
        const struct ranked *ranked = &profile->ranks[i * profile->classes / columns];
        double x = axes->x + (double)i / CANVAS_SCALE, below = 0;
        for (size_t s = 0; s < profile->count; s++) {
            double above = below + (double)profile->series[s].counts[ranked->class];
            double top = axes_y(axes, above);
            canvas_rectangle(canvas, x, top, 1.0 / CANVAS_SCALE, axes_y(axes, below) - top,
                             profile->series[s].colour, 1);
            below = above;
        }
    }
}

static void draw_ranks(struct canvas *canvas, const struct axes *axes)
{
    struct ticks ticks = ticks_choose(1, axes->right, axes->width < PLOT_WIDTH ? 5 : 11, true);
    double y = axes->y + axes->height;
    for (size_t i = 0; i < ticks.count; i++) {
        char text[TICK_TEXT_SIZE];
        double place = ticks_value(&ticks, i), x = axes_x(axes, place - 0.5);
        ticks_format(place, 0, text);
        canvas_line(canvas, x, y, x, y + 4, THEME_EDGE);
        canvas_text(canvas, x, y + 13, text, THEME_TICK);
    }
    canvas_text(canvas, axes->x + axes->width / 2, y + 31, "classes, those with most images first",
                THEME_LABEL);
}

/* Rows of name, stacked bar and number. */
static void draw_end(struct canvas *canvas, const struct profile *profile, bool last, double x,
                     double y)
{
    struct text_style name = THEME_LABEL, number = THEME_TICK;
    double column = profile->width - 2 * THEME_MARGIN;
    if (!profile->narrow)
        column = (column - COLUMN_GAP) / 2;
    double room = column - NAME_ROOM - 8 - NUMBER_ROOM;
    name.align = TEXT_RIGHT;
    number.align = TEXT_LEFT;
    canvas_text(canvas, x, y, last ? "fewest images" : "most images", THEME_HEADING);
    for (size_t i = 0; i < profile->end_count; i++) {
        size_t at = last ? profile->end_count + i : i, class = profile->ends[at];
        double middle = y + HEADING + ROW * ((double)i + 0.5), sum = 0;
        double start = x + NAME_ROOM + 8, scale = room / fmax(1, profile->ranks[0].images);
        char text[TICK_TEXT_SIZE];
        canvas_text(canvas, start - 8, middle, profile->names.texts[at], name);
        for (size_t s = 0; s < profile->count; s++) {
            double images = (double)profile->series[s].counts[class];
            canvas_rectangle(canvas, start + sum * scale, middle - 6, images * scale, 12,
                             profile->series[s].colour, 1);
            sum += images;
        }
        ticks_format(sum, 0, text);
        axes_text_within(canvas, start + sum * scale + 6, middle, text, NUMBER_ROOM - 6, number);
    }
}

static void draw(struct canvas *canvas, const struct profile *profile)
{
    const struct axes *axes = &profile->axes;
    double below = axes->y + PLOT_HEIGHT + FOOT;
    axes_text_within(canvas, THEME_MARGIN, THEME_MARGIN, text_string(&profile->title),
                     profile->width - 2 * THEME_MARGIN, THEME_TITLE);
    legend_draw(canvas, profile->entries, profile->count, axes->x,
                axes->y - profile->legend_height - 8, axes->width);
    axes_draw_y(canvas, axes, &profile->ticks);
    draw_area(canvas, profile);
    axes_draw_edge(canvas, axes);
    draw_ranks(canvas, axes);
    struct text_style style = THEME_LABEL;
    style.angle = 90;
    canvas_text(canvas, THEME_MARGIN + 7, axes->y + axes->height / 2, "images", style);
    draw_end(canvas, profile, false, THEME_MARGIN, below);
    if (profile->narrow)
        draw_end(canvas, profile, true, THEME_MARGIN, below + end_height(profile) + ROW / 2);
    else
        draw_end(canvas, profile, true, (profile->width + COLUMN_GAP) / 2, below);
    if (short_names_note(&profile->names) != NULL)
        axes_draw_note(canvas, short_names_note(&profile->names), profile->width, profile->height);
}

int plot_profile_draw(struct canvas *canvas, const char *title, const char *const *names,
                      size_t classes, const struct bars_series *series, size_t count,
                      struct error *err)
{
    struct profile profile = {.series = series,
                              .count = count,
                              .classes = classes,
                              .end_count = classes / 2 < LONGEST_END ? classes / 2 : LONGEST_END};
    int result = -1;
    ASSERT(classes >= 2 && count > 0);
    if (rank(&profile, names, err) == 0 && make_plan(canvas, title, &profile, err) == 0 &&
        canvas_lay(canvas, profile.width, profile.height, err) == 0) {
        draw(canvas, &profile);
        result = 0;
    }
    short_names_release(&profile.names);
    text_release(&profile.title);
    free(profile.entries);
    free(profile.ranks);
    return result;
}
