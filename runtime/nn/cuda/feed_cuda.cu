/* Pictures on the card to the network's input: feed_cpu.c, a block a picture. Its stages lie in the
 * block's shared memory, where they fit; a thread makes several pixels of the output at once, so
 * many that they are whole packets. */
#include "nn/augment.h"
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"

/* Shared memory that every card since sm_80 gives a block. */
enum { MOST_SHARED = 96 * 1024 };

struct feed_job {
    struct feed feed; /* its augment is set in the kernel */
    struct augment augment;
    bool augmented, mixes;
    int pictures; /* that a block works with, [height,width,3] f32 each */
    const struct step_scalars *scalars;
    const int64_t *samples;
    float *scratch; /* [n][pictures], or NULL: they are shared */
    float *targets;
};

/* What is drawn for a block's picture, by one of its threads. */
struct feed_draws {
    struct mixup_draw mixup;
    struct augment_draw own, partner;
    float turn[6], zoom[6], partner_turn[6], partner_zoom[6];
};

static __device__ void draw_picture(const struct feed &feed, struct augment_key key,
                                    struct augment_draw *draw, float *turn, float *zoom)
{
    *draw = augment_draw(feed.augment, key, feed.height, feed.width);
    augment_rotation(draw->degrees, feed.height, feed.width, turn);
    augment_zooming(draw->zoom, feed.height, feed.width, zoom);
}

/* ---- a picture, by all threads of the block ---- */

/* Stored pixels to [0,1], mirrored where `flip`, in whatever order threads take them. */
static __device__ void scale_picture(const struct feed &feed, int64_t sample, bool flip, float *out)
{
    const int width = (int)feed.width, pixels = (int)(feed.height * feed.width);
    const uint8_t *in = feed.images + sample * pixels * 3;
    for (int i = threadIdx.x; i < pixels * 3; i += THREADS) {
        const int pixel = i / 3, x = pixel % width;
        const int from = flip ? pixel - x + (width - 1 - x) : pixel;
        out[i] = (float)in[from * 3 + i % 3] / 255.0f;
    }
    __syncthreads();
}

static __device__ void crop_picture(const struct feed &feed, const struct augment_draw &draw,
                                    const float *in, float *out)
{
    const int width = (int)feed.width, pixels = (int)(feed.height * feed.width);
    const enum crop_padding padding = feed.augment->crop_padding;
    for (int i = threadIdx.x; i < pixels; i += THREADS) {
        const int64_t y = augment_crop_place(i / width + draw.crop_y, feed.height, padding);
        const int64_t x = augment_crop_place(i % width + draw.crop_x, feed.width, padding);
        for (int c = 0; c < 3; c++)
            out[i * 3 + c] = x < 0 || y < 0 ? 0.0f : in[(y * width + x) * 3 + c];
    }
    __syncthreads();
}

static __device__ void warp_picture(const struct feed &feed, const float *m, const float *in,
                                    float *out)
{
    const int width = (int)feed.width, pixels = (int)(feed.height * feed.width);
    for (int i = threadIdx.x; i < pixels; i += THREADS)
        augment_warp(in, feed.height, feed.width, m, i % width, i / width, out + i * 3);
    __syncthreads();
}

static __device__ void cut_out(const struct feed &feed, const struct augment_draw &draw,
                               float *picture)
{
    const int width = (int)feed.width, pixels = (int)(feed.height * feed.width);
    const int64_t side = feed.augment->cutout;
    for (int i = threadIdx.x; i < pixels; i += THREADS) {
        const int64_t x = i % width - draw.cutout_x, y = i / width - draw.cutout_y;
        for (int c = 0; c < 3 && x >= 0 && x < side && y >= 0 && y < side; c++)
            picture[i * 3 + c] = 0.5f;
    }
    __syncthreads();
}

