/* Depthwise convolutions: bound by memory, and cuDNN fuses nothing to them. N channels a thread;
 * sums in f32 over the taps of a window in row-major order. */
#include "nn/cuda/columns.cuh"
#include "nn/cuda/kernels.h"

/* Rows of [n*height*width,c] as columns_of() cuts them, a thread's row being a place. */
struct depthwise_place {
    int64_t image, y, x;
};

static inline __device__ struct depthwise_place place_of(int64_t row, int64_t height, int64_t width)
{
    const struct depthwise_place place = {row / width / height, row / width % height, row % width};
    return place;
}

template <class T, int N>
__global__ void depthwise(struct columns columns, struct window_shape s, int64_t p, int64_t q,
                          const T *__restrict__ x, const T *__restrict__ kernel,
                          const float *__restrict__ bias, enum activation activation,
                          T *__restrict__ y)
{
    struct column_part part = column_part<N>(columns);
    float add[N] = {0}, in[N], tap[N];
    if (part.row < part.end && bias != NULL)
        load(bias, part.at, add);
    for (; part.row < part.end; part.row += part.step) {
        const struct depthwise_place o = place_of(part.row, p, q);
        float sum[N] = {0};
        for (int64_t r = 0; r < s.r; r++) {
            const int64_t row = o.y * s.stride - s.pad_top + r;
            for (int64_t t = 0; t < s.s && row >= 0 && row < s.h; t++) {
                const int64_t column = o.x * s.stride - s.pad_left + t;
                if (column < 0 || column >= s.w)
                    continue;
                load(x, ((o.image * s.h + row) * s.w + column) * s.c + part.at, in);
                load(kernel, (r * s.s + t) * s.c + part.at, tap);
                for (int j = 0; j < N; j++)
                    sum[j] += in[j] * tap[j];
            }
        }
        for (int j = 0; j < N; j++)
            sum[j] = activate(bias != NULL ? sum[j] + add[j] : sum[j], activation);
        store(sum, y, part.row * s.c + part.at);
    }
}

/* Gathers: the outputs whose windows reach the place, by the tap with which they do. */
template <class T, int N>
__global__ void depthwise_backward_data(struct columns columns, struct window_shape s, int64_t p,
                                        int64_t q, const T *__restrict__ dy,
                                        const T *__restrict__ kernel, T *__restrict__ dx)
{
    struct column_part part = column_part<N>(columns);
    float in[N], tap[N];
    for (; part.row < part.end; part.row += part.step) {
        const struct depthwise_place o = place_of(part.row, s.h, s.w);
        float sum[N] = {0};
        for (int64_t r = 0; r < s.r; r++) {
            const int64_t below = o.y + s.pad_top - r, a = below / s.stride;
            if (below < 0 || below % s.stride != 0 || a >= p)
                continue;
            for (int64_t t = 0; t < s.s; t++) {
                const int64_t right = o.x + s.pad_left - t, b = right / s.stride;
                if (right < 0 || right % s.stride != 0 || b >= q)
                    continue;
                load(dy, ((o.image * p + a) * q + b) * s.c + part.at, in);
                load(kernel, (r * s.s + t) * s.c + part.at, tap);
                for (int j = 0; j < N; j++)
                    sum[j] += in[j] * tap[j];
            }
        }
        store(sum, dx, part.row * s.c + part.at);
    }
}

/* partial [chunks][r][s][c]: sums over a chunk of outputs of dy * x, for TAPS taps side by side;
 * blockIdx.z says which. A thread has few rows, as there are many chunks, so it sums in f32. */
template <class T, int N, int TAPS>
__global__ void depthwise_backward_weights(struct columns columns, struct window_shape s, int64_t p,
                                           int64_t q, const T *__restrict__ x,
                                           const T *__restrict__ dy, double *partial)
{
    SHARED(double, sums, N *THREADS);
    struct column_part part = column_part<N>(columns);
    const unsigned me = threadIdx.y * blockDim.x + threadIdx.x;
    const int64_t across = s.s / TAPS, r = blockIdx.z / across, first = blockIdx.z % across * TAPS;
    float sum[TAPS][N] = {{0}}, in[N], out[N];
    for (; part.row < part.end; part.row += part.step) {
        const struct depthwise_place o = place_of(part.row, p, q);
        const int64_t row = o.y * s.stride - s.pad_top + r;
        if (row < 0 || row >= s.h)
            continue;
        load(dy, part.row * s.c + part.at, out);
#pragma unroll
        for (int t = 0; t < TAPS; t++) {
            const int64_t column = o.x * s.stride - s.pad_left + first + t;
            if (column < 0 || column >= s.w)
                continue;
            load(x, ((o.image * s.h + row) * s.w + column) * s.c + part.at, in);
            for (int j = 0; j < N; j++)
                sum[t][j] += in[j] * out[j];
        }
    }
    partial += (blockIdx.y * s.r * s.s + r * s.s + first) * s.c + part.at;
    for (int t = 0; t < TAPS; t++) {
        for (int j = 0; j < N; j++)
            sums[j * THREADS + me] = (double)sum[t][j];
        fold_block(blockDim.y, threadIdx.y, [&](unsigned into, unsigned from) {
            for (int j = 0; j < N; j++)
                sums[j * THREADS + into * blockDim.x + threadIdx.x] +=
                    sums[j * THREADS + from * blockDim.x + threadIdx.x];
        });
        for (int j = 0; j < N && threadIdx.y == 0 && part.at < s.c; j++)
            partial[t * s.c + j] = sums[j * THREADS + me];
        __syncthreads();
    }
}

