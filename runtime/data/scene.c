#include "data/scene.h"

#include "base/philox.h"

#include <stdbool.h>
#include <string.h>

enum { GRID = 4, SAMPLES = GRID * GRID }; /* antialiasing: samples of a pixel */

/* How hard the pictures are. */
static const double smallest = 6.5, largest = 10.5; /* half the object's side, in pixels */
static const double turn = 0.18; /* tangent of half the largest turn: 20 degrees */
static const double stretch = 0.15;
static const double noise = 0.07;
static const double contrast = 0.12; /* least squared distance of object and ground */
enum { FEWEST_BLOBS = 1, MOST_BLOBS = 4 };

/* ---- random numbers ---- */

struct draws {
    uint32_t seed, stream, index, block;
    struct philox words;
    int used;
};

static uint32_t draw_word(struct draws *draws)
{
    if (draws->used == 4) {
        draws->words =
            philox_at(draws->seed, RANDOM_GENERATE, draws->stream, draws->index, draws->block++);
        draws->used = 0;
    }
    return draws->words.words[draws->used++];
}

static double draw(struct draws *draws, double low, double high)
{
    return low + (high - low) * (double)philox_uniform(draw_word(draws));
}

static int draw_below(struct draws *draws, int bound)
{
    return (int)philox_below(draw_word(draws), (uint32_t)bound);
}

/* A direction without sine and cosine: the rational points of the circle. */
struct direction {
    double c, s;
};

static struct direction draw_direction(struct draws *draws, double half_tangent)
{
    double t = draw(draws, -half_tangent, half_tangent);
    return (struct direction){(1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)};
}

/* ---- colours ---- */

struct rgb {
    double r, g, b;
};

