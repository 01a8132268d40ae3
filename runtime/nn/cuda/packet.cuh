/* Elements of a tensor as f32, one at a time or 16 bytes at once: 4 of f32, 8 of bf16. T is float,
 * or uint16_t for bf16. Loops compute on arrays of N numbers between a load and a store.
 */
#ifndef NN_CUDA_PACKET_CUH
#define NN_CUDA_PACKET_CUH

#include "nn/cuda/launch.cuh"
#include "nn/dtype.h"
#include "nn/graph.h"

template <class T> HOST_DEVICE constexpr int packet_width()
{
    return 16 / (int)sizeof(T);
}

static inline __device__ float to_f32(float value)
{
    return value;
}

static inline __device__ float to_f32(uint16_t value)
{
    return bf16_to_f32(value);
}

static inline __device__ void from_f32(float value, float *to)
{
    *to = value;
}

static inline __device__ void from_f32(float value, uint16_t *to)
{
    *to = bf16_from_f32(value);
}

template <int N> __device__ void load(const float *tensor, int64_t at, float (&values)[N])
{
    if constexpr (N % 4 == 0) {
        const float4 *from = (const float4 *)(tensor + at);
        for (int i = 0; i < N / 4; i++) {
            const float4 four = from[i];
            values[4 * i] = four.x, values[4 * i + 1] = four.y;
            values[4 * i + 2] = four.z, values[4 * i + 3] = four.w;
        }
    } else {
        for (int i = 0; i < N; i++)
            values[i] = tensor[at + i];
    }
}

template <int N> __device__ void load(const uint16_t *tensor, int64_t at, float (&values)[N])
{
    if constexpr (N % 8 == 0) {
        const uint4 *from = (const uint4 *)(tensor + at);
        for (int i = 0; i < N / 8; i++) {
            const uint4 eight = from[i];
            const uint32_t words[4] = {eight.x, eight.y, eight.z, eight.w};
            for (int j = 0; j < 4; j++) {
                values[8 * i + 2 * j] = bf16_to_f32((uint16_t)(words[j] & 0xffffu));
                values[8 * i + 2 * j + 1] = bf16_to_f32((uint16_t)(words[j] >> 16));
            }
        }
    } else {
        for (int i = 0; i < N; i++)
            values[i] = bf16_to_f32(tensor[at + i]);
    }
}

/* By __stwb, a store like any other, which the compiler does not take apart into its four words, as
 * it does with an assignment where it finds a use for that. */
template <int N> __device__ void store(const float (&values)[N], float *tensor, int64_t at)
{
    if constexpr (N % 4 == 0) {
        float4 *to = (float4 *)(tensor + at);
        for (int i = 0; i < N / 4; i++)
            __stwb(to + i, make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2],
                                       values[4 * i + 3]));
    } else {
        for (int i = 0; i < N; i++)
            tensor[at + i] = values[i];
    }
}

template <int N> __device__ void store(const float (&values)[N], uint16_t *tensor, int64_t at)
{
    if constexpr (N % 8 == 0) {
        uint4 *to = (uint4 *)(tensor + at);
        for (int i = 0; i < N / 8; i++) {
            uint32_t words[4];
            for (int j = 0; j < 4; j++)
                words[j] = bf16_from_f32(values[8 * i + 2 * j]) |
                           (uint32_t)bf16_from_f32(values[8 * i + 2 * j + 1]) << 16;
            __stwb(to + i, make_uint4(words[0], words[1], words[2], words[3]));
        }
    } else {
        for (int i = 0; i < N; i++)
            tensor[at + i] = bf16_from_f32(values[i]);
    }
}

/* ---- flat tensors ---- */

template <int N> struct width {
    static constexpr int value = N;
};

/* Calls body(width<N>, at) for the packets of `count` elements and body(width<1>, at) for what is
 * left over; for all where `whole` is false, since a pointer is not aligned to 16 bytes. By all
 * threads of a grid of one dimension. */
template <int N, class Body> __device__ void stream_packets(int64_t count, bool whole, Body body)
{
    const int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t step = (int64_t)gridDim.x * blockDim.x, packets = whole ? count / N : 0;
    for (int64_t i = first; i < packets; i += step)
        body(width<N>(), i * N);
    for (int64_t i = packets * N + first; i < count; i += step)
        body(width<1>(), i);
}

static inline bool is_aligned(const void *pointer)
{
    return (uintptr_t)pointer % 16 == 0; /* NULL is */
}

template <class... Others> static inline bool is_aligned(const void *pointer, Others... others)
{
    return is_aligned(pointer) && is_aligned(others...);
}

/* ---- activations ---- */

/* This way round a NaN stays one. */
static inline __device__ float activate(float value, enum activation activation)
{
    if (activation == ACTIVATION_NONE)
        return value;
    value = value < 0.0f ? 0.0f : value;
    return activation == ACTIVATION_RELU6 && value > 6.0f ? 6.0f : value;
}

/* dy times the derivative at y: 1 strictly between 0 and 6 (or without end), else 0; 0 times
 * infinity and what comes of a NaN are NaN (activation_cpu.c). */
static inline __device__ float activation_slope(float dy, float y, enum activation activation)
{
    if (activation == ACTIVATION_NONE)
        return dy;
    const bool open = y > 0.0f && !(activation == ACTIVATION_RELU6 && y >= 6.0f);
    return open ? dy : (dy - dy) + (y - y);
}

#endif
