#include "nn/feed.h"

#include "nn/augment.h"
#include "nn/vector.h"

#include <string.h>

const char *preprocess_name(enum preprocess_mode mode)
{
    static const char *const names[] = {"caffe", "tf", "torch", "unit", "lite", "none"};
    return names[mode];
}

/* Scratch: three pictures, the picture's rows resized to the output's width, and what holds for
 * every row of the output (indices as f32, which are exact). */
struct workspace {
    float *pictures[3];        /* [height,width,3] each */
    float *rows;               /* [height,image_size,3] */
    float *lo, *hi, *t;        /* [image_size] */
    float *offset, *deviation; /* [image_size,3] */
};

static struct workspace carve(const struct feed *feed, float *scratch)
{
    const int64_t picture = feed->height * feed->width * 3, out = feed->image_size;
    struct workspace w;
    for (int i = 0; i < 3; i++)
        w.pictures[i] = scratch + i * picture;
    w.rows = scratch + 3 * picture;
    w.lo = w.rows + feed->height * out * 3;
    w.hi = w.lo + out;
    w.t = w.hi + out;
    w.offset = w.t + out;
    w.deviation = w.offset + 3 * out;
    return w;
}

int64_t feed_scratch_size(const struct feed *feed)
{
    return 3 * feed->height * feed->width * 3 + feed->height * feed->image_size * 3 +
           9 * feed->image_size;
}

/* ---- augmentation ---- */

