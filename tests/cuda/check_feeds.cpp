/* Feeding against feed_image(). */
#include "check.h"

#include <cstdio>
#include <string>

enum { COUNT = 10, CLASSES = 300 };

struct pictures {
    std::vector<uint8_t> images;
    std::vector<uint16_t> labels;
    std::vector<int64_t> partners;
    struct feed feed;
};

static void make(struct pictures *p, int64_t height, int64_t width, int64_t size,
                 const struct augment *augment, enum preprocess_mode mode)
{
    for (int64_t i = 0; i < COUNT * height * width * 3; i++)
        p->images.push_back((uint8_t)((uint64_t)i * 2654435761u >> 13));
    for (uint8_t i = 0; i < COUNT; i++)
        p->labels.push_back((uint16_t)(i * 37 % CLASSES));
    p->partners = {1, 8, 3};
    p->feed = {};
    p->feed.images = p->images.data(), p->feed.labels = p->labels.data();
    p->feed.count = COUNT, p->feed.height = height, p->feed.width = width;
    p->feed.classes = CLASSES, p->feed.image_size = size, p->feed.augment = augment;
    p->feed.partners = p->partners.data(), p->feed.partner_count = 3;
    p->feed.preprocess = {mode, 255};
    p->feed.seed = 42;
}

static bool check_feed(struct feed *feed, enum dtype dtype, int channels, bool scalars)
{
    const int64_t samples[] = {5, 7, 0}, size = feed->image_size;
    const int64_t first = scalars ? 1 : 0, n = 3 - first, pixels = size * size;
    struct step_scalars s = {};
    s.position = 1, s.epoch = 5;
    tensor x(dtype, n * pixels * channels), expected(dtype, n * pixels * channels);
    tensor targets(DTYPE_F32, n * CLASSES), targets_expected(DTYPE_F32, n * CLASSES);
    std::vector<float> one((size_t)(pixels * 3)), work((size_t)feed_scratch_size(feed));
    std::vector<unsigned char> scratch(kernel_feed_scratch(feed, n));
    const std::string what = "feed of " + std::to_string(feed->height) + " to " +
                             std::to_string(size) + ", " + std::to_string(channels) +
                             " channels of " + dtype_name(dtype) + ", " +
                             preprocess_name(feed->preprocess.mode);
    kernel_feed(NULL, feed, scalars ? &s : NULL, samples, n, dtype, channels, scratch.data(),
                x.data(), targets.f32());
    for (int64_t i = 0; i < n; i++) {
        feed_image(feed, scalars ? 5 : 0, samples[first + i], work.data(), one.data(),
                   targets_expected.f32() + i * CLASSES);
        for (int64_t j = 0; j < pixels * channels; j++)
            expected.set(i * pixels * channels + j,
                         j % channels < 3 ? one[(size_t)(j / channels * 3 + j % channels)] : 0.0f);
    }
    return same(what.c_str(), x, expected) & same("targets", targets, targets_expected);
}

static bool check_kinds()
{
    static const struct augment kinds[] = {
        {true, 0, 0, 0, 0, 0, CROP_CONSTANT},      {true, 0.1f, 0.1f, 0, 0, 0, CROP_CONSTANT},
        {false, 0, 0, 8, 0, 4, CROP_CONSTANT},     {true, 0, 0.2f, 0, 0, 4, CROP_REFLECT},
        {false, 0.2f, 0, 5, 0.4f, 3, CROP_EDGE},   {true, 0, 0, 0, 1.0f, 2, CROP_SYMMETRIC},
        {true, 0.1f, 0.1f, 6, 0.2f, 0, CROP_EDGE},
    };
    bool ok = true;
    int number = 0;
    for (const struct augment &augment : kinds) {
        struct pictures p;
        make(&p, 18, 14, 21, &augment, (enum preprocess_mode)(number % 6));
        p.feed.label_smoothing = number % 2 ? 0.1f : 0;
        p.feed.mirror = number % 3 == 0;
        const int channels[] = {3, 4, 8};
        EACH_DTYPE(dtype)
        ok &= check_feed(&p.feed, dtype, channels[number % 3], true);
        number++;
    }
    return ok;
}

/* All modes; outputs whose pictures begin aligned and not, larger, smaller and as large as stored.
 */
static bool check_outputs()
{
    bool ok = true;
    for (int mode = PREPROCESS_CAFFE; mode <= PREPROCESS_NONE; mode++)
        for (int channels : {3, 4, 8})
            EACH_DTYPE(dtype)
            {
                struct pictures p;
                const int64_t size = mode % 3 == 0 ? 24 : mode % 3 == 1 ? 13 : 16;
                make(&p, 16, 16, size, NULL, (enum preprocess_mode)mode);
                p.feed.preprocess.pixel_range = mode == PREPROCESS_TF ? 1 : 255;
                p.feed.mirror = channels == 4;
                ok &= check_feed(&p.feed, dtype, channels, channels == 3);
            }
    return ok;
}

static bool check_large()
{
    const struct augment augment = {true, 0.1f, 0.1f, 20, 0, 0, CROP_CONSTANT};
    const struct augment mixes = {true, 0.1f, 0, 0, 0.2f, 0, CROP_CONSTANT};
    struct pictures large, shared, mixed;
    make(&large, 112, 100, 32, &augment, PREPROCESS_CAFFE);
    make(&shared, 64, 60, 32, &augment, PREPROCESS_CAFFE);
    make(&mixed, 64, 60, 32, &mixes, PREPROCESS_CAFFE);
    return check_feed(&large.feed, DTYPE_BF16, 4, true) &
           equal("scratch", (double)kernel_feed_scratch(&large.feed, 2), 2 * 2 * 112 * 100 * 12) &
           check_feed(&shared.feed, DTYPE_F32, 3, true) &
           equal("scratch", (double)kernel_feed_scratch(&shared.feed, 2), 0) &
           check_feed(&mixed.feed, DTYPE_F32, 3, true);
}

static bool check_targets()
{
    const int64_t samples[] = {2, 0, 3, 2};
    bool ok = true;
    for (float smoothing : {0.0f, 0.1f}) {
        struct pictures p;
        make(&p, 16, 16, 16, NULL, PREPROCESS_TF);
        p.feed.label_smoothing = smoothing;
        tensor targets(DTYPE_F32, 4 * p.feed.classes), expected(DTYPE_F32, 4 * p.feed.classes);
        for (int i = 0; i < 4; i++)
            feed_target(&p.feed, samples[i], expected.f32() + i * p.feed.classes);
        kernel_targets(NULL, &p.feed, samples, 4, targets.f32());
        ok &= same("targets", targets, expected);
    }
    return ok;
}

void check_feeds()
{
    report("targets_have_the_cpus_bits", check_targets());
    report("augmented_pictures_have_the_cpus_bits", check_kinds());
    report("preprocessed_pictures_have_the_cpus_bits", check_outputs());
    report("pictures_that_fit_no_shared_memory_have_the_cpus_bits", check_large());
}
