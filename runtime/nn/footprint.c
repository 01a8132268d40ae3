#include "nn/footprint.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const size_t mebibyte = (size_t)1 << 20;

void footprint_add(struct footprint *footprint, enum footprint_part part, size_t count,
                   size_t bytes)
{
    size_t *sum = &footprint->bytes[part], more;
    if (!memory_multiply(count, bytes, &more) || __builtin_add_overflow(*sum, more, sum))
        *sum = SIZE_MAX;
}

size_t footprint_total(const struct footprint *footprint)
{
    struct footprint all = {0};
    for (int i = 0; i < FOOTPRINT_PARTS; i++)
        footprint_add(&all, FOOTPRINT_PROGRAM, 1, footprint->bytes[i]);
    return all.bytes[FOOTPRINT_PROGRAM];
}

bool footprint_fits(const struct footprint *footprint, size_t bytes)
{
    const size_t starts_differ_by = 4 * mebibyte, all = footprint_total(footprint);
    return all <= starts_differ_by || all - starts_differ_by <= bytes;
}

size_t footprint_mebibytes(size_t bytes)
{
    return bytes / mebibyte + (bytes % mebibyte != 0);
}

static bool is_limited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool footprint_counts_addresses(void)
{
    return is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA);
}

size_t footprint_aligned(size_t bytes)
{
    return footprint_counts_addresses() ? memory_aligned_extent(bytes) : memory_aligned_size(bytes);
}

/* By the limit that there is: of the address space, of what of it can be written, which stacks of
 * threads are part of, or none. */
static size_t size_of_process(void)
{
    size_t all = 0, resident = 0, data = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    const bool told = fscanf(file, "%zu %zu %*u %*u %*u %zu", &all, &resident, &data) == 3;
    fclose(file);
    if (!told)
        return 0;
    const size_t pages = is_limited(RLIMIT_AS) ? all : is_limited(RLIMIT_DATA) ? data : resident;
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void footprint_add_process(struct footprint *footprint, size_t counted)
{
    const size_t process = size_of_process();
    footprint_add(footprint, FOOTPRINT_PROGRAM, 1, process > counted ? process - counted : 0);
    footprint_add(footprint, FOOTPRINT_SPARE, 32, mebibyte);
}

int footprint_state(const struct footprint *footprint, struct text *words, struct error *err)
{
    static const char *const names[FOOTPRINT_PARTS] = {[FOOTPRINT_PROGRAM] = "program and data",
                                                       [FOOTPRINT_WEIGHTS] = "weights",
                                                       [FOOTPRINT_KERNELS] = "packed kernels",
                                                       [FOOTPRINT_OPTIMIZER] = "optimizer",
                                                       [FOOTPRINT_GRADIENTS] = "gradients",
                                                       [FOOTPRINT_ACTIVATIONS] = "activations",
                                                       [FOOTPRINT_SCRATCH] = "scratch",
                                                       [FOOTPRINT_CHECKPOINT] = "checkpoint",
                                                       [FOOTPRINT_FEATURES] = "remembered pictures",
                                                       [FOOTPRINT_SPARE] = "spare"};
    const char *before = ": ";
    text_addf(words, "memory %zu MiB", footprint_mebibytes(footprint_total(footprint)));
    for (int i = 0; i < FOOTPRINT_PARTS; i++) {
        if (footprint->bytes[i] < mebibyte / 2)
            continue;
        text_addf(words, "%s%s %zu", before, names[i],
                  footprint->bytes[i] / mebibyte +
                      (footprint->bytes[i] % mebibyte >= mebibyte / 2));
        before = ", ";
    }
    return text_check(words, err);
}