/* Ends in a or b, whichever is returned; as augment_picture() of feed_cpu.c. */
static __device__ float *augment_picture(const struct feed &feed, const struct augment_draw &draw,
                                         const float *turn, const float *zoom, int64_t sample,
                                         float *a, float *b)
{
    const struct augment *augment = feed.augment;
    float *other;
    if (augment == NULL) {
        scale_picture(feed, sample, feed.mirror, a);
        return a;
    }
    scale_picture(feed, sample, draw.flip != feed.mirror, a);
    if (augment->crop > 0) {
        crop_picture(feed, draw, a, b);
        other = a, a = b, b = other;
    }
    if (augment->rotation > 0) {
        warp_picture(feed, turn, a, b);
        other = a, a = b, b = other;
    }
    if (augment->zoom > 0) {
        warp_picture(feed, zoom, a, b);
        other = a, a = b, b = other;
    }
    if (augment->cutout > 0)
        cut_out(feed, draw, a);
    return a;
}

static __device__ void write_target(const struct feed &feed, int64_t sample, bool mixes,
                                    const struct mixup_draw &mixup, float *target)
{
    const int64_t own = feed.labels[sample], partner = mixes ? feed.labels[mixup.partner] : -1;
    const float rest = 1.0f - feed.label_smoothing;
    const float share = feed.label_smoothing / (float)feed.classes;
    for (int64_t j = threadIdx.x; j < feed.classes; j += THREADS) {
        float value = j != own ? 0.0f : mixes ? mixup.lambda : 1.0f;
        if (j == partner)
            value += 1.0f - mixup.lambda;
        target[j] = feed.label_smoothing > 0 ? value * rest + share : value;
    }
}

/* ---- to the output ---- */

template <int C>
static __device__ void present_pixel(const struct feed &feed,
                                     const struct preprocess_values &values, const float *picture,
                                     int pixel, float *out)
{
    const int size = (int)feed.image_size, width = (int)feed.width;
    const struct resize_point x = augment_resize_point(pixel % size, feed.width, size);
    const struct resize_point y = augment_resize_point(pixel / size, feed.height, size);
    const float *top = picture + y.lo * width * 3, *bottom = picture + y.hi * width * 3;
    for (int c = 0; c < C; c++) {
        if (c >= 3) {
            out[c] = 0.0f;
            continue;
        }
        const int64_t lo = x.lo * 3 + values.source[c], hi = x.hi * 3 + values.source[c];
        const float above = augment_mix(top[lo], top[hi], x.t);
        const float below = augment_mix(bottom[lo], bottom[hi], x.t);
        out[c] = preprocess_pixel(&values, c, augment_mix(above, below, y.t));
    }
}

/* PIXELS times C elements are whole packets. */
template <class T, int C> HOST_DEVICE constexpr int pixels_at_once()
{
    return C % packet_width<T>() == 0       ? 1
           : 2 * C % packet_width<T>() == 0 ? 2
           : 4 * C % packet_width<T>() == 0 ? 4
                                            : 8;
}

template <class T, int C>
static __device__ void present_picture(const struct feed &feed, const float *__restrict__ picture,
                                       T *__restrict__ out)
{
    constexpr int PIXELS = pixels_at_once<T, C>();
    const struct preprocess_values values = preprocess_values(feed.preprocess);
    const int pixels = (int)(feed.image_size * feed.image_size);
    const int whole = (uintptr_t)out % 16 == 0 ? pixels / PIXELS : 0;
    for (int i = threadIdx.x; i < whole; i += THREADS) {
        float packet[PIXELS * C];
#pragma unroll
        for (int k = 0; k < PIXELS; k++)
            present_pixel<C>(feed, values, picture, i * PIXELS + k, packet + k * C);
        store(packet, out, (int64_t)i * PIXELS * C);
    }
    for (int i = whole * PIXELS + threadIdx.x; i < pixels; i += THREADS) {
        float pixel[C];
        present_pixel<C>(feed, values, picture, i, pixel);
        for (int c = 0; c < C; c++)
            from_f32(pixel[c], &out[i * C + c]);
    }
}