static struct rgb mix(struct rgb a, struct rgb b, double t)
{
    return (struct rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static struct rgb scale(struct rgb a, double t)
{
    return (struct rgb){a.r * t, a.g * t, a.b * t};
}

static double distance(struct rgb a, struct rgb b)
{
    double r = a.r - b.r, g = a.g - b.g, bl = a.b - b.b;
    return 0.3 * r * r + 0.5 * g * g + 0.2 * bl * bl;
}

static double clamp(double value)
{
    return value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
}

/* Height of one channel over the circle of hues, which is 6 long: a trapezium. */
static double hue_channel(double hue, double peak)
{
    double away = hue - peak;
    away = away < 0.0 ? -away : away;
    away = away > 3.0 ? 6.0 - away : away;
    return clamp(2.0 - away);
}

static struct rgb draw_colour(struct draws *draws, double saturation_low, double saturation_high,
                              double value_low, double value_high)
{
    double hue = draw(draws, 0.0, 6.0);
    double saturation = draw(draws, saturation_low, saturation_high);
    double value = draw(draws, value_low, value_high);
    struct rgb pure = {hue_channel(hue, 0.0), hue_channel(hue, 2.0), hue_channel(hue, 4.0)};
    return scale(mix((struct rgb){1.0, 1.0, 1.0}, pure, saturation), value);
}

/* Of a few colours the first that stands out from both; else the best. */
static struct rgb draw_contrast(struct draws *draws, struct rgb a, struct rgb b, double needed)
{
    struct rgb best = {0};
    double best_distance = -1.0;
    for (int i = 0; i < 12 && best_distance < needed; i++) {
        struct rgb colour = draw_colour(draws, 0.35, 0.95, 0.2, 1.0);
        double to_a = distance(colour, a), to_b = distance(colour, b);
        double nearest = to_a < to_b ? to_a : to_b;
        if (nearest > best_distance) {
            best = colour;
            best_distance = nearest;
        }
    }
    return best;
}

/* ---- ground ---- */

enum { LATTICE = 12 };

struct ground {
    enum { GROUND_CLOUDS, GROUND_STRIPES, GROUND_GRADIENT, GROUND_TILES, GROUND_KINDS } kind;
    struct rgb low, high;
    struct direction direction;
    double period, phase, cell, roughness;
    double lattice[LATTICE][LATTICE];
};

static double smooth(double t)
{
    return t * t * (3.0 - 2.0 * t);
}

/* A wave between 0 and 1 of period 1. */
static double wave(double x)
{
    double fraction = x - (double)(long)x;
    fraction = fraction < 0.0 ? fraction + 1.0 : fraction;
    return smooth(fraction < 0.5 ? 2.0 * fraction : 2.0 - 2.0 * fraction);
}

static void draw_ground(struct draws *draws, struct ground *ground)
{
    ground->kind = draw_below(draws, GROUND_KINDS);
    ground->low = draw_colour(draws, 0.1, 0.55, 0.25, 0.85);
    struct rgb other = draw_colour(draws, 0.1, 0.55, 0.2, 0.9);
    ground->high = mix(ground->low, other, draw(draws, 0.35, 0.8));
    ground->direction = draw_direction(draws, 1.0);
    ground->period = draw(draws, 5.0, 11.0);
    ground->phase = draw(draws, 1.0, 2.0) * 64.0;
    ground->cell = draw(draws, 3.5, 7.0);
    ground->roughness = draw(draws, 0.1, 0.35);
    for (int y = 0; y < LATTICE; y++)
        for (int x = 0; x < LATTICE; x++)
            ground->lattice[y][x] = draw(draws, 0.0, 1.0);
}

/* Value noise: the lattice, smoothly between its points. */
static double clouds(const struct ground *ground, double x, double y)
{
    double gx = x / ground->cell, gy = y / ground->cell;
    int i = (int)gx, j = (int)gy;
    double tx = smooth(gx - i), ty = smooth(gy - j);
    const double *upper = &ground->lattice[j][i], *lower = &ground->lattice[j + 1][i];
    double a = upper[0] + (upper[1] - upper[0]) * tx;
    double b = lower[0] + (lower[1] - lower[0]) * tx;
    return a + (b - a) * ty;
}

static struct rgb ground_at(const struct ground *ground, int column, int row)
{
    double x = column + 0.5, y = row + 0.5;
    double along = x * ground->direction.c + y * ground->direction.s;
    double across = y * ground->direction.c - x * ground->direction.s;
    double cloud = clouds(ground, x, y), t = 0.0;
    switch (ground->kind) {
    case GROUND_CLOUDS: t = cloud; break;
    case GROUND_STRIPES: t = wave((along + ground->phase) / ground->period); break;
    case GROUND_GRADIENT: t = along / (2.0 * SCENE_SIDE) + 0.25; break;
    default:
        t = wave((along + ground->phase) / ground->period) *
            wave((across + ground->phase) / ground->period);
        break;
    }
    return mix(ground->low, ground->high, clamp(t + ground->roughness * (2.0 * cloud - 1.0)));
}

/* ---- what lies on it ---- */

struct canvas {
    struct rgb pixels[SCENE_SIDE][SCENE_SIDE];
};

/* A soft, stretched blob that belongs to no class. */
static void draw_blob(struct draws *draws, struct canvas *canvas)
{
    double x0 = draw(draws, 0.0, SCENE_SIDE), y0 = draw(draws, 0.0, SCENE_SIDE);
    double rx = draw(draws, 1.2, 3.4), ry = draw(draws, 1.2, 3.4);
    double strength = draw(draws, 0.5, 1.0);
    struct rgb colour = draw_colour(draws, 0.3, 0.9, 0.2, 1.0);
    for (int y = 0; y < SCENE_SIDE; y++)
        for (int x = 0; x < SCENE_SIDE; x++) {
            double u = (x + 0.5 - x0) / rx, v = (y + 0.5 - y0) / ry;
            double cover = clamp(2.0 * (1.0 - u * u - v * v));
            canvas->pixels[y][x] = mix(canvas->pixels[y][x], colour, strength * cover);
        }
}

struct object {
    const struct silhouette *silhouette;
    struct rgb paints[4]; /* by enum paint */
    double x0, y0;        /* centre */
    double half_width, half_height;
    struct direction direction;
    bool mirrored;
};

static void draw_object(struct draws *draws, const struct ground *ground, struct object *object)
{
    double half = draw(draws, smallest, largest);
    object->half_width = half * draw(draws, 1.0 - stretch, 1.0 + stretch / 2.0);
    object->half_height = half * draw(draws, 1.0 - stretch, 1.0 + stretch / 2.0);
    object->direction = draw_direction(draws, turn);
    object->mirrored = draw_below(draws, 2) == 1;
    double margin = 1.2 * half; /* turned corners may touch the border */
    object->x0 = draw(draws, margin, SCENE_SIDE - margin);
    object->y0 = draw(draws, margin, SCENE_SIDE - margin);
    struct rgb main = draw_contrast(draws, ground->low, ground->high, contrast);
    struct rgb accent = draw_contrast(draws, main, ground->high, contrast / 2.0);
    object->paints[PAINT_MAIN] = main;
    object->paints[PAINT_ACCENT] = accent;
    object->paints[PAINT_DARK] = scale(main, 0.35);
}

/* Averages the paints of a pixel's samples into *colour; returns how many of
 * them the object covers. */
static int sample_object(const struct object *object, int x, int y, struct rgb *colour)
{
    int counts[4] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        double dx = x + (i % GRID + 0.5) / GRID - object->x0;
        double dy = y + (i / GRID + 0.5) / GRID - object->y0;
        double u = (dx * object->direction.c + dy * object->direction.s) / object->half_width;
        double v = (dy * object->direction.c - dx * object->direction.s) / object->half_height;
        if (u >= -1.0 && u <= 1.0 && v >= -1.0 && v <= 1.0)
            counts[silhouette_paint(object->silhouette, object->mirrored ? -u : u, v)]++;
    }
    int covered = counts[PAINT_MAIN] + counts[PAINT_ACCENT] + counts[PAINT_DARK];
    struct rgb sum = {0};
    for (int paint = PAINT_MAIN; paint <= PAINT_DARK; paint++) {
        double share = covered > 0 ? (double)counts[paint] / covered : 0.0;
        struct rgb part = scale(object->paints[paint], share);
        sum = (struct rgb){sum.r + part.r, sum.g + part.g, sum.b + part.b};
    }
    *colour = sum;
    return covered;
}

/* Paints the object, lit from above; its box holds the pixels of which it covers half. */
static void paint_object(const struct object *object, struct canvas *canvas, uint8_t box[4])
{
    int x0 = SCENE_SIDE, y0 = SCENE_SIDE, x1 = -1, y1 = -1;
    for (int y = 0; y < SCENE_SIDE; y++)
        for (int x = 0; x < SCENE_SIDE; x++) {
            struct rgb colour;
            int covered = sample_object(object, x, y, &colour);
            if (covered == 0)
                continue;
            double light = 1.0 - 0.15 * (y + 0.5 - object->y0) / object->half_height;
            canvas->pixels[y][x] =
                mix(canvas->pixels[y][x], scale(colour, light), (double)covered / SAMPLES);
            if (2 * covered < SAMPLES)
                continue;
            x0 = x < x0 ? x : x0, x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0, y1 = y > y1 ? y : y1;
        }
    box[0] = (uint8_t)x0, box[1] = (uint8_t)y0, box[2] = (uint8_t)x1, box[3] = (uint8_t)y1;
}

/* ---- the picture ---- */

static uint8_t to_byte(double value)
{
    return (uint8_t)(clamp(value) * 255.0 + 0.5);
}

/* Noise of triangular distribution from 16 random bits. */
static double draw_noise(uint32_t bits)
{
    return noise * ((double)(bits & 0xff) + (double)(bits >> 8 & 0xff) - 255.0) / 255.0;
}

static void finish(struct draws *draws, const struct canvas *canvas, struct scene *scene)
{
    for (int i = 0; i < SCENE_PIXELS; i++) {
        struct rgb pixel = canvas->pixels[i / SCENE_SIDE][i % SCENE_SIDE];
        uint32_t a = draw_word(draws), b = draw_word(draws);
        scene->planes[0][i] = to_byte(pixel.r + draw_noise(a));
        scene->planes[1][i] = to_byte(pixel.g + draw_noise(a >> 16));
        scene->planes[2][i] = to_byte(pixel.b + draw_noise(b));
    }
}

void scene_draw(const struct silhouette *silhouette, uint32_t seed, uint32_t stream, uint32_t index,
                struct scene *scene)
{
    struct draws draws = {.seed = seed, .stream = stream, .index = index, .used = 4};
    struct canvas canvas;
    struct ground ground;
    struct object object = {.silhouette = silhouette};
    draw_ground(&draws, &ground);
    draw_object(&draws, &ground, &object);
    for (int y = 0; y < SCENE_SIDE; y++)
        for (int x = 0; x < SCENE_SIDE; x++)
            canvas.pixels[y][x] = ground_at(&ground, x, y);
    for (int blobs = FEWEST_BLOBS + draw_below(&draws, MOST_BLOBS - FEWEST_BLOBS + 1); blobs > 0;
         blobs--)
        draw_blob(&draws, &canvas);
    paint_object(&object, &canvas, scene->box);
    finish(&draws, &canvas, scene);
}
