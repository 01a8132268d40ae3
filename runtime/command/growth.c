#include "command/growth.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_LIMIT = 100000, ROWS = 9, LABEL = 8, LEAST_WIDTH = 20, MOST_WIDTH = 100, GAP = 3 };

static void start_again(struct growth *growth, int parts)
{
    growth_release(growth);
    growth->parts = parts <= PARTS_LIMIT ? parts : 0;
}

static struct growth_curve *find(struct growth *growth, const char *name)
{
    struct error ignored;
    for (int i = 0; i < growth->count; i++)
        if (strcmp(growth->curves[i].name, name) == 0)
            return &growth->curves[i];
    if (growth->count == PROGRESS_METRICS)
        return NULL;
    struct growth_curve *curve = &growth->curves[growth->count];
    if ((curve->values = memory_new((size_t)growth->parts, sizeof(double), &ignored)) == NULL)
        return NULL;
    snprintf(curve->name, sizeof(curve->name), "%s", name);
    for (int i = 0; i < growth->parts; i++)
        curve->values[i] = NAN;
    growth->count++;
    return curve;
}

void growth_take(struct growth *growth, const struct progress *progress)
{
    int part, parts;
    if (!progress_part(progress->metric_what, &part, &parts))
        return;
    if (parts != growth->parts)
        start_again(growth, parts);
    for (int i = 0; i < progress->metric_count && growth->parts > 0; i++) {
        struct growth_curve *curve =
            progress->metrics[i].told ? NULL : find(growth, progress->metrics[i].name);
        if (curve != NULL)
            curve->values[part - 1] = progress->metrics[i].value;
    }
}

void growth_release(struct growth *growth)
{
    for (int i = 0; i < growth->count; i++)
        free(growth->curves[i].values);
    *growth = (struct growth){0};
}

/* ---- as text ---- */

/* A metric and what was validated of it. */
struct pair {
    const struct growth_curve *curve, *val; /* `val` may be NULL */
    double low, high;
};

struct grid {
    int width;
    char cells[ROWS][MOST_WIDTH];
};

static const struct growth_curve *named(const struct growth *growth, const char *before,
                                        const char *name)
{
    char whole[PROGRESS_NAME + 8];
    snprintf(whole, sizeof(whole), "%s%s", before, name);
    for (int i = 0; i < growth->count; i++)
        if (strcmp(growth->curves[i].name, whole) == 0)
            return &growth->curves[i];
    return NULL;
}

/* Between two numbers that are larger there is no difference that a double holds. */
static bool has_place(double value)
{
    return fabs(value) < 1e300;
}

static void widen(const struct growth *growth, const struct growth_curve *curve, struct pair *pair)
{
    for (int i = 0; curve != NULL && i < growth->parts; i++)
        if (has_place(curve->values[i])) {
            pair->low = fmin(pair->low, curve->values[i]);
            pair->high = fmax(pair->high, curve->values[i]);
        }
}

static int known_parts(const struct growth *growth, const struct growth_curve *curve)
{
    int known = 0;
    for (int i = 0; i < growth->parts; i++)
        known += has_place(curve->values[i]);
    return known;
}

static bool make_pair(const struct growth *growth, const struct growth_curve *curve,
                      struct pair *pair)
{
    if (curve == NULL || strncmp(curve->name, "val_", 4) == 0 || known_parts(growth, curve) < 2)
        return false;
    *pair = (struct pair){curve, named(growth, "val_", curve->name), INFINITY, -INFINITY};
    widen(growth, curve, pair);
    widen(growth, pair->val, pair);
    if (pair->high <= pair->low) { /* a level line lies in the middle */
        double around = fmax(fabs(pair->low), 1.0) * 1e-3;
        pair->low -= around;
        pair->high += around;
    }
    return true;
}

static int choose_pairs(const struct growth *growth, struct pair pairs[2])
{
    int count = 0;
    static const char *const names[] = {"accuracy", "loss"};
    for (int i = 0; i < 2; i++)
        count += make_pair(growth, named(growth, "", names[i]), &pairs[count]);
    for (int i = 0; count == 0 && i < growth->count; i++)
        for (int c = i; c < growth->count && count < 2; c++)
            count += make_pair(growth, &growth->curves[c], &pairs[count]);
    return count;
}