/* Stored pixels to [0,1], mirrored where `flip`. */
VECTORISE static void scale_picture(const struct feed *feed, int64_t sample, bool flip, float *out)
{
    const int64_t width = feed->width, count = feed->height * width * 3;
    const uint8_t *in = feed->images + sample * count;
    if (!flip) {
        for (int64_t i = 0; i < count; i++)
            out[i] = (float)in[i] / 255.0f;
        return;
    }
    for (int64_t y = 0; y < feed->height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                out[(y * width + x) * 3 + c] =
                    (float)in[(y * width + width - 1 - x) * 3 + c] / 255.0f;
}

static void warp_picture(const struct feed *feed, const float m[6], const float *in, float *out)
{
    for (int64_t y = 0; y < feed->height; y++)
        for (int64_t x = 0; x < feed->width; x++)
            augment_warp(in, feed->height, feed->width, m, x, y, out + (y * feed->width + x) * 3);
}

static int64_t clip(int64_t value, int64_t high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

static void crop_picture(const struct feed *feed, struct augment_draw draw, const float *in,
                         float *out)
{
    const enum crop_padding padding = feed->augment->crop_padding;
    const size_t pixel = 3 * sizeof(float);
    for (int64_t y = 0; y < feed->height; y++) {
        const int64_t from_y = augment_crop_place(y + draw.crop_y, feed->height, padding);
        float *row = out + y * feed->width * 3;
        for (int64_t x = 0; x < feed->width; x++) {
            const int64_t from_x = augment_crop_place(x + draw.crop_x, feed->width, padding);
            if (from_x < 0 || from_y < 0)
                memset(row + x * 3, 0, pixel);
            else
                memcpy(row + x * 3, in + (from_y * feed->width + from_x) * 3, pixel);
        }
    }
}

static void cut_out(const struct feed *feed, struct augment_draw draw, float *picture)
{
    const int64_t side = feed->augment->cutout;
    const int64_t x0 = clip(draw.cutout_x, feed->width);
    const int64_t x1 = clip(draw.cutout_x + side, feed->width);
    const int64_t y1 = clip(draw.cutout_y + side, feed->height);
    for (int64_t y = clip(draw.cutout_y, feed->height); y < y1; y++)
        for (int64_t i = (y * feed->width + x0) * 3; i < (y * feed->width + x1) * 3; i++)
            picture[i] = 0.5f;
}

/* One picture, augmented with the draws of `key`; it ends in a or b, whichever is returned. The
 * warps are not merged into one: Keras rounds each one's result to pixels. */
static float *augment_picture(const struct feed *feed, struct augment_key key, int64_t sample,
                              float *a, float *b)
{
    const struct augment *augment = feed->augment;
    float m[6], *other;
    if (augment == NULL) {
        scale_picture(feed, sample, feed->mirror, a);
        return a;
    }
    struct augment_draw draw = augment_draw(augment, key, feed->height, feed->width);
    scale_picture(feed, sample, draw.flip != feed->mirror, a);
    if (augment->crop > 0) {
        crop_picture(feed, draw, a, b);
        other = a, a = b, b = other;
    }
    if (augment->rotation > 0) {
        augment_rotation(draw.degrees, feed->height, feed->width, m);
        warp_picture(feed, m, a, b);
        other = a, a = b, b = other;
    }
    if (augment->zoom > 0) {
        augment_zooming(draw.zoom, feed->height, feed->width, m);
        warp_picture(feed, m, a, b);
        other = a, a = b, b = other;
    }
    if (augment->cutout > 0)
        cut_out(feed, draw, a);
    return a;
}

VECTORISE static void mix_pictures(int64_t n, float weight, float rest,
                                   const float *restrict partner, float *restrict picture)
{
    for (int64_t i = 0; i < n; i++)
        picture[i] = weight * picture[i] + rest * partner[i];
}

static void plain_target(const struct feed *feed, int64_t sample, float *target)
{
    memset(target, 0, (size_t)feed->classes * sizeof(float));
    target[feed->labels[sample]] = 1;
}

static void smooth_target(const struct feed *feed, float *target)
{
    const float rest = 1.0f - feed->label_smoothing;
    const float share = feed->label_smoothing / (float)feed->classes;
    for (int64_t i = 0; feed->label_smoothing > 0 && i < feed->classes; i++)
        target[i] = target[i] * rest + share;
}

void feed_target(const struct feed *feed, int64_t sample, float *target)
{
    plain_target(feed, sample, target);
    smooth_target(feed, target);
}

/* The picture as training sees it, in one of the workspace's; `target` as in feed_image. */
static float *present(const struct feed *feed, uint32_t epoch, int64_t sample, struct workspace *w,
                      float *target)
{
    const struct augment_key key = {feed->seed, RANDOM_AUGMENT, epoch, (uint32_t)sample, 0};
    const bool mix = feed->augment != NULL && feed->augment->mixup > 0 && feed->partner_count > 0;
    float *picture = augment_picture(feed, key, sample, w->pictures[0], w->pictures[1]);
    if (target != NULL)
        plain_target(feed, sample, target);
    if (!mix) {
        if (target != NULL)
            smooth_target(feed, target);
        return picture;
    }
    const struct mixup_draw draw = augment_mixup(feed, epoch, sample);
    float *spare = picture == w->pictures[0] ? w->pictures[1] : w->pictures[0];
    const float *partner = augment_picture(feed, draw.key, draw.partner, w->pictures[2], spare);
    const float rest = 1.0f - draw.lambda;
    mix_pictures(feed->height * feed->width * 3, draw.lambda, rest, partner, picture);
    if (target != NULL) {
        target[feed->labels[sample]] = draw.lambda;
        target[feed->labels[draw.partner]] += rest;
        smooth_target(feed, target);
    }
    return picture;
}

void feed_augmented(const struct feed *feed, uint32_t epoch, int64_t sample, float *scratch,
                    float *out, float *target)
{
    struct workspace w = carve(feed, scratch);
    const float *picture = present(feed, epoch, sample, &w, target);
    memcpy(out, picture, (size_t)(feed->height * feed->width * 3) * sizeof(float));
}

/* ---- resizing and preprocessing ---- */

/* Each row of the picture at the output's width, its channels already in the output's order: the
 * `top` and `bottom` of the formula, which many rows of the output share. */
static void resize_rows(const struct feed *feed, const int source[3], const float *picture,
                        struct workspace *w)
{
    const int64_t out = feed->image_size, s0 = source[0], s1 = source[1], s2 = source[2];
    for (int64_t x = 0; x < out; x++) {
        struct resize_point point = augment_resize_point(x, feed->width, out);
        w->lo[x] = (float)(point.lo * 3);
        w->hi[x] = (float)(point.hi * 3);
        w->t[x] = point.t;
    }
    for (int64_t y = 0; y < feed->height; y++) {
        const float *in = picture + y * feed->width * 3;
        float *row = w->rows + y * out * 3;
        for (int64_t x = 0; x < out; x++) {
            const float *a = in + (int32_t)w->lo[x], *b = in + (int32_t)w->hi[x];
            const float t = w->t[x];
            row[x * 3] = augment_mix(a[s0], b[s0], t);
            row[x * 3 + 1] = augment_mix(a[s1], b[s1], t);
            row[x * 3 + 2] = augment_mix(a[s2], b[s2], t);
        }
    }
}

/* The three forms of preprocess_pixel along a row of `n` values: with all steps, and without the
 * divisions by 1. */
VECTORISE static void finish_row_all(int64_t n, const float *restrict top,
                                     const float *restrict bottom, float t, float range,
                                     float divisor, const float *restrict offset,
                                     const float *restrict deviation, float *restrict out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (augment_mix(top[i], bottom[i], t) * range / divisor + offset[i]) / deviation[i];
}

VECTORISE static void finish_row_divide(int64_t n, const float *restrict top,
                                        const float *restrict bottom, float t, float range,
                                        float divisor, const float *restrict offset,
                                        float *restrict out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = augment_mix(top[i], bottom[i], t) * range / divisor + offset[i];
}

VECTORISE static void finish_row_shift(int64_t n, const float *restrict top,
                                       const float *restrict bottom, float t, float range,
                                       const float *restrict offset, float *restrict out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = augment_mix(top[i], bottom[i], t) * range + offset[i];
}

void feed_image(const struct feed *feed, uint32_t epoch, int64_t sample, float *scratch, float *out,
                float *target)
{
    struct workspace w = carve(feed, scratch);
    const struct preprocess_values p = preprocess_values(feed->preprocess);
    const int64_t size = feed->image_size, n = size * 3;
    const float *picture = present(feed, epoch, sample, &w, target);
    resize_rows(feed, p.source, picture, &w);
    for (int64_t i = 0; i < n; i++) {
        w.offset[i] = p.offset[i % 3];
        w.deviation[i] = p.deviation[i % 3];
    }
    for (int64_t y = 0; y < size; y++) {
        const struct resize_point point = augment_resize_point(y, feed->height, size);
        const float *top = w.rows + point.lo * n, *bottom = w.rows + point.hi * n;
        if (feed->preprocess.mode == PREPROCESS_TORCH || feed->preprocess.mode == PREPROCESS_LITE)
            finish_row_all(n, top, bottom, point.t, p.range, p.divisor, w.offset, w.deviation,
                           out + y * n);
        else if (p.divisor > 1)
            finish_row_divide(n, top, bottom, point.t, p.range, p.divisor, w.offset, out + y * n);
        else
            finish_row_shift(n, top, bottom, point.t, p.range, w.offset, out + y * n);
    }
}
