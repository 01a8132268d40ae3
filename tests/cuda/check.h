/* Comparisons of kernels with the CPU's operations. Every comparison that holds is made again with
 * one element of the kernel's result changed, at its begin, middle and end, and must then fail.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

extern "C" {
#include "nn/cpu/cpu.h"
#include "nn/feed.h"
#include "nn/network.h"
#include "nn/reach.h"
}
#include "nn/cuda/kernels.h"

#include <cstdint>
#include <vector>

/* A tensor in memory of its very size, of which the sanitizers watch the ends. With `shift`,
 * elements begin so far from a multiple of 16 bytes. */
class tensor
{
  public:
    tensor(enum dtype dtype, int64_t count, int64_t shift = 0);
    /* Multiples of 2^-10 around `mean`, none the same as its neighbour's; with `special`, NaN, both
     * infinities, -0, and 6 among them. */
    tensor &fill(uint32_t seed, float mean = 0.75f, bool special = false);
    void *data();
    float *f32();
    float get(int64_t at) const;
    void set(int64_t at, float value);

    enum dtype dtype;
    int64_t count;

  private:
    int64_t shift;
    std::vector<unsigned char> bytes;
};

/* The same bits, but of NaN any. */
bool same(const char *what, tensor &result, tensor &expected);
/* max |result - expected| <= limit * max |expected|; what is not finite is so in both. */
bool near(const char *what, tensor &result, tensor &expected, double limit = 1e-5);
bool equal(const char *what, double result, double expected);

/* Prints `PASS name` or `FAIL name`; what fails is said before, in lines that begin with #. */
void report(const char *name, bool passed);

/* A lane of the CPU. */
struct lane *cpu_lane();
extern struct error cpu_error;

/* The parts, one a file. */
void check_tensors();
void check_pools();
void check_norms();
void check_steps();
void check_losses();
void check_packing();
void check_depthwise();
void check_feeds();
void check_reach();

#define EACH_DTYPE(name) for (enum dtype name : {DTYPE_F32, DTYPE_BF16})

#endif
