#include "check.h"

#include "emulate.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

struct error cpu_error;
static int planted; /* faults that were found */
static int failures;

tensor::tensor(enum dtype dtype_, int64_t count_, int64_t shift_)
    : dtype(dtype_), count(count_), shift(shift_),
      bytes((size_t)(count_ + shift_) * dtype_size(dtype_), 0xee)
{
}

void *tensor::data()
{
    return bytes.data() + (size_t)shift * dtype_size(dtype);
}

float *tensor::f32()
{
    if (dtype != DTYPE_F32)
        abort();
    return (float *)data();
}

float tensor::get(int64_t at) const
{
    const unsigned char *from = bytes.data() + (size_t)(shift + at) * dtype_size(dtype);
    float wide;
    uint16_t narrow;
    if (dtype == DTYPE_F32) {
        memcpy(&wide, from, sizeof wide);
        return wide;
    }
    memcpy(&narrow, from, sizeof narrow);
    return bf16_to_f32(narrow);
}

void tensor::set(int64_t at, float value)
{
    unsigned char *to = bytes.data() + (size_t)(shift + at) * dtype_size(dtype);
    const uint16_t narrow = bf16_from_f32(value);
    if (dtype == DTYPE_F32)
        memcpy(to, &value, sizeof value);
    else
        memcpy(to, &narrow, sizeof narrow);
}

tensor &tensor::fill(uint32_t seed, float mean, bool special)
{
    static const float specials[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f, 6.0f, 3e38f};
    for (int64_t i = 0; i < count; i++) {
        const uint32_t word = philox_at(seed, RANDOM_GENERATE, 0, 0, (uint32_t)i).words[0];
        set(i, mean + (float)((int)(word >> 21) - 1024) / 1024.0f);
        if (special && word % 5 == 0)
            set(i, specials[word / 5 % 7]);
    }
    return *this;
}

/* ---- comparisons ---- */

/* The first element that differs, or -1. */
static int64_t find_other_bits(const tensor &a, const tensor &b)
{
    for (int64_t i = 0; i < a.count; i++) {
        const float x = a.get(i), y = b.get(i);
        if (memcmp(&x, &y, sizeof x) != 0 && !(std::isnan(x) && std::isnan(y)))
            return i;
    }
    return -1;
}

static double largest_of(const tensor &t)
{
    double largest = 0;
    for (int64_t i = 0; i < t.count; i++)
        if (std::isfinite(t.get(i)))
            largest = fmax(largest, fabs((double)t.get(i)));
    return largest;
}

static int64_t find_far(const tensor &a, const tensor &b, double distance)
{
    for (int64_t i = 0; i < a.count; i++) {
        const double x = (double)a.get(i), y = (double)b.get(i);
        if (std::isfinite(x) != std::isfinite(y) ||
            (std::isfinite(x) && !(fabs(x - y) <= distance)))
            return i;
    }
    return -1;
}

template <class Find>
static bool compare(const char *what, tensor &result, const tensor &expected, double change,
                    Find find)
{
    const int64_t at = result.count == expected.count ? find(result, expected) : 0;
    if (at >= 0) {
        printf("# %s: element %lld of %lld is %.9g (%a), expected %.9g (%a)\n", what, (long long)at,
               (long long)result.count, (double)result.get(at), (double)result.get(at),
               (double)expected.get(at), (double)expected.get(at));
        return false;
    }
    for (int64_t place : {(int64_t)0, result.count / 2, result.count - 1}) {
        const float kept = result.get(place);
        if (change == 0 || !std::isfinite(kept))
            result.set(place, std::isfinite(kept) ? kept * 1.0078125f + 0x1p-126f : 1.0f);
        else
            result.set(place, (float)((double)kept + change));
        if (find(result, expected) != place) {
            printf("# %s: a planted fault at %lld was not found\n", what, (long long)place);
            return false;
        }
        result.set(place, kept);
        planted++;
    }
    return true;
}

bool same(const char *what, tensor &result, tensor &expected)
{
    return compare(what, result, expected, 0, find_other_bits);
}

bool near(const char *what, tensor &result, tensor &expected, double limit)
{
    const double distance = limit * largest_of(expected);
    return compare(what, result, expected, 3 * distance + 1e-30,
                   [=](const tensor &a, const tensor &b) { return find_far(a, b, distance); });
}

bool equal(const char *what, double result, double expected)
{
    if (memcmp(&result, &expected, sizeof result) == 0)
        return true;
    printf("# %s is %.17g, expected %.17g\n", what, result, expected);
    return false;
}

void report(const char *name, bool passed)
{
    printf("%s %s\n", passed ? "PASS" : "FAIL", name);
    fflush(stdout);
    failures += !passed;
}

static int take_lane(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    (void)shard, (void)err;
    *(struct lane **)arg = lane;
    return 0;
}

static struct cpu *cpu;

struct lane *cpu_lane()
{
    struct lane *lane = NULL;
    if ((cpu == NULL && cpu_open(1, &cpu, &cpu_error) != 0) ||
        cpu_parallel(cpu, 1, take_lane, &lane, &cpu_error) != 0)
        abort();
    return lane;
}

int main(int argc, char **argv)
{
    const size_t kernels = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    check_tensors();
    check_pools();
    check_norms();
    check_steps();
    check_losses();
    check_packing();
    check_depthwise();
    check_feeds();
    check_reach();
    cpu_close(cpu);
    printf("# %zu kernels of %zu in the sources were launched, %d planted faults found\n",
           emulate::launched().size(), kernels, planted);
    report("every_kernel_of_the_sources_is_launched", emulate::launched().size() == kernels);
    report("a_planted_fault_is_found_in_every_comparison", planted > 0);
    return failures != 0;
}
