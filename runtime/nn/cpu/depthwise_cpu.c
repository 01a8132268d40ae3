#include "nn/cpu/depthwise_cpu.h"

#include "nn/cpu/strip.h"

#include <string.h>

enum { MOST_TAPS = 5 };

bool depthwise_gradient_takes(const struct conv_shape *shape, const struct conv_options *options)
{
    return shape->groups == shape->c && shape->k == shape->c && shape->c % STRIP == 0 &&
           (shape->s == 3 || shape->s == 5) && !options->bias;
}

/* A strip of channels in a row of x and the row of dy that it meets: pointers to the element, and
 * elements from one place to the next. */
struct rows {
    const void *x, *dy;
    int64_t x_at, dy_at, channels;
};

/* sums[tap] += x[column - pad + tap] * dy[column / stride] for the taps that lie within the row. */
VECTOR_INLINE void add_edge(enum dtype dtype, int taps, const struct conv_shape *s,
                            const struct rows *rows, int64_t q, strip_values *sums)
{
    strip_values dy, x;
    strip_take(dtype, rows->dy, rows->dy_at + q * rows->channels, &dy);
    for (int tap = 0; tap < taps; tap++) {
        const int64_t column = q * s->stride - s->pad_left + tap;
        if (column < 0 || column >= s->w)
            continue;
        strip_take(dtype, rows->x, rows->x_at + column * rows->channels, &x);
        sums[tap] += x * dy;
    }
}

VECTOR_INLINE void add_inner(enum dtype dtype, int taps, const struct conv_shape *s,
                             const struct rows *rows, int64_t q, strip_values *sums)
{
    const int64_t first = rows->x_at + (q * s->stride - s->pad_left) * rows->channels;
    strip_values dy, x;
    strip_take(dtype, rows->dy, rows->dy_at + q * rows->channels, &dy);
    for (int tap = 0; tap < taps; tap++) {
        strip_take(dtype, rows->x, first + tap * rows->channels, &x);
        sums[tap] += x * dy;
    }
}

VECTOR_INLINE void add_row(enum dtype dtype, int taps, const struct conv_shape *s,
                           const struct rows *rows, float *dw)
{
    const int64_t columns = conv_out_width(s);
    /* Of these no tap lies outside. */
    const int64_t begin = (s->pad_left + s->stride - 1) / s->stride;
    const int64_t last = s->w - taps + s->pad_left;
    const int64_t end = last < 0 ? 0 : last / s->stride + 1;
    strip_values sums[MOST_TAPS] = {0}, total;
    int64_t q = 0;
    for (; q < columns && q < begin; q++)
        add_edge(dtype, taps, s, rows, q, sums);
    for (; q < columns && q < end; q++)
        add_inner(dtype, taps, s, rows, q, sums);
    for (; q < columns; q++)
        add_edge(dtype, taps, s, rows, q, sums);
    for (int tap = 0; tap < taps; tap++) {
        memcpy(&total, dw + tap * s->c, sizeof(total));
        total += sums[tap];
        memcpy(dw + tap * s->c, &total, sizeof(total));
    }
}

VECTOR_INLINE void add_images(enum dtype dtype, int taps, const struct conv_shape *s, const void *x,
                              const void *dy, float *dw)
{
    const int64_t height = conv_out_height(s), width = conv_out_width(s);
    for (int64_t image = 0; image < s->n; image++)
        for (int64_t channel = 0; channel < s->c; channel += STRIP)
            for (int64_t p = 0; p < height; p++)
                for (int64_t r = 0; r < s->r; r++) {
                    const int64_t row = p * s->stride - s->pad_top + r;
                    const struct rows rows = {x, dy, (image * s->h + row) * s->w * s->c + channel,
                                              (image * height + p) * width * s->c + channel, s->c};
                    if (row >= 0 && row < s->h)
                        add_row(dtype, taps, s, &rows, dw + r * taps * s->c + channel);
                }
}

VECTOR_INLINE void add_all(enum dtype dtype, const struct conv_shape *s, const void *x,
                           const void *dy, float *dw)
{
    if (s->s == 3)
        add_images(dtype, 3, s, x, dy, dw);
    else
        add_images(dtype, MOST_TAPS, s, x, dy, dw);
}

VECTORISE static void gradient_f32(const struct conv_shape *s, const void *x, const void *dy,
                                   float *dw)
{
    add_all(DTYPE_F32, s, x, dy, dw);
}

VECTORISE static void gradient_bf16(const struct conv_shape *s, const void *x, const void *dy,
                                    float *dw)
{
    add_all(DTYPE_BF16, s, x, dy, dw);
}

void depthwise_gradient(const struct conv_shape *shape, enum dtype dtype, const void *x,
                        const void *dy, float *dw)
{
    memset(dw, 0, (size_t)(shape->r * shape->s * shape->c) * sizeof(*dw));
    (dtype == DTYPE_F32 ? gradient_f32 : gradient_bf16)(shape, x, dy, dw);
}
