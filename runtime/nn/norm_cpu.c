/* Batch norm's loops. Sums over rows run per channel in row order: f32 within
 * a block of BLOCK rows, f64 over blocks. No sum crosses channels, so the
 * width of the vectors has no influence. */
#include "nn/cpu.h"
#include "nn/vector.h"

enum { BLOCK = 32 };

/* What is added up for a channel: first[] and second[] of one strip of `width` channels over `rows`
 * rows that lie c values apart. With `y` NULL: x - centre and its square; else y and y * (x -
 * centre). */
VECTOR_INLINE void add_strip(int width, int64_t rows, int64_t c, const float *restrict x,
                             const float *restrict y, const float *restrict centre,
                             double *restrict first, double *restrict second)
{
    float a[WIDE] = {0}, b[WIDE] = {0};
    for (int64_t row = 0; row < rows; row++) {
        const float *xs = x + row * c;
        const float *ys = y == NULL ? xs : y + row * c;
        STRIP_LOOP
        for (int j = 0; j < width; j++) {
            float deviation = xs[j] - centre[j];
            float value = y == NULL ? deviation : ys[j];
            a[j] += value;
            b[j] += value * deviation;
        }
    }
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        first[j] += (double)a[j];
        second[j] += (double)b[j];
    }
}

VECTOR_INLINE void add_rows(int64_t rows, int64_t c, const float *restrict x,
                            const float *restrict y, const float *restrict centre,
                            double *restrict first, double *restrict second)
{
    for (int64_t start = 0; start < rows; start += BLOCK) {
        int64_t height = rows - start < BLOCK ? rows - start : BLOCK;
        const float *xs = x + start * c;
        const float *ys = y == NULL ? NULL : y + start * c;
        int64_t i = 0;
        for (; i + STRIP <= c; i += STRIP)
            add_strip(STRIP, height, c, xs + i, ys == NULL ? NULL : ys + i, centre + i, first + i,
                      second + i);
        for (; i < c; i++)
            add_strip(1, height, c, xs + i, ys == NULL ? NULL : ys + i, centre + i, first + i,
                      second + i);
    }
}

VECTORISE static void add_deviations(int64_t rows, int64_t c, const float *restrict x,
                                     const float *restrict centre, double *restrict sum,
                                     double *restrict squares)
{
    add_rows(rows, c, x, NULL, centre, sum, squares);
}

VECTORISE static void add_products(int64_t rows, int64_t c, const float *restrict x,
                                   const float *restrict dy, const float *restrict centre,
                                   double *restrict sum, double *restrict products)
{
    add_rows(rows, c, x, dy, centre, sum, products);
}

/* Deviations are taken from the first row's values, which are near the mean compared with the
 * spread, or the mean of the first block where they are not: so squares don't cancel. */
int norm_statistics_cpu(struct lane *lane, int64_t rows, int64_t c, const float *x, double *mean,
                        double *m2, struct error *err)
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
    add_deviations(first, c, x, centre, sum, squares);
    for (int64_t i = 0; i < c; i++) {
        centre[i] = rows == 0 ? 0.0f : (float)(sum[i] / (double)first);
        sum[i] = 0, squares[i] = 0;
    }
    add_deviations(rows, c, x, centre, sum, squares);
    for (int64_t i = 0; i < c; i++) {
        double shift = rows == 0 ? 0.0 : sum[i] / (double)rows;
        double square = squares[i] - sum[i] * shift;
        mean[i] = (double)centre[i] + shift;
        m2[i] = square < 0 ? 0 : square;
    }
    return 0;
}

VECTOR_INLINE float activate(float value, enum activation activation)
{
    if (activation == ACTIVATION_NONE)
        return value;
    /* This way round a NaN stays one. */
    value = value < 0.0f ? 0.0f : value;
    return activation == ACTIVATION_RELU6 && value > 6.0f ? 6.0f : value;
}

VECTOR_INLINE void apply_strip(int width, const float *x, const float *restrict scale,
                               const float *restrict shift, const float *residual,
                               enum activation activation, float *y)
{
    float out[WIDE];
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float value = x[j] * scale[j] + shift[j];
        if (residual != NULL)
            value += residual[j];
        out[j] = activate(value, activation);
    }
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        y[j] = out[j];
}

