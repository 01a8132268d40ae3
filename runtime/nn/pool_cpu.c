/* Pools. Loops run over channels innermost, which lie side by side. */
#include "nn/cpu.h"
#include "nn/vector.h"

#include <string.h>

/* The part of one output's window that lies inside the picture: rows [top,bottom) and columns
 * [left,right). */
struct window {
    int64_t top, bottom, left, right;
    bool padded; /* some of it lies outside and counts as zero */
};

static int64_t out_height(const struct pool_shape *s)
{
    return (s->h + s->pad_top + s->pad_bottom - s->r) / s->stride + 1;
}

static int64_t out_width(const struct pool_shape *s)
{
    return (s->w + s->pad_left + s->pad_right - s->r) / s->stride + 1;
}

VECTOR_INLINE struct window window_at(const struct pool_shape *s, int64_t p, int64_t q)
{
    int64_t top = p * s->stride - s->pad_top, left = q * s->stride - s->pad_left;
    struct window w = {top, top + s->r, left, left + s->r, false};
    if (w.top < 0 || w.left < 0 || w.bottom > s->h || w.right > s->w)
        w.padded = s->zero_padding;
    w.top = w.top < 0 ? 0 : w.top;
    w.left = w.left < 0 ? 0 : w.left;
    w.bottom = w.bottom > s->h ? s->h : w.bottom;
    w.right = w.right > s->w ? s->w : w.right;
    return w;
}

VECTOR_INLINE void max_strip(int width, const struct pool_shape *s, const struct window *window,
                             const float *restrict x, float *restrict y)
{
    float best[WIDE];
    const float *first = x + (window->top * s->w + window->left) * s->c;
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        best[j] = window->padded ? 0.0f : first[j];
    for (int64_t row = window->top; row < window->bottom; row++)
        for (int64_t column = window->left; column < window->right; column++) {
            const float *in = x + (row * s->w + column) * s->c;
            /* Either comparison, so that a NaN wins and stays. */
            STRIP_LOOP
            for (int j = 0; j < width; j++)
                best[j] = in[j] > best[j] || in[j] != in[j] ? in[j] : best[j];
        }
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        y[j] = best[j];
}

VECTORISE static void max_forward(const struct pool_shape *s, int64_t p_count, int64_t q_count,
                                  const float *restrict x, float *restrict y)
{
    for (int64_t p = 0; p < p_count; p++)
        for (int64_t q = 0; q < q_count; q++) {
            struct window window = window_at(s, p, q);
            float *out = y + (p * q_count + q) * s->c;
            int64_t i = 0;
            for (; i + STRIP <= s->c; i += STRIP)
                max_strip(STRIP, s, &window, x + i, out + i);
            for (; i < s->c; i++)
                max_strip(1, s, &window, x + i, out + i);
        }
}

int max_pool_forward_cpu(struct lane *lane, const struct pool_shape *shape, const float *x,
                         float *y, struct error *err)
{
    (void)lane, (void)err;
    int64_t p = out_height(shape), q = out_width(shape);
    for (int64_t i = 0; i < shape->n; i++)
        max_forward(shape, p, q, x + i * shape->h * shape->w * shape->c, y + i * p * q * shape->c);
    return 0;
}

/* Gives each channel's gradient to the first place of its window, in row-major order and padding
 * included, that has the maximum; where that is a NaN, to the first NaN. */
