/* Batch norm: statistics, and what is made of them and of x. */
#include "nn/cuda/columns.cuh"
#include "nn/cuda/kernels.h"
#include "nn/norm.h"

/* Rows that a thread adds up in f32 before it goes on in f64, as the CPU does. */
enum { STRETCH = 32 };

/* partial [chunks][2][c]: mean and m2 of a chunk's rows. A thread's deviations are from its first
 * row, which is near the mean compared with the spread or far less than squares can cancel. */
template <class T, int N>
__global__ void chunk_moments(struct columns columns, const T *__restrict__ x, double *partial)
{
    SHARED(double, means, N *THREADS);
    SHARED(double, squares, N *THREADS);
    SHARED(int64_t, counts, THREADS);
    struct column_part part = column_part<N>(columns);
    const unsigned me = threadIdx.y * blockDim.x + threadIdx.x;
    float centre[N] = {0}, values[N];
    double sum[N] = {0}, square[N] = {0};
    int64_t count = 0;
    if (part.row < part.end)
        load(x, part.row * columns.c + part.at, centre);
    while (part.row < part.end) {
        float a[N] = {0}, b[N] = {0};
        for (int k = 0; k < STRETCH && part.row < part.end; k++, count++, part.row += part.step) {
            load(x, part.row * columns.c + part.at, values);
            for (int j = 0; j < N; j++) {
                const float deviation = values[j] - centre[j];
                a[j] += deviation;
                b[j] += deviation * deviation;
            }
        }
        for (int j = 0; j < N; j++)
            sum[j] += (double)a[j], square[j] += (double)b[j];
    }
    counts[me] = count;
    for (int j = 0; j < N; j++) {
        const double shift = count == 0 ? 0.0 : sum[j] / (double)count;
        const double m2 = square[j] - sum[j] * shift;
        means[j * THREADS + me] = (double)centre[j] + shift;
        squares[j * THREADS + me] = m2 < 0 ? 0 : m2;
    }
    fold_block(blockDim.y, threadIdx.y, [&](unsigned into, unsigned from) {
        const unsigned to = into * blockDim.x + threadIdx.x, of = from * blockDim.x + threadIdx.x;
        for (int j = 0; j < N; j++) {
            struct norm_moments all = {counts[to], means[j * THREADS + to],
                                       squares[j * THREADS + to]};
            const struct norm_moments more = {counts[of], means[j * THREADS + of],
                                              squares[j * THREADS + of]};
            norm_join(&all, &more);
            means[j * THREADS + to] = all.mean;
            squares[j * THREADS + to] = all.m2;
        }
        counts[to] += counts[of];
    });
    if (threadIdx.y > 0 || part.at >= columns.c)
        return;
    partial += blockIdx.y * 2 * columns.c + part.at;
    for (int j = 0; j < N; j++) {
        partial[j] = means[j * THREADS + me];
        partial[columns.c + j] = squares[j * THREADS + me];
    }
}

/* As fold_chunks, of moments. */
__global__ void join_moments(struct columns columns, const double *__restrict__ partial,
                             double *statistics)
{
    SHARED(struct norm_moments, all, FULL_WARP * FOLD_ROWS);
    const int64_t c = columns.c, channel = (int64_t)blockIdx.x * FULL_WARP + threadIdx.x;
    struct norm_moments mine = {0, 0, 0};
    for (int64_t i = threadIdx.y; i < columns.chunks && channel < c; i += FOLD_ROWS) {
        const int64_t left = columns.rows - i * columns.chunk;
        const struct norm_moments part = {left < columns.chunk ? left : columns.chunk,
                                          partial[i * 2 * c + channel],
                                          partial[(i * 2 + 1) * c + channel]};
        norm_join(&mine, &part);
    }
    all[threadIdx.y * FULL_WARP + threadIdx.x] = mine;
    fold_block(FOLD_ROWS, threadIdx.y, [&](unsigned into, unsigned from) {
        norm_join(&all[into * FULL_WARP + threadIdx.x], &all[from * FULL_WARP + threadIdx.x]);
    });
    if (threadIdx.y > 0 || channel >= c)
        return;
    statistics[channel] = all[threadIdx.x].mean;
    statistics[c + channel] = all[threadIdx.x].m2;
}

