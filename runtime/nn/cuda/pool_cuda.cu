/* Pools. A thread an output, N channels of it; backward as well, which gathers from the windows
 * that cover a place. */
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"

/* Packet number `index` of a tensor [n,height,width,c]. */
struct pool_place {
    int64_t image, y, x, channel;
};

static inline __device__ struct pool_place place_at(int64_t index, int64_t height, int64_t width,
                                                    int64_t packets, int n)
{
    struct pool_place place;
    place.channel = index % packets * n;
    place.x = index / packets % width;
    place.y = index / packets / width % height;
    place.image = index / packets / width / height;
    return place;
}

template <class T, int N>
__global__ void max_pool(struct window_shape s, int64_t p, int64_t q, const T *__restrict__ x,
                         T *__restrict__ y)
{
    const int64_t packets = s.c / N, count = s.n * p * q * packets;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (int64_t)gridDim.x * blockDim.x) {
        const struct pool_place o = place_at(i, p, q, packets, N);
        const int64_t top = o.y * s.stride - s.pad_top, left = o.x * s.stride - s.pad_left;
        float best[N] = {0}, in[N];
        bool begun = s.zero_padding && (top < 0 || left < 0 || top + s.r > s.h || left + s.s > s.w);
        for (int64_t row = top < 0 ? 0 : top; row < top + s.r && row < s.h; row++)
            for (int64_t column = left < 0 ? 0 : left; column < left + s.s && column < s.w;
                 column++) {
                load(x, ((o.image * s.h + row) * s.w + column) * s.c + o.channel, in);
                /* Either comparison, so that a NaN wins and stays. */
                for (int j = 0; j < N; j++)
                    best[j] = !begun || in[j] > best[j] || in[j] != in[j] ? in[j] : best[j];
                begun = true;
            }
        store(best, y, i * N);
    }
}

static inline __device__ bool is_maximum(float value, float largest)
{
    return value == largest || (value != value && largest != largest);
}

/* Clears what is left of the gradient `dy` of window (top, left), where a place before (y, x) took
 * it: one with the maximum, or padding that counts as 0 where that is the maximum. */
template <class T, int N>
static __device__ void take_away(const struct window_shape &s, const T *x, int64_t image,
                                 int64_t channel, int64_t top, int64_t left, int64_t y,
                                 int64_t at_x, const float (&largest)[N], float (&dy)[N])
{
    float in[N];
    for (int64_t row = top; row <= y; row++)
        for (int64_t column = left; column < left + s.s && (row < y || column < at_x); column++) {
            const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
            if (inside)
                load(x, ((image * s.h + row) * s.w + column) * s.c + channel, in);
            for (int j = 0; j < N; j++) {
                const bool taken =
                    inside ? is_maximum(in[j], largest[j]) : s.zero_padding && largest[j] == 0.0f;
                dy[j] = taken ? 0.0f : dy[j];
            }
        }
}

template <class T, int N>
__global__ void max_pool_backward(struct window_shape s, int64_t p, int64_t q,
                                  const T *__restrict__ x, const T *__restrict__ y,
                                  const T *__restrict__ dy, T *__restrict__ dx)
{
    const int64_t packets = s.c / N, count = s.n * s.h * s.w * packets;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (int64_t)gridDim.x * blockDim.x) {
        const struct pool_place o = place_at(i, s.h, s.w, packets, N);
        const int64_t below = o.y + s.pad_top, right = o.x + s.pad_left;
        float sum[N] = {0}, in[N], largest[N], left_over[N];
        load(x, i * N, in);
        /* The first window that reaches the place, and all after it that begin at or before it. */
        for (int64_t a = below < s.r ? 0 : (below - s.r) / s.stride + 1;
             a < p && a * s.stride <= below; a++)
            for (int64_t b = right < s.s ? 0 : (right - s.s) / s.stride + 1;
                 b < q && b * s.stride <= right; b++) {
                const int64_t window = ((o.image * p + a) * q + b) * s.c + o.channel;
                load(y, window, largest);
                load(dy, window, left_over);
                take_away<T, N>(s, x, o.image, o.channel, a * s.stride - s.pad_top,
                                b * s.stride - s.pad_left, o.y, o.x, largest, left_over);
                for (int j = 0; j < N; j++) {
                    T rounded;
                    from_f32(sum[j] + (is_maximum(in[j], largest[j]) ? left_over[j] : 0.0f),
                             &rounded);
                    sum[j] = to_f32(rounded);
                }
            }
        store(sum, dx, i * N);
    }
}

