/* Batch norm's loops. Sums over rows run per channel in row order: f32 within
 * a block of BLOCK rows, f64 over blocks. No sum crosses channels, so the
 * width of the vectors has no influence. */
#include "nn/cpu/cpu.h"
#include "nn/cpu/strip.h"

enum { BLOCK = 32 };

/* What is added up for a channel: first[] and second[] of one strip from element `at` on, over
 * `rows` rows that lie c values apart. With `y` NULL: x - centre and its square; else y and y * (x
 * - centre). */
VECTOR_INLINE void add_strip(enum dtype dtype, int64_t rows, int64_t c, const void *restrict x,
                             const void *restrict y, int64_t at, const float *restrict centre,
                             double *restrict first, double *restrict second)
{
    strip_values a = {0}, b = {0}, middle, deviation, value;
    strip_take(DTYPE_F32, centre, 0, &middle);
    for (int64_t row = 0; row < rows; row++) {
        strip_take(dtype, x, at + row * c, &deviation);
        deviation -= middle;
        value = deviation;
        if (y != NULL)
            strip_take(dtype, y, at + row * c, &value);
        a += value;
        b += value * deviation;
    }
    STRIP_LOOP
    for (int j = 0; j < STRIP; j++) {
        first[j] += (double)a[j];
        second[j] += (double)b[j];
    }
}

/* The same of one channel. */
VECTOR_INLINE void add_channel(enum dtype dtype, int64_t rows, int64_t c, const void *restrict x,
                               const void *restrict y, int64_t at, float centre,
                               double *restrict first, double *restrict second)
{
    float a = 0, b = 0, deviation, value;
    for (int64_t row = 0; row < rows; row++) {
        strip_load(dtype, 1, x, at + row * c, &deviation);
        deviation -= centre;
        value = deviation;
        if (y != NULL)
            strip_load(dtype, 1, y, at + row * c, &value);
        a += value;
        b += value * deviation;
    }
    *first += (double)a;
    *second += (double)b;
}

VECTOR_INLINE void add_rows(enum dtype dtype, int64_t rows, int64_t c, const void *restrict x,
                            const void *restrict y, const float *restrict centre,
                            double *restrict first, double *restrict second)
{
    for (int64_t start = 0; start < rows; start += BLOCK) {
        int64_t height = rows - start < BLOCK ? rows - start : BLOCK, at = start * c, i = 0;
        for (; i + STRIP <= c; i += STRIP)
            add_strip(dtype, height, c, x, y, at + i, centre + i, first + i, second + i);
        for (; i < c; i++)
            add_channel(dtype, height, c, x, y, at + i, centre[i], first + i, second + i);
    }
}

VECTORISE static void add_deviations(enum dtype dtype, int64_t rows, int64_t c,
                                     const void *restrict x, const float *restrict centre,
                                     double *restrict sum, double *restrict squares)
{
    if (dtype == DTYPE_F32)
        add_rows(DTYPE_F32, rows, c, x, NULL, centre, sum, squares);
    else
        add_rows(DTYPE_BF16, rows, c, x, NULL, centre, sum, squares);
}

VECTORISE static void add_products(enum dtype dtype, int64_t rows, int64_t c,
                                   const void *restrict x, const void *restrict dy,
                                   const float *restrict centre, double *restrict sum,
                                   double *restrict products)
{
    if (dtype == DTYPE_F32)
        add_rows(DTYPE_F32, rows, c, x, dy, centre, sum, products);
    else
        add_rows(DTYPE_BF16, rows, c, x, dy, centre, sum, products);
}

/* Deviations are taken from the first row's values, which are near the mean compared with the
 * spread, or the mean of the first block where they are not: so squares don't cancel. */
int norm_statistics(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                    double *mean, double *m2, struct error *err)
{
    size_t channels = (size_t)c;
    double *sum = lane_scratch(lane, channels * (2 * sizeof(double) + sizeof(float)), err);
    if (sum == NULL)
        return -1;
    double *squares = sum + c;
    float *centre = (float *)(squares + c);
    int64_t first = rows < BLOCK ? rows : BLOCK;
    for (int64_t i = 0; i < c; i++)
        centre[i] = 0, sum[i] = 0, squares[i] = 0;
    add_deviations(dtype, first, c, x, centre, sum, squares);
    for (int64_t i = 0; i < c; i++) {
        centre[i] = rows == 0 ? 0.0f : (float)(sum[i] / (double)first);
        sum[i] = 0, squares[i] = 0;
    }
    add_deviations(dtype, rows, c, x, centre, sum, squares);
    for (int64_t i = 0; i < c; i++) {
        double shift = rows == 0 ? 0.0 : sum[i] / (double)rows;
        double square = squares[i] - sum[i] * shift;
        mean[i] = (double)centre[i] + shift;
        m2[i] = square < 0 ? 0 : square;
    }
    return 0;
}

VECTOR_INLINE void apply_strip(enum dtype dtype, int width, const void *x,
                               const float *restrict scale, const float *restrict shift,
                               const void *residual, enum activation activation, void *y,
                               int64_t at)
{
    float xs[STRIP], others[STRIP], out[STRIP];
    strip_load(dtype, width, x, at, xs);
    if (residual != NULL)
        strip_load(dtype, width, residual, at, others);
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float value = xs[j] * scale[j] + shift[j];
        if (residual != NULL)
            value += others[j];
        out[j] = strip_activate(activation, value);
    }
    strip_store(dtype, width, out, y, at);
}