__global__ void finish_weights(int64_t count, int64_t chunks, const double *partial, float *dw)
{
    fold_chunks(count, chunks, partial, [=](int64_t i, double sum) { dw[i] = (float)sum; });
}

template <class T, int N, int TAPS>
static void launch_weights(void *stream, const struct window_shape &shape, const void *x,
                           const void *dy, double *partial, float *dw)
{
    const struct window_shape s = shape;
    const int64_t p = window_height(&s), q = window_width(&s);
    const struct columns columns = columns_of(s.n * p * q, s.c, N);
    const dim3 grid(columns.grid.x, columns.grid.y, (unsigned)(s.r * s.s / TAPS));
    LAUNCH((depthwise_backward_weights<T, N, TAPS>), grid, columns.block, 0, stream, columns, s, p,
           q, (const T *)x, (const T *)dy, partial);
    LAUNCH(finish_weights, fold_grid(s.r * s.s * s.c), fold_threads(), 0, stream, s.r * s.s * s.c,
           columns.chunks, partial, dw);
}

extern "C" {

void kernel_depthwise(void *stream, enum dtype dtype, const struct window_shape *shape,
                      const void *x, const void *kernel, const float *bias,
                      enum activation activation, void *y)
{
    const struct window_shape s = *shape;
    const int64_t p = window_height(shape), q = window_width(shape);
    BY_DTYPE(dtype, BY_WIDTH(s.c % packet_width<T>() == 0 && is_aligned(x, kernel, bias, y), {
                 const struct columns columns = columns_of(s.n * p * q, s.c, N);
                 LAUNCH((depthwise<T, N>), columns.grid, columns.block, 0, stream, columns, s, p, q,
                        (const T *)x, (const T *)kernel, bias, activation, (T *)y);
             }));
}

void kernel_depthwise_backward_data(void *stream, enum dtype dtype,
                                    const struct window_shape *shape, const void *dy,
                                    const void *kernel, void *dx)
{
    const struct window_shape s = *shape;
    const int64_t p = window_height(shape), q = window_width(shape);
    BY_DTYPE(dtype, BY_WIDTH(s.c % packet_width<T>() == 0 && is_aligned(dy, kernel, dx), {
                 const struct columns columns = columns_of(s.n * s.h * s.w, s.c, N);
                 LAUNCH((depthwise_backward_data<T, N>), columns.grid, columns.block, 0, stream,
                        columns, s, p, q, (const T *)dy, (const T *)kernel, (T *)dx);
             }));
}

size_t kernel_depthwise_scratch(const struct window_shape *shape)
{
    const int64_t rows = shape->n * window_height(shape) * window_width(shape);
    return (size_t)(columns_most_chunks(rows, shape->c) * shape->r * shape->s * shape->c) *
           sizeof(double);
}

void kernel_depthwise_backward_weights(void *stream, enum dtype dtype,
                                       const struct window_shape *shape, const void *x,
                                       const void *dy, void *scratch, float *dw)
{
    double *partial = (double *)scratch;
    const struct window_shape &s = *shape;
    BY_DTYPE(dtype, BY_WIDTH(s.c % packet_width<T>() == 0 && is_aligned(x, dy), {
                 if (s.s % 3 == 0)
                     launch_weights<T, N, 3>(stream, s, x, dy, partial, dw);
                 else if (s.s % 5 == 0)
                     launch_weights<T, N, 5>(stream, s, x, dy, partial, dw);
                 else
                     launch_weights<T, N, 1>(stream, s, x, dy, partial, dw);
             }));
}

} /* extern "C" */
