/* A complete gradient on its way back: through the activation, to the residual, and summed over
 * rows. */
#include "nn/cuda/columns.cuh"
#include "nn/cuda/kernels.h"
#include "nn/norm.h"

/* Rows that a thread adds up in f32 before it goes on in f64, as the CPU does. */
enum { STRETCH = 32 };

template <class T> struct mask_tensors {
    const T *y, *z;
    T *dy, *residual;
    bool adds;
    enum activation activation;
    const float *mean;
};

/* The gradient of N channels of a row, masked, and handed on. */
template <class T, int N>
static __device__ void mask_packet(const struct mask_tensors<T> &t, int64_t at, float (&dy)[N])
{
    float other[N];
    load(t.dy, at, dy);
    if (t.activation != ACTIVATION_NONE) {
        load(t.y, at, other);
        for (int j = 0; j < N; j++)
            dy[j] = activation_slope(dy[j], other[j], t.activation);
        store(dy, t.dy, at);
    }
    if (t.residual == NULL)
        return;
    if (t.adds)
        load(t.residual, at, other);
    for (int j = 0; j < N; j++)
        other[j] = t.adds ? other[j] + dy[j] : dy[j];
    store(other, t.residual, at);
}

template <class T, int N>
__global__ void mask_rows(struct columns columns, struct mask_tensors<T> t)
{
    struct column_part part = column_part<N>(columns);
    float dy[N];
    for (; part.row < part.end; part.row += part.step)
        mask_packet<T, N>(t, part.row * columns.c + part.at, dy);
}

/* The same with partial [chunks][2][c]: sums over a chunk's rows of dy * (z - mean) and of dy. */
template <class T, int N>
__global__ void mask_and_sum(struct columns columns, struct mask_tensors<T> t, double *partial)
{
    SHARED(double, products, N *THREADS);
    SHARED(double, sums, N *THREADS);
    struct column_part part = column_part<N>(columns);
    const unsigned me = threadIdx.y * blockDim.x + threadIdx.x;
    float centre[N] = {0}, dy[N], z[N] = {0};
    double sum[N] = {0}, product[N] = {0};
    if (part.row < part.end && t.z != NULL)
        load(t.mean, part.at, centre);
    while (part.row < part.end) {
        float a[N] = {0}, b[N] = {0};
        for (int k = 0; k < STRETCH && part.row < part.end; k++, part.row += part.step) {
            const int64_t at = part.row * columns.c + part.at;
            mask_packet<T, N>(t, at, dy);
            if (t.z != NULL)
                load(t.z, at, z);
            for (int j = 0; j < N; j++) {
                a[j] += dy[j];
                b[j] += dy[j] * (z[j] - centre[j]);
            }
        }
        for (int j = 0; j < N; j++)
            sum[j] += (double)a[j], product[j] += (double)b[j];
    }
    for (int j = 0; j < N; j++) {
        products[j * THREADS + me] = product[j];
        sums[j * THREADS + me] = sum[j];
    }
    fold_block(blockDim.y, threadIdx.y, [&](unsigned into, unsigned from) {
        const unsigned to = into * blockDim.x + threadIdx.x, of = from * blockDim.x + threadIdx.x;
        for (int j = 0; j < N; j++) {
            products[j * THREADS + to] += products[j * THREADS + of];
            sums[j * THREADS + to] += sums[j * THREADS + of];
        }
    });
    if (threadIdx.y > 0 || part.at >= columns.c)
        return;
    partial += blockIdx.y * 2 * columns.c + part.at;
    for (int j = 0; j < N; j++) {
        partial[j] = products[j * THREADS + me];
        partial[columns.c + j] = sums[j * THREADS + me];
    }
}

__global__ void finish_sums(int64_t c, int64_t chunks, const double *partial, const float *rstd,
                            double *sums)
{
    fold_chunks(2 * c, chunks, partial, [=](int64_t column, double sum) {
        sums[column] = column < c && rstd != NULL ? sum * (double)rstd[column] : sum;
    });
}

__global__ void join_sums(int64_t c, int64_t shards, int64_t rows, const double *sums,
                          const float *gamma, float *factors, float *dgamma, float *dbeta)
{
    const int64_t channel = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    double gammas = 0.0, betas = 0.0;
    if (channel >= c)
        return;
    for (int64_t s = 0; s < shards; s++) {
        gammas += sums[s * 2 * c + channel];
        betas += sums[(s * 2 + 1) * c + channel];
    }
    dbeta[channel] = (float)betas;
    if (dgamma != NULL)
        dgamma[channel] = (float)gammas;
    if (factors == NULL)
        return;
    float *f = factors + channel;
    norm_batch_backward(gamma[channel], f[NORM_MEAN * c], f[NORM_RSTD * c], rows, gammas, betas,
                        &f[NORM_A * c], &f[NORM_B * c], &f[NORM_D * c]);
}

template <class T, int N>
static void launch_mask(void *stream, int64_t rows, int64_t c,
                        const struct mask_tensors<T> &tensors, const float *rstd, double *partial,
                        double *sums)
{
    const struct mask_tensors<T> t = tensors;
    const struct columns columns = columns_of(rows, c, N);
    if (sums == NULL) {
        LAUNCH((mask_rows<T, N>), columns.grid, columns.block, 0, stream, columns, t);
        return;
    }
    LAUNCH((mask_and_sum<T, N>), columns.grid, columns.block, 0, stream, columns, t, partial);
    LAUNCH(finish_sums, fold_grid(2 * c), fold_threads(), 0, stream, c, columns.chunks, partial,
           t.z == NULL ? NULL : rstd, sums);
}

extern "C" {

void kernel_mask(void *stream, enum dtype dtype, int64_t rows, int64_t c,
                 enum activation activation, const void *y, void *dy, bool adds, void *residual,
                 const void *z, const float *mean, const float *rstd, void *scratch, double *sums)
{
    if (activation == ACTIVATION_NONE && residual == NULL && sums == NULL)
        return;
    BY_DTYPE(dtype, {
        const struct mask_tensors<T> tensors = {
            (const T *)y, (const T *)z, (T *)dy, (T *)residual, adds, activation, mean
        };
        BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(y, dy, residual, z, mean),
                 launch_mask<T, N>(stream, rows, c, tensors, rstd, (double *)scratch, sums));
    });
}

void kernel_norm_backward(void *stream, int64_t c, int64_t shards, int64_t rows, const double *sums,
                          const float *gamma, float *factors, float *dgamma, float *dbeta)
{
    LAUNCH(join_sums, dim3((unsigned)divide_up(c, THREADS)), dim3(THREADS), 0, stream, c, shards,
           rows, sums, gamma, factors, dgamma, dbeta);
}

} /* extern "C" */
