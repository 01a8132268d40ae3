/* How large numbers can become. Magnitudes are compared as the whole numbers that their bits are,
 * which have the same order, with NaN above infinity; so the largest does not depend on the order
 * in which threads come. */
#include "nn/cuda/columns.cuh"
#include "nn/cuda/kernels.h"
#include "nn/reach.h"

#include <string.h>

static inline __device__ uint32_t magnitude_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffffu;
}

/* A block FULL_WARP channels. */
__global__ void gain_channels(int64_t rows, int64_t k, const float *__restrict__ kernel,
                              const float *__restrict__ scale, unsigned *gain)
{
    SHARED(float, sums, FULL_WARP *FOLD_ROWS);
    const int64_t channel = (int64_t)blockIdx.x * FULL_WARP + threadIdx.x;
    const float factor = scale != NULL && channel < k ? scale[channel] : 1.0f;
    float sum = 0.0f;
    for (int64_t row = threadIdx.y; row < rows && channel < k; row += FOLD_ROWS) {
        const float product = kernel[row * k + channel] * factor;
        sum += product < 0.0f ? -product : product;
    }
    sums[threadIdx.y * FULL_WARP + threadIdx.x] = sum;
    fold_block(FOLD_ROWS, threadIdx.y, [&](unsigned into, unsigned from) {
        sums[into * FULL_WARP + threadIdx.x] += sums[from * FULL_WARP + threadIdx.x];
    });
    if (threadIdx.y == 0)
        atomicMax(gain, magnitude_bits(sums[threadIdx.x]));
}

template <class T>
__global__ void find_largest(int64_t count, bool whole, const T *__restrict__ x, unsigned *largest)
{
    SHARED(uint32_t, most, THREADS);
    uint32_t own = 0;
    stream_packets<packet_width<T>()>(count, whole, [&](auto w, int64_t at) {
        constexpr int N = w.value;
        float values[N];
        load(x, at, values);
        for (int j = 0; j < N; j++) {
            const uint32_t bits = magnitude_bits(values[j]);
            own = bits > own ? bits : own;
        }
    });
    most[threadIdx.x] = own;
    fold_block(THREADS, threadIdx.x, [&](unsigned into, unsigned from) {
        most[into] = most[from] > most[into] ? most[from] : most[into];
    });
    if (threadIdx.x == 0)
        atomicMax(largest, most[0]);
}

/* One thread: each step wants the bound of one before. */
__global__ void take_reach_steps(const struct reach_step *steps, int64_t count,
                                 struct reach_tables tables, uint32_t *hidden)
{
    bool hides = false;
    for (int64_t i = 0; i < count; i++) {
        const struct reach_step step = steps[i];
        const float sum = reach_of_step(&step, &tables);
        hides = hides || reach_hides(&step, sum);
        reach_enter(&step, sum, &tables);
    }
    if (hides)
        *hidden = 1;
}

extern "C" {

void kernel_reach_gain(void *stream, int64_t rows, int64_t k, const float *kernel,
                       const float *scale, float *gain)
{
    LAUNCH(gain_channels, fold_grid(k), fold_threads(), 0, stream, rows, k, kernel, scale,
           (unsigned *)gain);
}

void kernel_reach_largest(void *stream, enum dtype dtype, int64_t count, const void *x,
                          float *largest)
{
    BY_DTYPE(dtype, LAUNCH((find_largest<T>), dim3(blocks_for(divide_up(count, packet_width<T>()))),
                           dim3(THREADS), 0, stream, count, is_aligned(x), (const T *)x,
                           (unsigned *)largest));
}

void kernel_reach_steps(void *stream, const struct reach_step *steps, int64_t count, float fed,
                        const float *gains, const float *measured, float *reach, uint32_t *hidden)
{
    const struct reach_tables tables = {fed, gains, measured, reach};
    LAUNCH(take_reach_steps, dim3(1), dim3(1), 0, stream, steps, count, tables, hidden);
}

} /* extern "C" */