/* At a place between two parts; NAN where one of them is not known. */
static double value_at(const struct growth *growth, const struct growth_curve *curve, double place)
{
    int left = (int)place, right = left + 1 < growth->parts ? left + 1 : left;
    double share = place - left, a = curve->values[left], b = curve->values[right];
    return share < 1e-9 ? a : a + share * (b - a);
}

static void draw_curve(const struct growth *growth, const struct pair *pair,
                       const struct growth_curve *curve, char mark, struct grid *grid)
{
    for (int x = 0; curve != NULL && x < grid->width; x++) {
        double place = (double)x * (growth->parts - 1) / (grid->width - 1);
        double value = value_at(growth, curve, place);
        if (has_place(value))
            grid->cells[(int)((pair->high - value) / (pair->high - pair->low) * (ROWS - 1) + 0.5)]
                       [x] = mark;
    }
}

static double last_value(const struct growth *growth, const struct growth_curve *curve)
{
    double last = NAN;
    for (int i = 0; i < growth->parts; i++)
        last = has_place(curve->values[i]) ? curve->values[i] : last;
    return last;
}

/* Over the plot, or further left and with a shorter word where that is too narrow for it. */
static void add_title(const struct growth *growth, const struct pair *pair, int width,
                      struct text *to)
{
    static const char *const words[] = {"validation", "val"};
    char title[PROGRESS_NAME + 80];
    const int room = LABEL + 1 + width;
    int length = room + 1;
    for (size_t i = 0; i < 2 && length > room; i++) {
        length = snprintf(title, sizeof(title), "%s  .. %.4g", pair->curve->name,
                          last_value(growth, pair->curve));
        if (pair->val != NULL)
            length += snprintf(title + length, sizeof(title) - (size_t)length, "  ** %s %.4g",
                               words[i], last_value(growth, pair->val));
    }
    int left = room - length;
    text_addf(to, "%*s%s", left > LABEL + 1 ? LABEL + 1 : left > 0 ? left : 0, "", title);
}

static void add_row(const struct pair *pair, const struct grid *grid, int row, struct text *to)
{
    if (row % 4 == 0)
        text_addf(to, "%*.4g |", LABEL - 1,
                  pair->high - (pair->high - pair->low) * row / (ROWS - 1));
    else
        text_addf(to, "%*s|", LABEL, "");
    text_append(to, grid->cells[row], (size_t)grid->width);
}

static void add_axis(const struct growth *growth, int width, struct text *to)
{
    char last[16];
    snprintf(last, sizeof(last), "%d", growth->parts);
    text_addf(to, "%*s1%*s", LABEL + 1, "", width - 1, last);
}

/* Row -1 is the title, ROWS the numbers below. */
static void add_line(const struct growth *growth, const struct pair *pair, const struct grid *grid,
                     int row, struct text *to)
{
    if (row < 0)
        add_title(growth, pair, grid->width, to);
    else if (row < ROWS)
        add_row(pair, grid, row, to);
    else
        add_axis(growth, grid->width, to);
}

/* What stands left of another is filled up. */
static void pad(struct text *to, size_t from, int columns)
{
    while (to->size - from < (size_t)columns && !to->failed)
        text_add(to, " ");
}

void growth_draw(const struct growth *growth, int columns, struct text *to)
{
    struct pair pairs[2];
    struct grid grids[2];
    int count = choose_pairs(growth, pairs);
    int each = count == 0 ? 0 : (columns - 1 - (count - 1) * GAP) / count;
    int width = each - LABEL - 1 < MOST_WIDTH ? each - LABEL - 1 : MOST_WIDTH;
    if (width < LEAST_WIDTH)
        return;
    for (int i = 0; i < count; i++) {
        grids[i].width = width;
        memset(grids[i].cells, ' ', sizeof(grids[i].cells));
        draw_curve(growth, &pairs[i], pairs[i].curve, '.', &grids[i]);
        draw_curve(growth, &pairs[i], pairs[i].val, '*', &grids[i]);
    }
    for (int row = -1; row <= ROWS; row++) {
        size_t from = to->size;
        for (int i = 0; i < count; i++) {
            pad(to, from, i * (LABEL + 1 + width + GAP));
            add_line(growth, &pairs[i], &grids[i], row, to);
        }
        while (to->size > from && to->data[to->size - 1] == ' ')
            to->size--;
        text_add(to, "\n");
    }
}