VECTOR_INLINE void apply_rows(enum dtype dtype, int64_t rows, int64_t c, const void *x,
                              const float *scale, const float *shift, const void *residual,
                              enum activation activation, void *y)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * c, i = 0;
        for (; i + STRIP <= c; i += STRIP)
            apply_strip(dtype, STRIP, x, scale + i, shift + i, residual, activation, y, at + i);
        for (; i < c; i++)
            apply_strip(dtype, 1, x, scale + i, shift + i, residual, activation, y, at + i);
    }
}

/* A loop for each case, so that none decides per element. */
VECTOR_INLINE void apply_cases(enum dtype dtype, int64_t rows, int64_t c, const void *x,
                               const float *scale, const float *shift, const void *residual,
                               enum activation activation, void *y)
{
    if (residual == NULL)
        switch (activation) {
        case ACTIVATION_NONE:
            apply_rows(dtype, rows, c, x, scale, shift, NULL, ACTIVATION_NONE, y);
            break;
        case ACTIVATION_RELU:
            apply_rows(dtype, rows, c, x, scale, shift, NULL, ACTIVATION_RELU, y);
            break;
        case ACTIVATION_RELU6:
            apply_rows(dtype, rows, c, x, scale, shift, NULL, ACTIVATION_RELU6, y);
            break;
        }
    else
        switch (activation) {
        case ACTIVATION_NONE:
            apply_rows(dtype, rows, c, x, scale, shift, residual, ACTIVATION_NONE, y);
            break;
        case ACTIVATION_RELU:
            apply_rows(dtype, rows, c, x, scale, shift, residual, ACTIVATION_RELU, y);
            break;
        case ACTIVATION_RELU6:
            apply_rows(dtype, rows, c, x, scale, shift, residual, ACTIVATION_RELU6, y);
            break;
        }
}

VECTORISE static void apply(enum dtype dtype, int64_t rows, int64_t c, const void *x,
                            const float *scale, const float *shift, const void *residual,
                            enum activation activation, void *y)
{
    if (dtype == DTYPE_F32)
        apply_cases(DTYPE_F32, rows, c, x, scale, shift, residual, activation, y);
    else
        apply_cases(DTYPE_BF16, rows, c, x, scale, shift, residual, activation, y);
}

int norm_apply(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
               const float *scale, const float *shift, const void *residual,
               enum activation activation, void *y, struct error *err)
{
    (void)lane, (void)err;
    apply(dtype, rows, c, x, scale, shift, residual, activation, y);
    return 0;
}

int norm_backward_sums(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const void *dy, const float *mean, const float *rstd, double *dgamma,
                       double *dbeta, struct error *err)
{
    (void)lane, (void)err;
    for (int64_t i = 0; i < c; i++)
        dgamma[i] = 0, dbeta[i] = 0;
    add_products(dtype, rows, c, x, dy, mean, dbeta, dgamma);
    for (int64_t i = 0; i < c; i++)
        dgamma[i] *= (double)rstd[i];
    return 0;
}

/* dx = a*dy + b*x + d, and without b and d where they are NULL. */
VECTOR_INLINE void data_strip(enum dtype dtype, int width, const void *x, const void *dy,
                              const float *restrict a, const float *restrict b,
                              const float *restrict d, void *dx, int64_t at)
{
    float xs[STRIP], dys[STRIP], out[STRIP];
    strip_load(dtype, width, dy, at, dys);
    if (b != NULL)
        strip_load(dtype, width, x, at, xs);
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float value = a[j] * dys[j];
        if (b != NULL)
            value += b[j] * xs[j] + d[j];
        out[j] = value;
    }
    strip_store(dtype, width, out, dx, at);
}

VECTOR_INLINE void scale_rows(enum dtype dtype, int64_t rows, int64_t c, const void *dy,
                              const float *a, void *dx)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * c, i = 0;
        for (; i + STRIP <= c; i += STRIP)
            data_strip(dtype, STRIP, NULL, dy, a + i, NULL, NULL, dx, at + i);
        for (; i < c; i++)
            data_strip(dtype, 1, NULL, dy, a + i, NULL, NULL, dx, at + i);
    }
}

VECTOR_INLINE void combine_rows(enum dtype dtype, int64_t rows, int64_t c, const void *x,
                                const void *dy, const float *a, const float *b, const float *d,
                                void *dx)
{
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * c, i = 0;
        for (; i + STRIP <= c; i += STRIP)
            data_strip(dtype, STRIP, x, dy, a + i, b + i, d + i, dx, at + i);
        for (; i < c; i++)
            data_strip(dtype, 1, x, dy, a + i, b + i, d + i, dx, at + i);
    }
}

VECTORISE static void scale(enum dtype dtype, int64_t rows, int64_t c, const void *dy,
                            const float *a, void *dx)
{
    if (dtype == DTYPE_F32)
        scale_rows(DTYPE_F32, rows, c, dy, a, dx);
    else
        scale_rows(DTYPE_BF16, rows, c, dy, a, dx);
}

VECTORISE static void combine(enum dtype dtype, int64_t rows, int64_t c, const void *x,
                              const void *dy, const float *a, const float *b, const float *d,
                              void *dx)
{
    if (dtype == DTYPE_F32)
        combine_rows(DTYPE_F32, rows, c, x, dy, a, b, d, dx);
    else
        combine_rows(DTYPE_BF16, rows, c, x, dy, a, b, d, dx);
}

int norm_backward_data(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const void *dy, const float *a, const float *b, const float *d, void *dx,
                       struct error *err)
{
    (void)lane, (void)err;
    if (b == NULL)
        scale(dtype, rows, c, dy, a, dx);
    else
        combine(dtype, rows, c, x, dy, a, b, d, dx);
    return 0;
}
