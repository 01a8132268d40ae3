/* Pools. Loops run over channels innermost, which lie side by side. */
#include "nn/cpu/cpu.h"
#include "nn/cpu/strip.h"

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

VECTOR_INLINE void max_strip(enum dtype dtype, int width, const struct pool_shape *s,
                             const struct window *window, const void *restrict x, int64_t channel,
                             void *restrict y, int64_t at)
{
    float best[STRIP] = {0}, in[STRIP];
    if (!window->padded)
        strip_load(dtype, width, x, (window->top * s->w + window->left) * s->c + channel, best);
    for (int64_t row = window->top; row < window->bottom; row++)
        for (int64_t column = window->left; column < window->right; column++) {
            strip_load(dtype, width, x, (row * s->w + column) * s->c + channel, in);
            /* Either comparison, so that a NaN wins and stays. */
            STRIP_LOOP
            for (int j = 0; j < width; j++)
                best[j] = in[j] > best[j] || in[j] != in[j] ? in[j] : best[j];
        }
    strip_store(dtype, width, best, y, at);
}

VECTOR_INLINE void max_image(enum dtype dtype, const struct pool_shape *s, int64_t p_count,
                             int64_t q_count, const void *restrict x, void *restrict y)
{
    for (int64_t p = 0; p < p_count; p++)
        for (int64_t q = 0; q < q_count; q++) {
            struct window window = window_at(s, p, q);
            int64_t at = (p * q_count + q) * s->c, i = 0;
            for (; i + STRIP <= s->c; i += STRIP)
                max_strip(dtype, STRIP, s, &window, x, i, y, at + i);
            for (; i < s->c; i++)
                max_strip(dtype, 1, s, &window, x, i, y, at + i);
        }
}

VECTORISE static void max_forward(enum dtype dtype, const struct pool_shape *s, int64_t p_count,
                                  int64_t q_count, const void *restrict x, void *restrict y)
{
    if (dtype == DTYPE_F32)
        max_image(DTYPE_F32, s, p_count, q_count, x, y);
    else
        max_image(DTYPE_BF16, s, p_count, q_count, x, y);
}

int max_pool_forward(struct lane *lane, enum dtype dtype, const struct pool_shape *shape,
                     const void *x, void *y, struct error *err)
{
    (void)lane, (void)err;
    int64_t p = out_height(shape), q = out_width(shape);
    int64_t in = shape->h * shape->w * shape->c, out = p * q * shape->c;
    for (int64_t i = 0; i < shape->n; i++)
        max_forward(dtype, shape, p, q, dtype_in(x, dtype, i * in), dtype_at(y, dtype, i * out));
    return 0;
}

/* Gives each channel's gradient to the first place of its window, in row-major order and padding
 * included, that has the maximum; where that is a NaN, to the first NaN. */
VECTOR_INLINE void max_backward_strip(enum dtype dtype, int width, const struct pool_shape *s,
                                      int64_t top, int64_t left, const void *restrict x,
                                      const void *restrict y, const void *restrict dy,
                                      void *restrict dx, int64_t channel, int64_t at)
{
    float left_over[STRIP], ys[STRIP], in[STRIP], out[STRIP];
    strip_load(dtype, width, dy, at, left_over);
    strip_load(dtype, width, y, at, ys);
    for (int64_t row = top; row < top + s->r; row++)
        for (int64_t column = left; column < left + s->r; column++) {
            bool inside = row >= 0 && row < s->h && column >= 0 && column < s->w;
            if (!inside && s->zero_padding)
                STRIP_LOOP
            for (int j = 0; j < width; j++)
                left_over[j] = ys[j] == 0.0f ? 0.0f : left_over[j];
            if (!inside)
                continue;
            int64_t place = (row * s->w + column) * s->c + channel;
            strip_load(dtype, width, x, place, in);
            strip_load(dtype, width, dx, place, out);
            STRIP_LOOP
            for (int j = 0; j < width; j++) {
                bool here = (in[j] == ys[j]) | ((in[j] != in[j]) & (ys[j] != ys[j]));
                out[j] += here ? left_over[j] : 0.0f;
                left_over[j] = here ? 0.0f : left_over[j];
            }
            strip_store(dtype, width, out, dx, place);
        }
}

