/* Arithmetic of Pillow's libImaging/Resample.c: coefficients in double precision, rounded to 22
 * fractional bits; sums in 32-bit integers; the horizontal pass first, with u8 between the passes.
 */
#include "data/pil_resize.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { FRACTION_BITS = 22, LARGEST = 65536 };

/* The taps of one axis: output i is the sum over j of weights[i*taps + j] * in[first[i] + j]. */
struct filter {
    int64_t taps;
    int64_t *first, *count; /* [out] */
    int32_t *weights;       /* [out,taps] */
};

static void filter_release(struct filter *filter)
{
    free(filter->first);
    free(filter->count);
    free(filter->weights);
}

/* Keys' cubic convolution kernel, a = -0.5. */
static double cubic(double t)
{
    const double a = -0.5;
    t = fabs(t);
    if (t < 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    if (t < 2)
        return (((t - 5) * t + 8) * t - 4) * a;
    return 0;
}

/* Fills the taps of output `i`; `exact` [taps] is working memory. */
static void weigh(struct filter *filter, int64_t in, int64_t i, double scale, double *exact)
{
    double spread = scale > 1 ? scale : 1;
    double support = 2 * spread;
    double center = ((double)i + 0.5) * scale;
    double inverse = 1 / spread, sum = 0;
    int64_t low = (int64_t)(center - support + 0.5);
    int64_t high = (int64_t)(center + support + 0.5);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    for (int64_t j = 0; j < high - low; j++) {
        exact[j] = cubic(((double)(j + low) - center + 0.5) * inverse);
        sum += exact[j];
    }
    for (int64_t j = 0; j < high - low; j++) {
        double weight = (sum != 0 ? exact[j] / sum : exact[j]) * (1 << FRACTION_BITS);
        filter->weights[i * filter->taps + j] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    filter->first[i] = low;
    filter->count[i] = high - low;
}

static int filter_make(int64_t in, int64_t out, struct filter *filter, struct error *err)
{
    double scale = (double)in / (double)out;
    filter->taps = 2 * (int64_t)ceil(2 * (scale > 1 ? scale : 1)) + 1;
    double *exact = memory_new((size_t)filter->taps, sizeof(*exact), err);
    int result = -1;
    if (exact != NULL && (filter->first = memory_new((size_t)out, sizeof(int64_t), err)) != NULL &&
        (filter->count = memory_new((size_t)out, sizeof(int64_t), err)) != NULL &&
        (filter->weights = memory_new((size_t)(out * filter->taps), sizeof(int32_t), err)) !=
            NULL) {
        for (int64_t i = 0; i < out; i++)
            weigh(filter, in, i, scale, exact);
        result = 0;
    }
    free(exact);
    return result;
}

/* Output i of a line whose elements lie `stride` apart. */
static uint8_t apply(const struct filter *filter, int64_t i, const uint8_t *line, int64_t stride)
{
    int32_t sum = 1 << (FRACTION_BITS - 1);
    const int32_t *weights = filter->weights + i * filter->taps;
    const uint8_t *at = line + filter->first[i] * stride;
    for (int64_t j = 0; j < filter->count[i]; j++)
        sum += at[j * stride] * weights[j];
    sum >>= FRACTION_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

int pil_resize_bicubic(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                       int64_t out_w, struct error *err)
{
    struct filter across = {0}, down = {0};
    uint8_t *rows = NULL; /* [h,out_w] */
    int result = -1;
    if (h < 1 || w < 1 || out_h < 1 || out_w < 1 || h > LARGEST || w > LARGEST || out_h > LARGEST ||
        out_w > LARGEST)
        return error_set(err, ERR_USAGE, "cannot resize a picture of %lld x %lld to %lld x %lld",
                         (long long)h, (long long)w, (long long)out_h, (long long)out_w);
    if (filter_make(w, out_w, &across, err) < 0 || filter_make(h, out_h, &down, err) < 0 ||
        (rows = memory_new((size_t)h, (size_t)out_w, err)) == NULL)
        goto done;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < out_w; x++)
            rows[y * out_w + x] = apply(&across, x, in + y * w, 1);
    for (int64_t y = 0; y < out_h; y++)
        for (int64_t x = 0; x < out_w; x++)
            out[y * out_w + x] = apply(&down, y, rows + x, out_w);
    result = 0;
done:
    free(rows);
    filter_release(&down);
    filter_release(&across);
    return result;
}
