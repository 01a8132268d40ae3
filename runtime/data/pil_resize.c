/* Arithmetic of Pillow's libImaging/Resample.c: coefficients in double precision, rounded to 22
 * fractional bits; sums in 32-bit integers; one pass after the other, with u8 between them.
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

/* The triangle of linear interpolation. */
static double linear(double t)
{
    t = fabs(t);
    return t < 1 ? 1 - t : 0;
}

struct kernel {
    double (*at)(double t);
    double support; /* beyond it there is nothing */
};
static const struct kernel bilinear = {linear, 1}, bicubic = {cubic, 2};

/* Fills the taps of output `i`; `exact` [taps] is working memory. */
static void weigh(struct filter *filter, const struct kernel *kernel, int64_t in, int64_t i,
                  double scale, double *exact)
{
    double spread = scale > 1 ? scale : 1;
    double support = kernel->support * spread;
    double center = ((double)i + 0.5) * scale;
    double inverse = 1 / spread, sum = 0;
    int64_t low = (int64_t)(center - support + 0.5);
    int64_t high = (int64_t)(center + support + 0.5);
    low = low < 0 ? 0 : low;
    high = high > in ? in : high;
    for (int64_t j = 0; j < high - low; j++) {
        exact[j] = kernel->at(((double)(j + low) - center + 0.5) * inverse);
        sum += exact[j];
    }
    for (int64_t j = 0; j < high - low; j++) {
        double weight = (sum != 0 ? exact[j] / sum : exact[j]) * (1 << FRACTION_BITS);
        filter->weights[i * filter->taps + j] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    filter->first[i] = low;
    filter->count[i] = high - low;
}

static int filter_make(const struct kernel *kernel, int64_t in, int64_t out, struct filter *filter,
                       struct error *err)
{
    double scale = (double)in / (double)out;
    filter->taps = 2 * (int64_t)ceil(kernel->support * (scale > 1 ? scale : 1)) + 1;
    double *exact = memory_new((size_t)filter->taps, sizeof(*exact), err);
    int result = -1;
    if (exact != NULL && (filter->first = memory_new((size_t)out, sizeof(int64_t), err)) != NULL &&
        (filter->count = memory_new((size_t)out, sizeof(int64_t), err)) != NULL &&
        (filter->weights = memory_new((size_t)(out * filter->taps), sizeof(int32_t), err)) !=
            NULL) {
        for (int64_t i = 0; i < out; i++)
            weigh(filter, kernel, in, i, scale, exact);
        result = 0;
    }
    free(exact);
    return result;
}

static uint8_t rounded(int32_t sum)
{
    sum >>= FRACTION_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* in [h,w,channels] -> out [h,out_w,channels]. */
static void pass_across(const struct filter *filter, const uint8_t *in, int64_t h, int64_t w,
                        int64_t out_w, int64_t channels, uint8_t *out)
{
    for (int64_t y = 0; y < h; y++, in += w * channels)
        for (int64_t x = 0; x < out_w; x++) {
            const int32_t *weights = filter->weights + x * filter->taps;
            for (int64_t channel = 0; channel < channels; channel++) {
                const uint8_t *at = in + filter->first[x] * channels + channel;
                int32_t sum = 1 << (FRACTION_BITS - 1);
                for (int64_t j = 0; j < filter->count[x]; j++)
                    sum += at[j * channels] * weights[j];
                *out++ = rounded(sum);
            }
        }
}

/* in [h,line] -> out [out_h,line]; `sums` [line] is working memory. */
static void pass_down(const struct filter *filter, const uint8_t *in, int64_t line, int64_t out_h,
                      int32_t *sums, uint8_t *out)
{
    for (int64_t y = 0; y < out_h; y++, out += line) {
        const int32_t *weights = filter->weights + y * filter->taps;
        for (int64_t x = 0; x < line; x++)
            sums[x] = 1 << (FRACTION_BITS - 1);
        for (int64_t j = 0; j < filter->count[y]; j++) {
            const uint8_t *at = in + (filter->first[y] + j) * line;
            for (int64_t x = 0; x < line; x++)
                sums[x] += at[x] * weights[j];
        }
        for (int64_t x = 0; x < line; x++)
            out[x] = rounded(sums[x]);
    }
}

/* in [h,w,channels] -> out [out_h,out_w,channels] */
struct resize {
    const uint8_t *in;
    int64_t h, w, channels;
    uint8_t *out;
    int64_t out_h, out_w;
};

static int resize(const struct resize *r, const struct kernel *kernel, struct error *err)
{
    /* Which pass comes first decides bits. Pillow has no word on it; its answers say so. */
    const bool down_first = r->h > r->out_h && r->h - r->out_h > 2 * (r->w - r->out_w);
    const int64_t between_h = down_first ? r->out_h : r->h;
    const int64_t between_w = down_first ? r->w : r->out_w;
    struct filter across = {0}, down = {0};
    uint8_t *between = NULL; /* [between_h,between_w,channels] */
    int32_t *sums = NULL;    /* of a line of the pass down */
    int result = -1;
    if (r->h < 1 || r->w < 1 || r->out_h < 1 || r->out_w < 1 || r->h > LARGEST || r->w > LARGEST ||
        r->out_h > LARGEST || r->out_w > LARGEST)
        return error_set(err, ERR_USAGE, "cannot resize a picture of %lld x %lld to %lld x %lld",
                         (long long)r->h, (long long)r->w, (long long)r->out_h,
                         (long long)r->out_w);
    if (filter_make(kernel, r->w, r->out_w, &across, err) < 0 ||
        filter_make(kernel, r->h, r->out_h, &down, err) < 0 ||
        (between = memory_new((size_t)(between_h * between_w), (size_t)r->channels, err)) == NULL ||
        (sums = memory_new((size_t)(between_w * r->channels), sizeof(*sums), err)) == NULL)
        goto done;
    if (down_first) {
        pass_down(&down, r->in, r->w * r->channels, r->out_h, sums, between);
        pass_across(&across, between, r->out_h, r->w, r->out_w, r->channels, r->out);
    } else {
        pass_across(&across, r->in, r->h, r->w, r->out_w, r->channels, between);
        pass_down(&down, between, r->out_w * r->channels, r->out_h, sums, r->out);
    }
    result = 0;
done:
    free(sums);
    free(between);
    filter_release(&down);
    filter_release(&across);
    return result;
}

int pil_resize_bicubic(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                       int64_t out_w, struct error *err)
{
    const struct resize grey = {in, h, w, 1, out, out_h, out_w};
    return resize(&grey, &bicubic, err);
}

int pil_resize_bilinear(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                        int64_t out_w, struct error *err)
{
    const struct resize rgb = {in, h, w, 3, out, out_h, out_w};
    return resize(&rgb, &bilinear, err);
}
