/* What a kernel may use, for nvcc and for the host. A .cu file includes this, launches with LAUNCH,
 * and then is also good C++ for g++ -x c++, which takes emulate.h of the tests in place of CUDA:
 * there a block's threads are fibers, and every barrier or shuffle hands over to the next.
 *
 * Kernels keep to what both have: barriers, shuffles and votes of full warps, shared memory,
 * 128-bit loads and stores, and atomics on whole numbers whose result does not depend on the order
 * in which they are done. No atomics on floats, no code that only a device sees.
 */
#ifndef NN_CUDA_LAUNCH_CUH
#define NN_CUDA_LAUNCH_CUH

#ifdef __CUDACC__
#define LAUNCH(kernel, grid, block, shared, stream, ...)                                           \
    kernel<<<grid, block, shared, (cudaStream_t)(stream)>>>(__VA_ARGS__)
/* SHARED(float, sums, 32) declares an array of the block's; SHARED_DYNAMIC the one whose bytes
 * LAUNCH names, and SHARED_LIMIT allows a kernel more of it than 48 KiB. */
#define SHARED(type, name, count) __shared__ type name[count]
#define SHARED_DYNAMIC(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char dynamic_bytes[];                                 \
    type *const name = (type *)dynamic_bytes
#define SHARED_LIMIT(kernel, bytes)                                                                \
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(bytes))
#else
#include "emulate.h"
#endif

#include "nn/dtype.h"

#include <stdint.h>

enum { THREADS = 256, FULL_WARP = 32 };

/* Statements with T as the type of element, and with N as the elements that are moved at once. */
#define BY_DTYPE(dtype, ...)                                                                       \
    do {                                                                                           \
        if ((dtype) == DTYPE_BF16) {                                                               \
            using T = uint16_t;                                                                    \
            __VA_ARGS__;                                                                           \
        } else {                                                                                   \
            using T = float;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)
#define BY_WIDTH(whole, ...)                                                                       \
    do {                                                                                           \
        if (whole) {                                                                               \
            constexpr int N = packet_width<T>();                                                   \
            __VA_ARGS__;                                                                           \
        } else {                                                                                   \
            constexpr int N = 1;                                                                   \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

static inline HOST_DEVICE int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Blocks of THREADS for so many things to do; a thread does several where there are very many. The
 * result of a kernel never depends on it. */
static inline unsigned blocks_for(int64_t things)
{
    const int64_t blocks = divide_up(things, THREADS), most = 4096;
    return (unsigned)(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

#endif