VECTOR_INLINE void apply_rows(int64_t rows, int64_t c, const float *x, const float *scale,
                              const float *shift, const float *residual, enum activation activation,
                              float *y)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *in = x + row * c;
        const float *other = residual == NULL ? NULL : residual + row * c;
        float *out = y + row * c;
        int64_t i = 0;
        for (; i + STRIP <= c; i += STRIP)
            apply_strip(STRIP, in + i, scale + i, shift + i, other == NULL ? NULL : other + i,
                        activation, out + i);
        for (; i < c; i++)
            apply_strip(1, in + i, scale + i, shift + i, other == NULL ? NULL : other + i,
                        activation, out + i);
    }
}

/* A loop for each case, so that none decides per element. */
VECTORISE static void apply(int64_t rows, int64_t c, const float *x, const float *scale,
                            const float *shift, const float *residual, enum activation activation,
                            float *y)
{
    if (residual == NULL)
        switch (activation) {
        case ACTIVATION_NONE: apply_rows(rows, c, x, scale, shift, NULL, ACTIVATION_NONE, y); break;
        case ACTIVATION_RELU: apply_rows(rows, c, x, scale, shift, NULL, ACTIVATION_RELU, y); break;
        case ACTIVATION_RELU6:
            apply_rows(rows, c, x, scale, shift, NULL, ACTIVATION_RELU6, y);
            break;
        }
    else
        switch (activation) {
        case ACTIVATION_NONE:
            apply_rows(rows, c, x, scale, shift, residual, ACTIVATION_NONE, y);
            break;
        case ACTIVATION_RELU:
            apply_rows(rows, c, x, scale, shift, residual, ACTIVATION_RELU, y);
            break;
        case ACTIVATION_RELU6:
            apply_rows(rows, c, x, scale, shift, residual, ACTIVATION_RELU6, y);
            break;
        }
}

int norm_apply_cpu(struct lane *lane, int64_t rows, int64_t c, const float *x, const float *scale,
                   const float *shift, const float *residual, enum activation activation, float *y,
                   struct error *err)
{
    (void)lane, (void)err;
    apply(rows, c, x, scale, shift, residual, activation, y);
    return 0;
}

int norm_backward_sums_cpu(struct lane *lane, int64_t rows, int64_t c, const float *x,
                           const float *dy, const float *mean, const float *rstd, double *dgamma,
                           double *dbeta, struct error *err)
{
    (void)lane, (void)err;
    for (int64_t i = 0; i < c; i++)
        dgamma[i] = 0, dbeta[i] = 0;
    add_products(rows, c, x, dy, mean, dbeta, dgamma);
    for (int64_t i = 0; i < c; i++)
        dgamma[i] *= (double)rstd[i];
    return 0;
}

VECTOR_INLINE void data_strip(int width, bool combine, const float *x, const float *dy,
                              const float *restrict a, const float *restrict b,
                              const float *restrict d, float *dx)
{
    float out[WIDE];
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float value = a[j] * dy[j];
        if (combine)
            value += b[j] * x[j] + d[j];
        out[j] = value;
    }
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        dx[j] = out[j];
}

VECTORISE static void scale_rows(int64_t rows, int64_t c, const float *dy, const float *a,
                                 float *dx)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *in = dy + row * c;
        float *out = dx + row * c;
        int64_t i = 0;
        for (; i + STRIP <= c; i += STRIP)
            data_strip(STRIP, false, NULL, in + i, a + i, NULL, NULL, out + i);
        for (; i < c; i++)
            data_strip(1, false, NULL, in + i, a + i, NULL, NULL, out + i);
    }
}

VECTORISE static void combine_rows(int64_t rows, int64_t c, const float *x, const float *dy,
                                   const float *a, const float *b, const float *d, float *dx)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *xs = x + row * c, *in = dy + row * c;
        float *out = dx + row * c;
        int64_t i = 0;
        for (; i + STRIP <= c; i += STRIP)
            data_strip(STRIP, true, xs + i, in + i, a + i, b + i, d + i, out + i);
        for (; i < c; i++)
            data_strip(1, true, xs + i, in + i, a + i, b + i, d + i, out + i);
    }
}

int norm_backward_data_cpu(struct lane *lane, int64_t rows, int64_t c, const float *x,
                           const float *dy, const float *a, const float *b, const float *d,
                           float *dx, struct error *err)
{
    (void)lane, (void)err;
    if (b == NULL)
        scale_rows(rows, c, dy, a, dx);
    else
        combine_rows(rows, c, x, dy, a, b, d, dx);
    return 0;
}