template <class T, int C> __global__ void feed_pictures(struct feed_job job, T *out)
{
    SHARED_DYNAMIC(float, shared);
    SHARED(struct feed_draws, draws, 1);
    struct feed feed = job.feed;
    const int64_t count = feed.height * feed.width * 3, size = feed.image_size;
    const uint32_t epoch = job.scalars == NULL ? 0 : job.scalars->epoch;
    const int64_t position = job.scalars == NULL ? 0 : job.scalars->position;
    const int64_t sample = job.samples[position + blockIdx.x];
    float *a = job.scratch == NULL ? shared : job.scratch + blockIdx.x * job.pictures * count;
    float *b = job.pictures > 1 ? a + count : a;
    feed.augment = job.augmented ? &job.augment : NULL;
    if (threadIdx.x == 0 && job.augmented) {
        const struct augment_key key = {feed.seed, RANDOM_AUGMENT, epoch, (uint32_t)sample, 0};
        draw_picture(feed, key, &draws->own, draws->turn, draws->zoom);
        if (job.mixes) {
            draws->mixup = augment_mixup(&feed, epoch, sample);
            draw_picture(feed, draws->mixup.key, &draws->partner, draws->partner_turn,
                         draws->partner_zoom);
        }
    }
    __syncthreads();
    float *picture = augment_picture(feed, draws->own, draws->turn, draws->zoom, sample, a, b);
    if (job.mixes) {
        const float lambda = draws->mixup.lambda, rest = 1.0f - lambda;
        const float *partner =
            augment_picture(feed, draws->partner, draws->partner_turn, draws->partner_zoom,
                            draws->mixup.partner, a + 2 * count, picture == a ? b : a);
        for (int64_t i = threadIdx.x; i < count; i += THREADS)
            picture[i] = lambda * picture[i] + rest * partner[i];
        __syncthreads();
    }
    if (job.targets != NULL)
        write_target(feed, sample, job.mixes, draws->mixup,
                     job.targets + blockIdx.x * feed.classes);
    present_picture<T, C>(feed, picture, out + blockIdx.x * size * size * C);
}

__global__ void write_targets(struct feed feed, const int64_t *samples, float *targets)
{
    const struct mixup_draw none = {};
    write_target(feed, samples[blockIdx.x], false, none, targets + blockIdx.x * feed.classes);
}

/* ---- launch ---- */

static bool mixes(const struct feed *feed)
{
    return feed->augment != NULL && feed->augment->mixup > 0 && feed->partner_count > 0;
}

static int pictures_of(const struct feed *feed)
{
    return mixes(feed) ? 3 : feed->augment != NULL ? 2 : 1;
}

static size_t picture_bytes(const struct feed *feed)
{
    return (size_t)(pictures_of(feed) * feed->height * feed->width * 3) * sizeof(float);
}

template <class T, int C>
static void launch_feed(void *stream, const struct feed_job &pictures, int64_t n, size_t shared,
                        void *x)
{
    const struct feed_job job = pictures;
    if (shared > 0)
        SHARED_LIMIT((feed_pictures<T, C>), shared);
    LAUNCH((feed_pictures<T, C>), dim3((unsigned)n), dim3(THREADS), shared, stream, job, (T *)x);
}

extern "C" {

size_t kernel_feed_scratch(const struct feed *feed, int64_t n)
{
    return picture_bytes(feed) > MOST_SHARED ? picture_bytes(feed) * (size_t)n : 0;
}

void kernel_feed(void *stream, const struct feed *feed, const struct step_scalars *scalars,
                 const int64_t *samples, int64_t n, enum dtype dtype, int channels, void *scratch,
                 void *x, float *targets)
{
    const struct augment none = {};
    const bool fits = picture_bytes(feed) <= MOST_SHARED;
    struct feed_job job = {*feed,
                           feed->augment != NULL ? *feed->augment : none,
                           feed->augment != NULL,
                           mixes(feed),
                           pictures_of(feed),
                           scalars,
                           samples,
                           fits ? NULL : (float *)scratch,
                           targets};
    const size_t shared = fits ? picture_bytes(feed) : 0;
    job.feed.augment = NULL;
    BY_DTYPE(dtype, {
        if (channels == 3)
            launch_feed<T, 3>(stream, job, n, shared, x);
        else if (channels == 4)
            launch_feed<T, 4>(stream, job, n, shared, x);
        else
            launch_feed<T, 8>(stream, job, n, shared, x);
    });
}

void kernel_targets(void *stream, const struct feed *feed, const int64_t *samples, int64_t n,
                    float *targets)
{
    const struct feed plain = *feed;
    LAUNCH(write_targets, dim3((unsigned)n), dim3(THREADS), 0, stream, plain, samples, targets);
}

} /* extern "C" */
