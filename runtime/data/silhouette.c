/* Coordinates are in sixteenths: a silhouette fills the square from -16 to 16,
 * u to the right and v down. */
#include "data/silhouette.h"

#include <stdbool.h>
#include <stddef.h>

enum part_kind { END, ELLIPSE, BOX, POLYGON };

/* PAINT_NONE cuts a hole. */
enum { HOLE = PAINT_NONE, MAIN = PAINT_MAIN, ACCENT = PAINT_ACCENT, DARK = PAINT_DARK };

enum { MAX_PARTS = 10, MAX_NUMBERS = 24 };

/* Numbers: an ellipse's centre and radii; a box's left, top, right, bottom; a
 * polygon's corners, in order, u and v of each. */
struct part {
    unsigned char kind, paint, corner_count;
    signed char numbers[MAX_NUMBERS];
};

struct silhouette {
    const char *name;
    struct part parts[MAX_PARTS];
};

/* clang-format off */
static const struct silhouette objects[SILHOUETTE_CLASSES] = {
    {"house", {
        {BOX, DARK, 0, {6, -15, 10, -4}},
        {BOX, MAIN, 0, {-12, -3, 12, 15}},
        {POLYGON, ACCENT, 3, {-16, -2, 0, -16, 16, -2}},
        {BOX, DARK, 0, {-3, 5, 4, 15}}}},
    {"tree", {
        {BOX, ACCENT, 0, {-3, 7, 3, 16}},
        {POLYGON, MAIN, 3, {0, -16, -9, -3, 9, -3}},
        {POLYGON, MAIN, 3, {0, -10, -11, 3, 11, 3}},
        {POLYGON, MAIN, 3, {0, -5, -14, 10, 14, 10}}}},
    {"fish", {
        {POLYGON, ACCENT, 3, {4, 0, 16, -10, 16, 10}},
        {POLYGON, ACCENT, 3, {-6, -5, 4, -13, 5, -4}},
        {ELLIPSE, MAIN, 0, {-4, 0, 12, 8}},
        {ELLIPSE, DARK, 0, {-10, -2, 2, 2}}}},
    {"boat", {
        {BOX, DARK, 0, {-1, -16, 1, 7}},
        {POLYGON, ACCENT, 3, {2, -15, 2, 4, 14, 4}},
        {POLYGON, ACCENT, 3, {-2, -11, -2, 4, -11, 4}},
        {POLYGON, MAIN, 4, {-16, 6, 16, 6, 10, 15, -10, 15}}}},
    {"car", {
        {POLYGON, ACCENT, 4, {-11, 0, -7, -9, 5, -9, 10, 0}},
        {BOX, DARK, 0, {-2, -7, 0, 0}},
        {POLYGON, MAIN, 6, {-16, -1, 11, -1, 16, 2, 16, 8, -16, 8, -16, -1}},
        {ELLIPSE, DARK, 0, {-9, 8, 5, 5}},
        {ELLIPSE, DARK, 0, {9, 8, 5, 5}},
        {ELLIPSE, ACCENT, 0, {-9, 8, 2, 2}},
        {ELLIPSE, ACCENT, 0, {9, 8, 2, 2}}}},
    {"mushroom", {
        {ELLIPSE, MAIN, 0, {0, 0, 16, 15}},
        {BOX, HOLE, 0, {-16, 1, 16, 16}},
        {BOX, ACCENT, 0, {-5, 1, 5, 13}},
        {ELLIPSE, ACCENT, 0, {0, 13, 6, 3}},
        {ELLIPSE, ACCENT, 0, {-8, -4, 3, 3}},
        {ELLIPSE, ACCENT, 0, {1, -9, 3, 3}},
        {ELLIPSE, ACCENT, 0, {8, -3, 3, 3}}}},
    {"cup", {
        {ELLIPSE, MAIN, 0, {8, 0, 8, 8}},
        {ELLIPSE, HOLE, 0, {8, 0, 4, 4}},
        {POLYGON, MAIN, 4, {-15, -12, 8, -12, 5, 14, -12, 14}},
        {BOX, ACCENT, 0, {-14, -5, 7, 0}},
        {ELLIPSE, DARK, 0, {-3, -12, 12, 3}}}},
    {"key", {
        {ELLIPSE, MAIN, 0, {-8, 0, 8, 8}},
        {ELLIPSE, HOLE, 0, {-9, 0, 4, 4}},
        {BOX, MAIN, 0, {-1, -2, 16, 2}},
        {BOX, ACCENT, 0, {7, 2, 10, 8}},
        {BOX, ACCENT, 0, {13, 2, 16, 9}}}},
    {"star", {
        {POLYGON, MAIN, 10, {0, -16, 4, -5, 15, -5, 6, 2, 9, 13, 0, 6, -9, 13, -6, 2, -15, -5,
                             -4, -5}},
        {ELLIPSE, ACCENT, 0, {0, 0, 3, 3}}}},
    {"moon", {
        {ELLIPSE, MAIN, 0, {-1, 0, 15, 15}},
        {ELLIPSE, HOLE, 0, {6, -3, 12, 12}},
        {ELLIPSE, ACCENT, 0, {-9, 4, 2, 2}},
        {ELLIPSE, ACCENT, 0, {-7, -6, 2, 2}}}},
};

