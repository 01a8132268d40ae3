/* The arithmetic of feeding an image, one pixel or one draw at a time, for
 * host and device: what to draw, where a warp samples, how a resized pixel is
 * mixed, what preprocessing makes of it. feed_cpu.c has the loops of the CPU.
 *
 * Follows Keras 3.12 (layers RandomFlip, RandomRotation, RandomZoom, Resizing;
 * applications' preprocess_input) on TensorFlow's kernels, in f32 without
 * contraction. Cutout: DeVries and Taylor 2017. Mixup: Zhang et al. 2018, with
 * a lambda per image.
 */
#ifndef NN_AUGMENT_H
#define NN_AUGMENT_H

#include "base/philox.h"
#include "nn/elementary.h"
#include "nn/feed.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- draws ---- */

/* A stream of Philox blocks for one picture; `block` is its first. */
struct augment_key {
    uint32_t seed;
    enum random_purpose purpose;
    uint32_t epoch, sample, block;
};

struct augment_draw {
    bool flip;
    float degrees, zoom;
    int64_t cutout_x, cutout_y; /* corner of the square, may lie outside */
    int64_t crop_x, crop_y;     /* of the picture's place 0, in the picture before */
};

/* Uniform in [low, high) as Keras scales it. */
static inline HOST_DEVICE float augment_uniform(uint32_t word, float low, float high)
{
    return philox_uniform(word) * (high - low) + low;
}

static inline HOST_DEVICE struct augment_draw
augment_draw(const struct augment *augment, struct augment_key key, int64_t height, int64_t width)
{
    struct philox a = philox_at(key.seed, key.purpose, key.epoch, key.sample, key.block);
    struct philox b = philox_at(key.seed, key.purpose, key.epoch, key.sample, key.block + 1);
    struct augment_draw draw;
    const float turn = augment->rotation * 360.0f;
    /* Keras 3 flips where u <= 0.5, tf.keras 2 where u > 0.5. */
    draw.flip = augment->flip && philox_uniform(a.words[0]) <= 0.5f;
    draw.degrees = augment_uniform(a.words[1], -turn, turn);
    draw.zoom = augment_uniform(a.words[2], (float)(1.0 - (double)augment->zoom),
                                (float)(1.0 + (double)augment->zoom));
    draw.cutout_x = (int64_t)philox_below(b.words[0], (uint32_t)width) - augment->cutout / 2;
    draw.cutout_y = (int64_t)philox_below(b.words[1], (uint32_t)height) - augment->cutout / 2;
    draw.crop_x = (int64_t)philox_below(b.words[2], (uint32_t)(2 * augment->crop + 1));
    draw.crop_y = (int64_t)philox_below(b.words[3], (uint32_t)(2 * augment->crop + 1));
    draw.crop_x -= augment->crop;
    draw.crop_y -= augment->crop;
    return draw;
}

/* Where place i of an axis of n, which may lie up to n - 1 outside, takes its pixel; -1 where it is
 * 0. */
static inline HOST_DEVICE int64_t augment_crop_place(int64_t i, int64_t n,
                                                     enum crop_padding padding)
{
    const int64_t beyond = i < 0 ? -i : i - (n - 1);
    if (i >= 0 && i < n)
        return i;
    switch (padding) {
    case CROP_EDGE: return i < 0 ? 0 : n - 1;
    case CROP_REFLECT: return i < 0 ? beyond : n - 1 - beyond;
    case CROP_SYMMETRIC: return i < 0 ? beyond - 1 : n - beyond;
    case CROP_CONSTANT: break;
    }
    return -1;
}

/* The picture to mix in, the key of its own augmentation, and the weight of
 * the first picture. */
struct mixup_draw {
    int64_t partner;
    struct augment_key key;
    float lambda;
};

/* A number of Beta(a, a) by Joehnk's method (1964), in logarithms so that small
 * a do not underflow; a <= 2 accepts at least one try in six. */
static inline HOST_DEVICE double augment_beta(struct augment_key key, double a)
{
    for (uint32_t try_number = 0; try_number < 256; try_number++) {
        struct philox x =
            philox_at(key.seed, key.purpose, key.epoch, key.sample, key.block + try_number);
        double u = elementary_log((x.words[0] + 0.5) * 0x1p-32) / a;
        double v = elementary_log((x.words[1] + 0.5) * 0x1p-32) / a;
        if (elementary_exp(u) + elementary_exp(v) <= 1)
            return 1 / (1 + elementary_exp(v - u));
    }
    return 0.5;
}

static inline HOST_DEVICE struct mixup_draw augment_mixup(const struct feed *feed, uint32_t epoch,
                                                          int64_t sample)
{
    struct mixup_draw draw;
    struct augment_key key = {feed->seed, RANDOM_MIXUP, epoch, (uint32_t)sample, 0};
    struct philox x = philox_at(key.seed, key.purpose, key.epoch, key.sample, 0);
    draw.partner = feed->partners[philox_below(x.words[0], (uint32_t)feed->partner_count)];
    key.block = 1;
    draw.lambda = (float)augment_beta(key, (double)feed->augment->mixup);
    key.block = 1u << 16;
    draw.key = key;
    return draw;
}

/* ---- warps ---- */

/* Output to input coordinates: px = m[0] x + m[1] y + m[2], py = m[3] x + m[4] y + m[5]. With y
 * downwards a positive angle turns the picture counter-clockwise. */
