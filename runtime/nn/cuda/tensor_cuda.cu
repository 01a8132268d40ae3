/* Tensors element by element, and rows by sample. */
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"

template <class T>
__global__ void clamp(int64_t count, bool whole, enum activation activation, T *y)
{
    stream_packets<packet_width<T>()>(count, whole, [=](auto w, int64_t at) {
        constexpr int N = w.value;
        float values[N];
        load(y, at, values);
        for (int j = 0; j < N; j++)
            values[j] = activate(values[j], activation);
        store(values, y, at);
    });
}

template <class T>
__global__ void clamp_backward(int64_t count, bool whole, enum activation activation,
                               const T *__restrict__ y, T *__restrict__ dy)
{
    stream_packets<packet_width<T>()>(count, whole, [=](auto w, int64_t at) {
        constexpr int N = w.value;
        float values[N], slopes[N];
        load(y, at, values);
        load(dy, at, slopes);
        for (int j = 0; j < N; j++)
            slopes[j] = activation_slope(slopes[j], values[j], activation);
        store(slopes, dy, at);
    });
}

template <class T> __global__ void accumulate(int64_t count, bool whole, const T *x, T *y)
{
    stream_packets<packet_width<T>()>(count, whole, [=](auto w, int64_t at) {
        constexpr int N = w.value;
        float xs[N], ys[N];
        load(x, at, xs);
        load(y, at, ys);
        for (int j = 0; j < N; j++)
            ys[j] += xs[j];
        store(ys, y, at);
    });
}

/* A packet of the narrower elements at once. */
template <class From, class To>
__global__ void convert(int64_t count, bool whole, const From *__restrict__ x, To *__restrict__ y)
{
    constexpr int from = packet_width<From>(), to = packet_width<To>();
    stream_packets<(from > to ? from : to)>(count, whole, [=](auto w, int64_t at) {
        constexpr int N = w.value;
        float values[N];
        load(x, at, values);
        store(values, y, at);
    });
}

template <class T>
__global__ void copy_channels(int64_t count, int64_t c, const T *__restrict__ x, int64_t x_channels,
                              T *__restrict__ y, int64_t y_channels)
{
    const int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64_t i = first; i < count; i += (int64_t)gridDim.x * blockDim.x)
        y[i / c * y_channels + i % c] = x[i / c * x_channels + i % c];
}

/* A block a row, in words of 16 bytes or of 2. `forth` gathers. */
template <class Word>
__global__ void copy_rows(bool forth, const struct step_scalars *scalars, const int64_t *samples,
                          int64_t words, const Word *__restrict__ from, Word *__restrict__ to)
{
    const int64_t sample = samples[(scalars == NULL ? 0 : scalars->position) + blockIdx.x];
    from += (forth ? sample : (int64_t)blockIdx.x) * words;
    to += (forth ? (int64_t)blockIdx.x : sample) * words;
    for (int64_t i = threadIdx.x; i < words; i += blockDim.x)
        to[i] = from[i];
}

static void launch_rows(void *stream, bool forth, const struct step_scalars *scalars,
                        const int64_t *samples, int64_t n, int64_t bytes, const void *from,
                        void *to)
{
    if (bytes % 16 == 0 && is_aligned(from, to))
        LAUNCH((copy_rows<uint4>), dim3((unsigned)n), dim3(THREADS), 0, stream, forth, scalars,
               samples, bytes / 16, (const uint4 *)from, (uint4 *)to);
    else
        LAUNCH((copy_rows<uint16_t>), dim3((unsigned)n), dim3(THREADS), 0, stream, forth, scalars,
               samples, bytes / 2, (const uint16_t *)from, (uint16_t *)to);
}

extern "C" {

void kernel_gather(void *stream, const struct step_scalars *scalars, const int64_t *samples,
                   int64_t n, int64_t bytes, const void *features, void *rows)
{
    launch_rows(stream, true, scalars, samples, n, bytes, features, rows);
}

void kernel_scatter(void *stream, const struct step_scalars *scalars, const int64_t *samples,
                    int64_t n, int64_t bytes, const void *rows, void *features)
{
    launch_rows(stream, false, scalars, samples, n, bytes, rows, features);
}

void kernel_activation(void *stream, enum dtype dtype, int64_t count, enum activation activation,
                       void *y)
{
    if (activation == ACTIVATION_NONE)
        return;
    BY_DTYPE(dtype, LAUNCH((clamp<T>), dim3(blocks_for(divide_up(count, packet_width<T>()))),
                           dim3(THREADS), 0, stream, count, is_aligned(y), activation, (T *)y));
}

void kernel_activation_backward(void *stream, enum dtype dtype, int64_t count,
                                enum activation activation, const void *y, void *dy)
{
    if (activation == ACTIVATION_NONE)
        return;
    BY_DTYPE(dtype, LAUNCH((clamp_backward<T>),
                           dim3(blocks_for(divide_up(count, packet_width<T>()))), dim3(THREADS), 0,
                           stream, count, is_aligned(y, dy), activation, (const T *)y, (T *)dy));
}

void kernel_accumulate(void *stream, enum dtype dtype, int64_t count, const void *x, void *y)
{
    BY_DTYPE(dtype,
             LAUNCH((accumulate<T>), dim3(blocks_for(divide_up(count, packet_width<T>()))),
                    dim3(THREADS), 0, stream, count, is_aligned(x, y), (const T *)x, (T *)y));
}

void kernel_convert(void *stream, int64_t count, enum dtype from, const void *x, enum dtype to,
                    void *y)
{
    const bool whole = is_aligned(x, y);
    const dim3 blocks(blocks_for(divide_up(count, 8)));
    if (from == DTYPE_F32)
        BY_DTYPE(to, LAUNCH((convert<float, T>), blocks, dim3(THREADS), 0, stream, count, whole,
                            (const float *)x, (T *)y));
    else
        BY_DTYPE(to, LAUNCH((convert<uint16_t, T>), blocks, dim3(THREADS), 0, stream, count, whole,
                            (const uint16_t *)x, (T *)y));
}

void kernel_copy_channels(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                          int64_t x_channels, int64_t x_first, void *y, int64_t y_channels,
                          int64_t y_first)
{
    BY_DTYPE(dtype,
             LAUNCH((copy_channels<T>), dim3(blocks_for(rows * c)), dim3(THREADS), 0, stream,
                    rows * c, c, (const T *)x + x_first, x_channels, (T *)y + y_first, y_channels));
}

} /* extern "C" */