static const struct silhouette shapes[SILHOUETTE_CLASSES] = {
    {"target", {
        {ELLIPSE, MAIN, 0, {0, 0, 15, 15}},
        {ELLIPSE, ACCENT, 0, {0, 0, 8, 8}}}},
    {"ring", {
        {ELLIPSE, MAIN, 0, {0, 0, 15, 15}},
        {ELLIPSE, HOLE, 0, {0, 0, 9, 9}}}},
    {"frame", {
        {BOX, MAIN, 0, {-14, -14, 14, 14}},
        {BOX, HOLE, 0, {-8, -8, 8, 8}}}},
    {"triangle", {
        {POLYGON, MAIN, 3, {0, -15, -15, 13, 15, 13}},
        {ELLIPSE, ACCENT, 0, {0, 4, 4, 4}}}},
    {"cross", {
        {BOX, MAIN, 0, {-5, -15, 5, 15}},
        {BOX, MAIN, 0, {-15, -5, 15, 5}}}},
    {"arrow", {
        {BOX, ACCENT, 0, {-16, -4, 2, 4}},
        {POLYGON, MAIN, 3, {0, -12, 16, 0, 0, 12}}}},
    {"hourglass", {
        {POLYGON, MAIN, 3, {-12, -14, 12, -14, 0, 2}},
        {POLYGON, ACCENT, 3, {-12, 14, 12, 14, 0, -2}},
        {BOX, DARK, 0, {-13, -16, 13, -12}},
        {BOX, DARK, 0, {-13, 12, 13, 16}}}},
    {"bolt", {
        {POLYGON, MAIN, 6, {4, -16, -10, 3, -1, 3, -5, 16, 10, -4, 1, -4}}}},
    {"checker", {
        {BOX, MAIN, 0, {-14, -14, 14, 14}},
        {BOX, ACCENT, 0, {0, -14, 14, 0}},
        {BOX, ACCENT, 0, {-14, 0, 0, 14}}}},
    {"heart", {
        {ELLIPSE, MAIN, 0, {-7, -6, 8, 8}},
        {ELLIPSE, MAIN, 0, {7, -6, 8, 8}},
        {POLYGON, MAIN, 4, {-14, -2, 0, 15, 14, -2, 0, -5}}}},
};
/* clang-format on */

const struct silhouette *silhouette_of(enum silhouette_family family, int class_index)
{
    return family == FAMILY_OBJECTS ? &objects[class_index] : &shapes[class_index];
}

const char *silhouette_class_name(enum silhouette_family family, int class_index)
{
    return silhouette_of(family, class_index)->name;
}

/* Even-odd rule over the edges that cross the ray to the right. */
static bool polygon_contains(const struct part *part, double u, double v)
{
    bool inside = false;
    const signed char *end = part->numbers + 2 * (part->corner_count - 1);
    for (const signed char *from = end, *to = part->numbers; to <= end; from = to, to += 2)
        if ((to[1] > v) != (from[1] > v) &&
            u < (double)(from[0] - to[0]) * (v - to[1]) / (double)(from[1] - to[1]) + to[0])
            inside = !inside;
    return inside;
}

static bool part_contains(const struct part *part, double u, double v)
{
    const signed char *n = part->numbers;
    switch (part->kind) {
    case ELLIPSE: {
        double x = (u - n[0]) / n[2], y = (v - n[1]) / n[3];
        return x * x + y * y <= 1.0;
    }
    case BOX: return u >= n[0] && u <= n[2] && v >= n[1] && v <= n[3];
    default: return polygon_contains(part, u, v);
    }
}

enum paint silhouette_paint(const struct silhouette *silhouette, double u, double v)
{
    size_t count = 0;
    while (count < MAX_PARTS && silhouette->parts[count].kind != END)
        count++;
    while (count-- > 0)
        if (part_contains(&silhouette->parts[count], 16.0 * u, 16.0 * v))
            return (enum paint)silhouette->parts[count].paint;
    return PAINT_NONE;
}