static inline HOST_DEVICE void augment_rotation(float degrees, int64_t height, int64_t width,
                                                float m[6])
{
    const float t = degrees * 0.017453292519943295f; /* pi / 180 */
    const float cx = 0.5f * (float)(width - 1), cy = 0.5f * (float)(height - 1);
    double sine, cosine;
    elementary_sine_cosine((double)t, &sine, &cosine);
    m[0] = (float)cosine;
    m[1] = -(float)sine;
    m[2] = cx - cx * m[0] - cy * m[1];
    m[3] = (float)sine;
    m[4] = (float)cosine;
    m[5] = cy - cx * m[3] - cy * m[4];
}

/* z < 1 enlarges what is seen. */
static inline HOST_DEVICE void augment_zooming(float z, int64_t height, int64_t width, float m[6])
{
    m[0] = z;
    m[1] = 0;
    m[2] = (float)(width - 1) / 2.0f * (1.0f - z);
    m[3] = 0;
    m[4] = z;
    m[5] = (float)(height - 1) / 2.0f * (1.0f - z);
}

/* Half-sample reflection (d c b a | a b c d | d c b a) into [0, n-1]; the half pixel at each edge
 * is flat. */
static inline HOST_DEVICE float augment_reflect(float c, int64_t n)
{
    const float size = (float)n, twice = 2.0f * size, last = size - 1.0f;
    if (c < 0) {
        c += twice * (float)(int64_t)(-c / twice);
        c = c < -size ? c + twice : -c - 1.0f;
    } else if (c > last) {
        c -= twice * (float)(int64_t)(c / twice);
        if (c >= size)
            c = twice - c - 1.0f;
    }
    return c < 0 ? 0 : c > last ? last : c;
}

/* Pixel (x, y) of the warp of in [height,width,3]: bilinear. */
static inline HOST_DEVICE void augment_warp(const float *in, int64_t height, int64_t width,
                                            const float m[6], int64_t x, int64_t y, float out[3])
{
    const float fx = (float)x, fy = (float)y;
    const float px = augment_reflect(m[0] * fx + m[1] * fy + m[2], width);
    const float py = augment_reflect(m[3] * fx + m[4] * fy + m[5], height);
    /* Coordinates are not negative here, so truncation is floor. What lies beyond the last pixel
     * has weight 0. */
    const int64_t x0 = (int64_t)px, y0 = (int64_t)py;
    const int64_t x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
    const float right = px - (float)x0, left = (float)(x0 + 1) - px;
    const float below = py - (float)y0, above = (float)(y0 + 1) - py;
    for (int c = 0; c < 3; c++) {
        float v0 = left * in[(y0 * width + x0) * 3 + c] + right * in[(y0 * width + x1) * 3 + c];
        float v1 = left * in[(y1 * width + x0) * 3 + c] + right * in[(y1 * width + x1) * 3 + c];
        out[c] = above * v0 + below * v1;
    }
}

/* ---- resizing ---- */

/* Where output i of an axis samples: in[lo] + (in[hi] - in[lo]) * t. Half-pixel centres, no
 * antialiasing, clamped at the edges. */
struct resize_point {
    int64_t lo, hi;
    float t;
};

static inline HOST_DEVICE struct resize_point augment_resize_point(int64_t i, int64_t in,
                                                                   int64_t out)
{
    struct resize_point point;
    const float scale = (float)in / (float)out;
    const float c = ((float)i + 0.5f) * scale - 0.5f;
    /* c > -1, so the floor of a negative c is -1. */
    const int64_t floor_c = c < 0 ? -1 : (int64_t)c;
    const int64_t ceil_c = (float)floor_c < c ? floor_c + 1 : floor_c;
    point.lo = floor_c < 0 ? 0 : floor_c;
    point.hi = ceil_c > in - 1 ? in - 1 : ceil_c;
    point.t = c - (float)floor_c;
    return point;
}

static inline HOST_DEVICE float augment_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* ---- preprocessing ---- */

/* Channel c becomes ((v[source[c]] * range) / divisor + offset[c]) / deviation[c]; steps that a
 * mode lacks are exact identities. */
struct preprocess_values {
    int source[3];
    float range, divisor, offset[3], deviation[3];
};

static inline HOST_DEVICE struct preprocess_values preprocess_values(struct preprocess preprocess)
{
    const struct preprocess_values none = {{0, 1, 2}, 1, 1, {0, 0, 0}, {1, 1, 1}};
    const struct preprocess_values caffe = {
        {2, 1, 0}, 1, 1, {-103.939f, -116.779f, -123.68f}, {1, 1, 1}};
    const struct preprocess_values tf = {{0, 1, 2}, 1, 127.5f, {-1, -1, -1}, {1, 1, 1}};
    const struct preprocess_values torch = {
        {0, 1, 2}, 1, 255, {-0.485f, -0.456f, -0.406f}, {0.229f, 0.224f, 0.225f}};
    const struct preprocess_values lite = {{0, 1, 2}, 1, 1, {-127, -127, -127}, {128, 128, 128}};
    struct preprocess_values p = none;
    switch (preprocess.mode) {
    case PREPROCESS_CAFFE: p = caffe; break;
    case PREPROCESS_TF: p = tf; break;
    case PREPROCESS_TORCH: p = torch; break;
    case PREPROCESS_UNIT: p.divisor = 255; break;
    case PREPROCESS_LITE: p = lite; break;
    case PREPROCESS_NONE: return none;
    }
    p.range = preprocess.pixel_range;
    return p;
}

static inline HOST_DEVICE float preprocess_pixel(const struct preprocess_values *p, int channel,
                                                 float v)
{
    return (v * p->range / p->divisor + p->offset[channel]) / p->deviation[channel];
}

#endif
