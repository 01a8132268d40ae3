/* Kernels between our layout and cuDNN's: transposed through shared memory, a tile at a time. */
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"

/* A tile is TILE x TILE; a block is TILE x TILE_ROWS threads. Rows of shared memory are one longer,
 * so that a column lies in different banks. */
enum { TILE = 32, TILE_ROWS = 8 };

/* Blocks (x: tiles of k, y: tiles of place and packed channel). */
template <class T>
__global__ void pack(int64_t places, int64_t c, int64_t k, int64_t packed_c,
                     const float *__restrict__ kernel, const float *__restrict__ scale,
                     T *__restrict__ packed)
{
    SHARED(float, tile, TILE *(TILE + 1));
    const int64_t all = places * packed_c, first_k = (int64_t)blockIdx.x * TILE;
    const int64_t first = (int64_t)blockIdx.y * TILE, in = first_k + threadIdx.x;
    for (int y = threadIdx.y; y < TILE; y += TILE_ROWS) {
        const int64_t place = (first + y) / packed_c, channel = (first + y) % packed_c;
        float value = 0.0f;
        if (first + y < all && channel < c && in < k) {
            value = kernel[(place * c + channel) * k + in];
            if (scale != NULL)
                value *= scale[in];
        }
        tile[y * (TILE + 1) + threadIdx.x] = value;
    }
    __syncthreads();
    for (int y = threadIdx.y; y < TILE; y += TILE_ROWS)
        if (first_k + y < k && first + threadIdx.x < all)
            from_f32(tile[threadIdx.x * (TILE + 1) + y],
                     &packed[(first_k + y) * all + first + threadIdx.x]);
}

template <class T>
__global__ void unpack(int64_t places, int64_t c, int64_t k, int64_t packed_c,
                       const T *__restrict__ packed, float *__restrict__ gradient)
{
    SHARED(float, tile, TILE *(TILE + 1));
    const int64_t all = places * packed_c, first_k = (int64_t)blockIdx.x * TILE;
    const int64_t first = (int64_t)blockIdx.y * TILE;
    for (int y = threadIdx.y; y < TILE; y += TILE_ROWS)
        if (first_k + y < k && first + threadIdx.x < all)
            tile[y * (TILE + 1) + threadIdx.x] =
                to_f32(packed[(first_k + y) * all + first + threadIdx.x]);
    __syncthreads();
    for (int y = threadIdx.y; y < TILE; y += TILE_ROWS) {
        const int64_t place = (first + y) / packed_c, channel = (first + y) % packed_c;
        if (first + y < all && channel < c && first_k + threadIdx.x < k)
            gradient[(place * c + channel) * k + first_k + threadIdx.x] =
                tile[threadIdx.x * (TILE + 1) + y];
    }
}

template <class T>
__global__ void pack_depthwise(int64_t count, int64_t c, const float *__restrict__ kernel,
                               const float *__restrict__ scale, T *__restrict__ packed)
{
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (int64_t)gridDim.x * blockDim.x)
        from_f32(scale != NULL ? kernel[i] * scale[i % c] : kernel[i], &packed[i]);
}

static dim3 tiles_of(int64_t places, int64_t k, int64_t packed_c)
{
    return dim3((unsigned)divide_up(k, TILE), (unsigned)divide_up(places * packed_c, TILE));
}

extern "C" {

void kernel_pack(void *stream, int64_t places, int64_t c, int64_t k, const float *kernel,
                 const float *scale, int64_t packed_c, enum dtype dtype, void *packed)
{
    BY_DTYPE(dtype, LAUNCH((pack<T>), tiles_of(places, k, packed_c), dim3(TILE, TILE_ROWS), 0,
                           stream, places, c, k, packed_c, kernel, scale, (T *)packed));
}

void kernel_unpack_gradient(void *stream, int64_t places, int64_t c, int64_t k, int64_t packed_c,
                            enum dtype dtype, const void *packed, float *gradient)
{
    BY_DTYPE(dtype, LAUNCH((unpack<T>), tiles_of(places, k, packed_c), dim3(TILE, TILE_ROWS), 0,
                           stream, places, c, k, packed_c, (const T *)packed, gradient));
}

void kernel_pack_depthwise(void *stream, int64_t places, int64_t c, const float *kernel,
                           const float *scale, enum dtype dtype, void *packed)
{
    BY_DTYPE(dtype, LAUNCH((pack_depthwise<T>), dim3(blocks_for(places * c)), dim3(THREADS), 0,
                           stream, places * c, c, kernel, scale, (T *)packed));
}

} /* extern "C" */