VECTOR_INLINE void max_backward_image(enum dtype dtype, const struct pool_shape *s, int64_t p_count,
                                      int64_t q_count, const void *restrict x,
                                      const void *restrict y, const void *restrict dy,
                                      void *restrict dx)
{
    for (int64_t p = 0; p < p_count; p++)
        for (int64_t q = 0; q < q_count; q++) {
            int64_t top = p * s->stride - s->pad_top, left = q * s->stride - s->pad_left;
            int64_t at = (p * q_count + q) * s->c, i = 0;
            for (; i + STRIP <= s->c; i += STRIP)
                max_backward_strip(dtype, STRIP, s, top, left, x, y, dy, dx, i, at + i);
            for (; i < s->c; i++)
                max_backward_strip(dtype, 1, s, top, left, x, y, dy, dx, i, at + i);
        }
}

VECTORISE static void max_backward(enum dtype dtype, const struct pool_shape *s, int64_t p_count,
                                   int64_t q_count, const void *restrict x, const void *restrict y,
                                   const void *restrict dy, void *restrict dx)
{
    if (dtype == DTYPE_F32)
        max_backward_image(DTYPE_F32, s, p_count, q_count, x, y, dy, dx);
    else
        max_backward_image(DTYPE_BF16, s, p_count, q_count, x, y, dy, dx);
}

int max_pool_backward(struct lane *lane, enum dtype dtype, const struct pool_shape *shape,
                      const void *x, const void *y, const void *dy, void *dx, struct error *err)
{
    (void)lane, (void)err;
    int64_t p = out_height(shape), q = out_width(shape);
    int64_t in = shape->h * shape->w * shape->c, out = p * q * shape->c;
    memset(dx, 0, (size_t)(shape->n * in) * dtype_size(dtype));
    for (int64_t i = 0; i < shape->n; i++)
        max_backward(dtype, shape, p, q, dtype_in(x, dtype, i * in), dtype_in(y, dtype, i * out),
                     dtype_in(dy, dtype, i * out), dtype_at(dx, dtype, i * in));
    return 0;
}

VECTOR_INLINE void mean_strip(enum dtype dtype, int width, int64_t places, int64_t c,
                              const void *restrict x, int64_t from, void *restrict y, int64_t at)
{
    float sum[WIDE] = {0}, in[WIDE];
    for (int64_t place = 0; place < places; place++) {
        strip_load(dtype, width, x, from + place * c, in);
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            sum[j] += in[j];
    }
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        sum[j] /= (float)places;
    strip_store(dtype, width, sum, y, at);
}

VECTOR_INLINE void average_images(enum dtype dtype, int64_t n, int64_t places, int64_t c,
                                  const void *restrict x, void *restrict y)
{
    for (int64_t image = 0; image < n; image++) {
        int64_t from = image * places * c, at = image * c, i = 0;
        for (; i + WIDE <= c; i += WIDE)
            mean_strip(dtype, WIDE, places, c, x, from + i, y, at + i);
        for (; i + STRIP <= c; i += STRIP)
            mean_strip(dtype, STRIP, places, c, x, from + i, y, at + i);
        for (; i < c; i++)
            mean_strip(dtype, 1, places, c, x, from + i, y, at + i);
    }
}

VECTORISE static void average_forward(enum dtype dtype, int64_t n, int64_t places, int64_t c,
                                      const void *restrict x, void *restrict y)
{
    if (dtype == DTYPE_F32)
        average_images(DTYPE_F32, n, places, c, x, y);
    else
        average_images(DTYPE_BF16, n, places, c, x, y);
}

int average_pool_forward(struct lane *lane, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                         const void *x, void *y, struct error *err)
{
    (void)lane, (void)err;
    average_forward(dtype, n, places, c, x, y);
    return 0;
}

/* The gradient of one place is written once and copied to the others. */
int average_pool_backward(struct lane *lane, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                          const void *dy, void *dx, struct error *err)
{
    (void)lane, (void)err;
    for (int64_t image = 0; image < n; image++) {
        char *first = dtype_at(dx, dtype, image * places * c);
        const size_t bytes = (size_t)c * dtype_size(dtype);
        for (int64_t i = 0; i < c; i++) {
            float value;
            strip_load(dtype, 1, dy, image * c + i, &value);
            value /= (float)places;
            strip_store(dtype, 1, &value, first, i);
        }
        for (int64_t place = 1; place < places; place++)
            memcpy(first + (size_t)place * bytes, first, bytes);
    }
    return 0;
}