VECTOR_INLINE void max_backward_strip(int width, const struct pool_shape *s, int64_t top,
                                      int64_t left, const float *restrict x,
                                      const float *restrict y, const float *restrict dy,
                                      float *restrict dx)
{
    float left_over[WIDE];
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        left_over[j] = dy[j];
    for (int64_t row = top; row < top + s->r; row++)
        for (int64_t column = left; column < left + s->r; column++) {
            bool inside = row >= 0 && row < s->h && column >= 0 && column < s->w;
            if (!inside && s->zero_padding)
                STRIP_LOOP
            for (int j = 0; j < width; j++)
                left_over[j] = y[j] == 0.0f ? 0.0f : left_over[j];
            if (!inside)
                continue;
            const float *in = x + (row * s->w + column) * s->c;
            float *out = dx + (row * s->w + column) * s->c;
            STRIP_LOOP
            for (int j = 0; j < width; j++) {
                bool here = (in[j] == y[j]) | ((in[j] != in[j]) & (y[j] != y[j]));
                out[j] += here ? left_over[j] : 0.0f;
                left_over[j] = here ? 0.0f : left_over[j];
            }
        }
}

VECTORISE static void max_backward(const struct pool_shape *s, int64_t p_count, int64_t q_count,
                                   const float *restrict x, const float *restrict y,
                                   const float *restrict dy, float *restrict dx)
{
    for (int64_t p = 0; p < p_count; p++)
        for (int64_t q = 0; q < q_count; q++) {
            int64_t top = p * s->stride - s->pad_top, left = q * s->stride - s->pad_left;
            int64_t at = (p * q_count + q) * s->c, i = 0;
            for (; i + STRIP <= s->c; i += STRIP)
                max_backward_strip(STRIP, s, top, left, x + i, y + at + i, dy + at + i, dx + i);
            for (; i < s->c; i++)
                max_backward_strip(1, s, top, left, x + i, y + at + i, dy + at + i, dx + i);
        }
}

int max_pool_backward_cpu(struct lane *lane, const struct pool_shape *shape, const float *x,
                          const float *y, const float *dy, float *dx, struct error *err)
{
    (void)lane, (void)err;
    int64_t p = out_height(shape), q = out_width(shape);
    int64_t in = shape->h * shape->w * shape->c, out = p * q * shape->c;
    memset(dx, 0, (size_t)(shape->n * in) * sizeof(*dx));
    for (int64_t i = 0; i < shape->n; i++)
        max_backward(shape, p, q, x + i * in, y + i * out, dy + i * out, dx + i * in);
    return 0;
}

VECTOR_INLINE void mean_strip(int width, int64_t places, int64_t c, const float *restrict x,
                              float *restrict y)
{
    float sum[WIDE] = {0};
    for (int64_t place = 0; place < places; place++)
        STRIP_LOOP
    for (int j = 0; j < width; j++)
        sum[j] += x[place * c + j];
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        y[j] = sum[j] / (float)places;
}

VECTORISE static void average_forward(int64_t n, int64_t places, int64_t c, const float *restrict x,
                                      float *restrict y)
{
    for (int64_t image = 0; image < n; image++) {
        const float *in = x + image * places * c;
        float *out = y + image * c;
        int64_t i = 0;
        for (; i + WIDE <= c; i += WIDE)
            mean_strip(WIDE, places, c, in + i, out + i);
        for (; i + STRIP <= c; i += STRIP)
            mean_strip(STRIP, places, c, in + i, out + i);
        for (; i < c; i++)
            mean_strip(1, places, c, in + i, out + i);
    }
}

int average_pool_forward_cpu(struct lane *lane, int64_t n, int64_t places, int64_t c,
                             const float *x, float *y, struct error *err)
{
    (void)lane, (void)err;
    average_forward(n, places, c, x, y);
    return 0;
}

/* The gradient of one place is written once and copied to the others. */
int average_pool_backward_cpu(struct lane *lane, int64_t n, int64_t places, int64_t c,
                              const float *dy, float *dx, struct error *err)
{
    (void)lane, (void)err;
    for (int64_t image = 0; image < n; image++) {
        float *first = dx + image * places * c;
        for (int64_t i = 0; i < c; i++)
            first[i] = dy[image * c + i] / (float)places;
        for (int64_t place = 1; place < places; place++)
            memcpy(first + place * c, first, (size_t)c * sizeof(*first));
    }
    return 0;
}