/* ---- per channel ---- */

static __device__ void set_factors(int64_t c, int64_t channel, const float *gamma,
                                   const float *beta, float mean, float variance, float epsilon,
                                   float *factors)
{
    float *f = factors + channel;
    norm_scale_shift(gamma[channel], beta[channel], mean, variance, epsilon, &f[NORM_SCALE * c],
                     &f[NORM_SHIFT * c]);
    f[NORM_MEAN * c] = mean;
    f[NORM_RSTD * c] = norm_rstd(variance, epsilon);
    f[NORM_A * c] = f[NORM_SCALE * c];
}

__global__ void join_shards(int64_t c, int64_t shards, int64_t rows, int64_t last_rows,
                            const double *statistics, const float *gamma, const float *beta,
                            float epsilon, float *moments, float *factors)
{
    const int64_t channel = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    struct norm_moments all = {0, 0, 0};
    if (channel >= c)
        return;
    for (int64_t s = 0; s < shards; s++) {
        const double *shard = statistics + s * 2 * c + channel;
        const struct norm_moments part = {s == shards - 1 ? last_rows : rows, shard[0], shard[c]};
        norm_join(&all, &part);
    }
    moments[channel] = (float)all.mean;
    moments[c + channel] = norm_variance(&all);
    set_factors(c, channel, gamma, beta, moments[channel], moments[c + channel], epsilon, factors);
}

__global__ void moving_factors(int64_t c, const float *gamma, const float *beta, const float *mean,
                               const float *variance, float epsilon, float *factors)
{
    const int64_t channel = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (channel < c)
        set_factors(c, channel, gamma, beta, mean[channel], variance[channel], epsilon, factors);
}

__global__ void fold_norm(int64_t k, const float *own, const float *gamma, const float *beta,
                          const float *mean, const float *variance, float epsilon, float *scale,
                          float *bias)
{
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    float factor = 1.0f, shift = 0.0f;
    if (i >= k)
        return;
    if (gamma != NULL)
        norm_scale_shift(gamma[i], beta[i], mean[i], variance[i], epsilon, &factor, &shift);
    scale[i] = factor;
    bias[i] = own != NULL ? own[i] * factor + shift : shift;
}

__global__ void move_statistics(const struct step_scalars *scalars, int64_t c, const float *moments,
                                double momentum, float *mean, float *variance)
{
    const int64_t channel = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= c || scalars->stopped)
        return;
    mean[channel] = norm_moving(mean[channel], moments[channel], momentum);
    variance[channel] = norm_moving(variance[channel], moments[c + channel], momentum);
}

/* ---- per element ---- */

template <class T, int N>
__global__ void apply_norm(struct columns columns, const T *x, const float *__restrict__ scale,
                           const float *__restrict__ shift, const T *residual,
                           enum activation activation, T *y)
{
    struct column_part part = column_part<N>(columns);
    float scales[N], shifts[N], values[N], others[N];
    if (part.row >= part.end)
        return;
    load(scale, part.at, scales);
    load(shift, part.at, shifts);
    for (; part.row < part.end; part.row += part.step) {
        const int64_t at = part.row * columns.c + part.at;
        load(x, at, values);
        if (residual != NULL)
            load(residual, at, others);
        for (int j = 0; j < N; j++) {
            values[j] = values[j] * scales[j] + shifts[j];
            if (residual != NULL)
                values[j] += others[j];
            values[j] = activate(values[j], activation);
        }
        store(values, y, at);
    }
}

