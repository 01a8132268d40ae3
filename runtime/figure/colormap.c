#include "figure/colormap.h"

#include <math.h>

enum { ENTRIES = 256 };

/* A colour channel as matplotlib's segment data has it: straight lines between (position, value)
 * knots. */
struct knot {
    double position, value;
};

static const struct knot jet_red[] = {{0, 0}, {0.35, 0}, {0.66, 1}, {0.89, 1}, {1, 0.5}};
static const struct knot jet_green[] = {{0, 0},    {0.125, 0}, {0.375, 1},
                                        {0.64, 1}, {0.91, 0},  {1, 0}};
static const struct knot jet_blue[] = {{0, 0.5}, {0.11, 1}, {0.34, 1}, {0.65, 0}, {1, 0}};

/* ColorBrewer's nine-class "Blues". */
static const uint8_t blues[9][3] = {{247, 251, 255}, {222, 235, 247}, {198, 219, 239},
                                    {158, 202, 225}, {107, 174, 214}, {66, 146, 198},
                                    {33, 113, 181},  {8, 81, 156},    {8, 48, 107}};

static const uint8_t deep[10][3] = {{0x4c, 0x72, 0xb0}, {0xdd, 0x84, 0x52}, {0x55, 0xa8, 0x68},
                                    {0xc4, 0x4e, 0x52}, {0x81, 0x72, 0xb3}, {0x93, 0x78, 0x60},
                                    {0xda, 0x8b, 0xc3}, {0x8c, 0x8c, 0x8c}, {0xcc, 0xb9, 0x74},
                                    {0x64, 0xb5, 0xcd}};

static double cut(double value)
{
    return value > 0 ? (value < 1 ? value : 1) : 0;
}

/* Entry `index` of the table that matplotlib builds; the order of operations is what makes it
 * exact. */
static double interpolate(const struct knot *knots, size_t count, int index)
{
    const double top = ENTRIES - 1;
    if (index == 0)
        return knots[0].value;
    if (index == ENTRIES - 1)
        return knots[count - 1].value;
    double x = top * (index * (1.0 / top));
    size_t j = 1;
    while (j < count - 1 && knots[j].position * top < x)
        j++;
    double below = knots[j - 1].position * top, above = knots[j].position * top;
    double value =
        (x - below) / (above - below) * (knots[j].value - knots[j - 1].value) + knots[j - 1].value;
    return cut(value);
}

struct colour colormap_jet(uint8_t index)
{
    return (struct colour){
        interpolate(jet_red, sizeof(jet_red) / sizeof(jet_red[0]), index),
        interpolate(jet_green, sizeof(jet_green) / sizeof(jet_green[0]), index),
        interpolate(jet_blue, sizeof(jet_blue) / sizeof(jet_blue[0]), index),
    };
}

struct colour colormap_blues(double t)
{
    int index = (int)(cut(t) * ENTRIES);
    if (index >= ENTRIES)
        index = ENTRIES - 1;
    double channels[3];
    for (int c = 0; c < 3; c++) {
        struct knot knots[9];
        for (int i = 0; i < 9; i++)
            knots[i] = (struct knot){i / 8.0, blues[i][c] / 255.0};
        channels[c] = interpolate(knots, 9, index);
    }
    return (struct colour){channels[0], channels[1], channels[2]};
}

struct colour colormap_deep(size_t index)
{
    const uint8_t *rgb = deep[index % (sizeof(deep) / sizeof(deep[0]))];
    return (struct colour){rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0};
}

static double linear(double channel)
{
    return channel <= 0.03928 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4);
}

double colour_luminance(struct colour colour)
{
    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b);
}

void colour_to_bytes(struct colour colour, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(cut(colour.r) * 255 + 0.5);
    rgb[1] = (uint8_t)(cut(colour.g) * 255 + 0.5);
    rgb[2] = (uint8_t)(cut(colour.b) * 255 + 0.5);
}
