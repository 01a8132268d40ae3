#include "figure/text_layout.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double HAIR = 0.25;

int text_layout_add(struct text_layout *layout, const char *text, double size, const double x[4],
                    const double y[4], struct error *err)
{
    if (memory_grow(&layout->texts, &layout->capacity, layout->count + 1, sizeof(*layout->texts),
                    err) < 0)
        return -1;
    struct text_box *added = &layout->texts[layout->count];
    added->size = size;
    memcpy(added->x, x, sizeof(added->x));
    memcpy(added->y, y, sizeof(added->y));
    if ((added->text = memory_copy_text(text, err)) == NULL)
        return -1;
    layout->count++;
    return 0;
}

void text_layout_release(struct text_layout *layout)
{
    for (size_t i = 0; i < layout->count; i++)
        free(layout->texts[i].text);
    free(layout->texts);
    *layout = (struct text_layout){0};
}

/* The box's shadow on the direction (dx, dy). */
static void project(const struct text_box *text, double dx, double dy, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < 4; i++) {
        double at = text->x[i] * dx + text->y[i] * dy;
        *low = fmin(*low, at);
        *high = fmax(*high, at);
    }
}

/* Whether the shadows on one of a's sides are apart. */
static bool apart(const struct text_box *a, const struct text_box *b, int side)
{
    double dx = a->x[side + 1] - a->x[side], dy = a->y[side + 1] - a->y[side];
    double length = hypot(dx, dy), low[2], high[2];
    if (!(length > 0))
        return false;
    project(a, dx / length, dy / length, &low[0], &high[0]);
    project(b, dx / length, dy / length, &low[1], &high[1]);
    return high[0] <= low[1] + HAIR || high[1] <= low[0] + HAIR;
}

/* Two rectangles are apart where their shadows are on one of their four directions. */
bool text_layout_overlap(const struct text_box *a, const struct text_box *b)
{
    for (int side = 0; side < 2; side++)
        if (apart(a, b, side) || apart(b, a, side))
            return false;
    return true;
}

bool text_layout_find_overlap(const struct text_layout *layout, size_t pair[2])
{
    for (size_t i = 0; i < layout->count; i++)
        for (size_t j = 0; j < i; j++)
            if (text_layout_overlap(&layout->texts[i], &layout->texts[j])) {
                pair[0] = j;
                pair[1] = i;
                return true;
            }
    return false;
}

bool text_layout_within(const struct text_box *text, double width, double height)
{
    for (int i = 0; i < 4; i++)
        if (!(text->x[i] >= 0 && text->x[i] <= width && text->y[i] >= 0 && text->y[i] <= height))
            return false;
    return true;
}