template <class T, int N>
__global__ void norm_backward(struct columns columns, const T *x, const T *dy,
                              const float *__restrict__ a, const float *__restrict__ b,
                              const float *__restrict__ d, T *dx)
{
    struct column_part part = column_part<N>(columns);
    float as[N], bs[N], ds[N], xs[N], values[N];
    if (part.row >= part.end)
        return;
    load(a, part.at, as);
    if (b != NULL) {
        load(b, part.at, bs);
        load(d, part.at, ds);
    }
    for (; part.row < part.end; part.row += part.step) {
        const int64_t at = part.row * columns.c + part.at;
        load(dy, at, values);
        if (b != NULL)
            load(x, at, xs);
        for (int j = 0; j < N; j++) {
            values[j] = as[j] * values[j];
            if (b != NULL)
                values[j] += bs[j] * xs[j] + ds[j];
        }
        store(values, dx, at);
    }
}

static dim3 blocks_of(int64_t c)
{
    return dim3((unsigned)divide_up(c, THREADS));
}

extern "C" {

size_t kernel_norm_scratch(int64_t rows, int64_t c)
{
    return (size_t)(columns_most_chunks(rows, c) * 2 * c) * sizeof(double);
}

void kernel_norm_statistics(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                            void *scratch, double *statistics)
{
    double *partial = (double *)scratch;
    BY_DTYPE(dtype, BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(x), {
                 const struct columns columns = columns_of(rows, c, N);
                 LAUNCH((chunk_moments<T, N>), columns.grid, columns.block, 0, stream, columns,
                        (const T *)x, partial);
                 LAUNCH(join_moments, fold_grid(c), fold_threads(), 0, stream, columns, partial,
                        statistics);
             }));
}

void kernel_norm_join(void *stream, int64_t c, int64_t shards, int64_t rows, int64_t last_rows,
                      const double *statistics, const float *gamma, const float *beta,
                      float epsilon, float *moments, float *factors)
{
    LAUNCH(join_shards, blocks_of(c), dim3(THREADS), 0, stream, c, shards, rows, last_rows,
           statistics, gamma, beta, epsilon, moments, factors);
}

void kernel_norm_factors(void *stream, int64_t c, const float *gamma, const float *beta,
                         const float *mean, const float *variance, float epsilon, float *factors)
{
    LAUNCH(moving_factors, blocks_of(c), dim3(THREADS), 0, stream, c, gamma, beta, mean, variance,
           epsilon, factors);
}

void kernel_norm_fold(void *stream, int64_t k, const float *own, const float *gamma,
                      const float *beta, const float *mean, const float *variance, float epsilon,
                      float *scale, float *bias)
{
    LAUNCH(fold_norm, blocks_of(k), dim3(THREADS), 0, stream, k, own, gamma, beta, mean, variance,
           epsilon, scale, bias);
}

void kernel_norm_move(void *stream, const struct step_scalars *scalars, int64_t c,
                      const float *moments, double momentum, float *mean, float *variance)
{
    LAUNCH(move_statistics, blocks_of(c), dim3(THREADS), 0, stream, scalars, c, moments, momentum,
           mean, variance);
}

void kernel_norm_apply(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const float *scale, const float *shift, const void *residual,
                       enum activation activation, void *y)
{
    BY_DTYPE(dtype,
             BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(x, scale, shift, residual, y), {
                 const struct columns columns = columns_of(rows, c, N);
                 LAUNCH((apply_norm<T, N>), columns.grid, columns.block, 0, stream, columns,
                        (const T *)x, scale, shift, (const T *)residual, activation, (T *)y);
             }));
}

void kernel_norm_backward_data(void *stream, enum dtype dtype, int64_t rows, int64_t c,
                               const void *x, const void *dy, const float *a, const float *b,
                               const float *d, void *dx)
{
    BY_DTYPE(dtype, BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(x, dy, a, b, d, dx), {
                 const struct columns columns = columns_of(rows, c, N);
                 LAUNCH((norm_backward<T, N>), columns.grid, columns.block, 0, stream, columns,
                        (const T *)x, (const T *)dy, a, b, d, (T *)dx);
             }));
}

} /* extern "C" */
