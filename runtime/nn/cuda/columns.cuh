/* Loops over a tensor [rows,c], and sums over its rows.
 *
 * Threads of a block lie side by side along the channels (x, N channels each) and below one another
 * (y); a block takes a chunk of rows, each thread every blockDim.y-th row of it. How rows are cut
 * depends on rows, c and N alone, and all sums run in one order: a thread's in row order, then
 * fold_block over the block's y, then fold_chunks over chunks. So the card has no say in the bits.
 */
#ifndef NN_CUDA_COLUMNS_CUH
#define NN_CUDA_COLUMNS_CUH

#include "nn/cuda/packet.cuh"

#include <stddef.h>

struct columns {
    dim3 grid, block;
    int64_t rows, c, chunk, chunks; /* rows in a chunk; the last may have fewer */
};

/* A chunk has work for all threads of a block, and there are some 512 blocks where rows allow. */
static inline struct columns columns_of(int64_t rows, int64_t c, int n)
{
    const int64_t packets = c / n, across = packets < THREADS ? packets : (int64_t)THREADS;
    const int64_t down = THREADS / across, tiles = divide_up(packets, across);
    const int64_t wanted = tiles < 512 ? 512 / tiles : 1;
    int64_t chunk = divide_up(rows, wanted);
    chunk = chunk < 4 * down ? 4 * down : chunk;
    const int64_t chunks = rows > chunk ? divide_up(rows, chunk) : 1;
    struct columns columns = {dim3((unsigned)tiles, (unsigned)chunks),
                              dim3((unsigned)across, (unsigned)down),
                              rows,
                              c,
                              chunk,
                              chunks};
    return columns;
}

/* The most chunks that rows x c can have, whatever the elements and their alignment. */
static inline int64_t columns_most_chunks(int64_t rows, int64_t c)
{
    int64_t most = 1;
    for (int n = 1; n <= 8; n *= 2) {
        const int64_t chunks = c % n == 0 ? columns_of(rows, c, n).chunks : 1;
        most = chunks > most ? chunks : most;
    }
    return most;
}

/* A thread's part: channels [at,at+N) of every `step`-th row in [row,end); none where they lie
 * beyond the last. */
struct column_part {
    int64_t at, row, end, step;
};

template <int N> __device__ struct column_part column_part(const struct columns &columns)
{
    struct column_part part;
    const int64_t first = blockIdx.y * columns.chunk, last = first + columns.chunk;
    part.at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) * N;
    part.row = first + threadIdx.y;
    part.end = part.at >= columns.c ? 0 : last < columns.rows ? last : columns.rows;
    part.step = blockDim.y;
    return part;
}

/* Calls join(into, from) until number 0 of `count` has all; thread `number` joins into its own. All
 * threads of the block take part; what is joined lies in shared memory. */
template <class Join> __device__ void fold_block(unsigned count, unsigned number, Join join)
{
    __syncthreads();
    while (count > 1) {
        const unsigned half = (count + 1) / 2;
        if (number < count - half)
            join(number, number + half);
        count = half;
        __syncthreads();
    }
}

/* Adds up partial [chunks][count] over chunks; done(column, sum) by one thread each. A grid over
 * columns of FULL_WARP by FOLD_ROWS threads. */
enum { FOLD_ROWS = 16 };

static inline dim3 fold_grid(int64_t count)
{
    return dim3((unsigned)divide_up(count, FULL_WARP));
}

static inline dim3 fold_threads()
{
    return dim3(FULL_WARP, FOLD_ROWS);
}

template <class Done>
__device__ void fold_chunks(int64_t count, int64_t chunks, const double *partial, Done done)
{
    SHARED(double, sums, FULL_WARP *FOLD_ROWS);
    const int64_t column = (int64_t)blockIdx.x * FULL_WARP + threadIdx.x;
    double sum = 0;
    for (int64_t i = threadIdx.y; i < chunks && column < count; i += FOLD_ROWS)
        sum += partial[i * count + column];
    sums[threadIdx.y * FULL_WARP + threadIdx.x] = sum;
    fold_block(FOLD_ROWS, threadIdx.y, [&](unsigned into, unsigned from) {
        sums[into * FULL_WARP + threadIdx.x] += sums[from * FULL_WARP + threadIdx.x];
    });
    if (threadIdx.y == 0 && column < count)
        done(column, sums[threadIdx.x]);
}

#endif