template <class T, int N>
__global__ void average_pool(int64_t n, int64_t places, int64_t c, const T *__restrict__ x,
                             T *__restrict__ y)
{
    const int64_t packets = c / N;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n * packets;
         i += (int64_t)gridDim.x * blockDim.x) {
        const int64_t from = i / packets * places * c + i % packets * N;
        float sum[N] = {0}, in[N];
        for (int64_t place = 0; place < places; place++) {
            load(x, from + place * c, in);
            for (int j = 0; j < N; j++)
                sum[j] += in[j];
        }
        for (int j = 0; j < N; j++)
            sum[j] /= (float)places;
        store(sum, y, i * N);
    }
}

template <class T, int N>
__global__ void average_pool_backward(int64_t n, int64_t places, int64_t c,
                                      const T *__restrict__ dy, T *__restrict__ dx)
{
    const int64_t packets = c / N;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n * places * packets;
         i += (int64_t)gridDim.x * blockDim.x) {
        float values[N];
        load(dy, i / packets / places * c + i % packets * N, values);
        for (int j = 0; j < N; j++)
            values[j] /= (float)places;
        store(values, dx, i * N);
    }
}

extern "C" {

void kernel_max_pool(void *stream, enum dtype dtype, const struct window_shape *shape,
                     const void *x, void *y)
{
    const struct window_shape s = *shape;
    const int64_t p = window_height(shape), q = window_width(shape);
    BY_DTYPE(dtype, BY_WIDTH(s.c % packet_width<T>() == 0 && is_aligned(x, y),
                             LAUNCH((max_pool<T, N>), dim3(blocks_for(s.n * p * q * s.c / N)),
                                    dim3(THREADS), 0, stream, s, p, q, (const T *)x, (T *)y)));
}

void kernel_max_pool_backward(void *stream, enum dtype dtype, const struct window_shape *shape,
                              const void *x, const void *y, const void *dy, void *dx)
{
    const struct window_shape s = *shape;
    const int64_t p = window_height(shape), q = window_width(shape);
    BY_DTYPE(dtype,
             BY_WIDTH(s.c % packet_width<T>() == 0 && is_aligned(x, y, dy, dx),
                      LAUNCH((max_pool_backward<T, N>), dim3(blocks_for(s.n * s.h * s.w * s.c / N)),
                             dim3(THREADS), 0, stream, s, p, q, (const T *)x, (const T *)y,
                             (const T *)dy, (T *)dx)));
}

void kernel_average_pool(void *stream, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                         const void *x, void *y)
{
    BY_DTYPE(dtype, BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(x, y),
                             LAUNCH((average_pool<T, N>), dim3(blocks_for(n * c / N)),
                                    dim3(THREADS), 0, stream, n, places, c, (const T *)x, (T *)y)));
}

void kernel_average_pool_backward(void *stream, enum dtype dtype, int64_t n, int64_t places,
                                  int64_t c, const void *dy, void *dx)
{
    BY_DTYPE(dtype,
             BY_WIDTH(c % packet_width<T>() == 0 && is_aligned(dy, dx),
                      LAUNCH((average_pool_backward<T, N>), dim3(blocks_for(n * places * c / N)),
                             dim3(THREADS), 0, stream, n, places, c, (const T *)dy, (T *)dx)));
}

} /* extern "C" */
