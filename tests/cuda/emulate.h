/* Runs kernels on the host: what nn/cuda/launch.cuh includes where the compiler is not nvcc.
 *
 * Blocks run one after another; a block's threads are fibers, taken up in ascending order, or with
 * EMULATE_ORDER=reverse in descending: what differs between the two is a race. It stops, with the
 * place in the kernel, at what a card leaves undefined: a barrier that not all threads of the block
 * reach, a shuffle whose mask names a lane that is elsewhere or has left, a grid or block beyond
 * the limits. Shared memory begins as signalling NaNs, so that reading what nobody wrote shows; the
 * sanitizers find what lies beyond an array or is not aligned.
 *
 * Not found: races within a warp between barriers that both orders hide, memory order between
 * blocks, bank conflicts.
 */
#ifndef TESTS_EMULATE_H
#define TESTS_EMULATE_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c)
    {
    }
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}

namespace emulate
{
struct place {
    unsigned x, y, z;
};
extern place thread, block;
extern dim3 grid_size, block_size;

void launch(void *stream, const char *kernel, dim3 grid, dim3 block, size_t shared,
            const std::function<void()> &body);
/* Where that is set, launches are handed to it, to be run later, in place of being run at once. */
extern std::function<void(void *stream, std::function<void()> work)> put;
/* Names of the kernels that were launched, without their template's arguments. */
const std::set<std::string> &launched();
/* What is launched between the two is kept, with the arguments it had, and runs when it is called.
 */
void capture_begin();
std::vector<std::function<void()>> capture_end();

void barrier(const char *where);
void *shared_static(const void *key, size_t bytes);
void *shared_dynamic();
uint64_t exchange(unsigned mask, uint64_t value, int source_lane, const char *where);
unsigned ballot(unsigned mask, bool on, const char *where);
void allow_shared(size_t bytes);

static inline int lane()
{
    return (int)((thread.x + block_size.x * (thread.y + block_size.y * thread.z)) % 32);
}

template <class T> static inline T shuffle(unsigned mask, T value, int source, const char *where)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = exchange(mask, bits, source, where);
    memcpy(&value, &bits, sizeof value);
    return value;
}
} // namespace emulate

#define threadIdx emulate::thread
#define blockIdx emulate::block
#define gridDim emulate::grid_size
#define blockDim emulate::block_size
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __restrict__ __restrict

#define EMULATE_TEXT_(x) #x
#define EMULATE_TEXT(x) EMULATE_TEXT_(x)
#define EMULATE_WHERE __FILE__ ":" EMULATE_TEXT(__LINE__)
#define __syncthreads() emulate::barrier(EMULATE_WHERE)
#define __shfl_xor_sync(mask, value, bits)                                                         \
    emulate::shuffle(mask, value, emulate::lane() ^ (int)(bits), EMULATE_WHERE)
#define __shfl_sync(mask, value, source) emulate::shuffle(mask, value, source, EMULATE_WHERE)
#define __ballot_sync(mask, on) emulate::ballot(mask, on, EMULATE_WHERE)

template <class T> static inline void __stwb(T *to, T value)
{
    *to = value;
}

/* A block's threads take turns, and so do blocks. */
static inline unsigned atomicMax(unsigned *at, unsigned value)
{
    const unsigned before = *at;
    *at = value > before ? value : before;
    return before;
}

/* The host has no storage of a block's own, so shared arrays are declared by macro. */
#define SHARED(type, name, count)                                                                  \
    static char name##_key;                                                                        \
    type *const name = (type *)emulate::shared_static(&name##_key, sizeof(type) * (count))
#define SHARED_DYNAMIC(type, name) type *const name = (type *)emulate::shared_dynamic()
#define SHARED_LIMIT(kernel, bytes) emulate::allow_shared(bytes)
#define LAUNCH(kernel, grid, block, shared, stream, ...)                                           \
    emulate::launch(stream, #kernel, grid, block, shared, [=] { kernel(__VA_ARGS__); })

#endif
