/* Feeding whole pictures: sizes, modes and augmentation as Keras has them. */
#include "nn/feed.h"

#include "nn/augment.h"
#include "nn/loss.h"

#include "known_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define KERAS "tests/golden/keras_augment/augment.txt"

enum { H = 8, W = 10, PICTURE = H * W * 3, COUNT = 6, CLASSES = 4, LARGEST = 21 };

struct pictures {
    uint8_t images[COUNT * PICTURE];
    uint16_t labels[COUNT];
    int64_t partners[COUNT];
    struct augment augment;
    struct feed feed;
    float scratch[8192], out[LARGEST * LARGEST * 3], target[CLASSES];
};

static int make_pictures(void **state)
{
    struct pictures *p = calloc(1, sizeof(*p));
    float stored[PICTURE];
    known_array(KERAS, "picture", stored, PICTURE);
    for (int i = 0; i < PICTURE; i++)
        p->images[i] = (uint8_t)stored[i];
    for (int i = PICTURE; i < COUNT * PICTURE; i++)
        p->images[i] = (uint8_t)(i * 7919 >> 3);
    for (int i = 0; i < COUNT; i++) {
        p->labels[i] = (uint16_t)(i % CLASSES);
        p->partners[i] = i;
    }
    p->feed = (struct feed){.images = p->images,
                            .labels = p->labels,
                            .count = COUNT,
                            .height = H,
                            .width = W,
                            .classes = CLASSES,
                            .image_size = 12,
                            .partners = p->partners,
                            .partner_count = COUNT,
                            .preprocess = {PREPROCESS_NONE, 255},
                            .seed = 42};
    *state = p;
    return 0;
}

static int free_pictures(void **state)
{
    free(*state);
    return 0;
}

static void feed_resizes_as_keras(void **state)
{
    struct pictures *p = *state;
    const struct {
        const char *name;
        int size;
    } cases[] = {{"resize_5", 5}, {"resize_10", 10}, {"resize_12", 12}, {"resize_21", 21}};
    for (size_t i = 0; i < 4; i++) {
        float expected[LARGEST * LARGEST * 3];
        size_t count = (size_t)(cases[i].size * cases[i].size * 3);
        p->feed.image_size = cases[i].size;
        assert_true(feed_scratch_size(&p->feed) <= 8192);
        feed_image(&p->feed, 0, 0, p->scratch, p->out, p->target);
        known_array(KERAS, cases[i].name, expected, count);
        known_near(p->out, expected, count, 1e-6);
    }
}

static void feed_preprocesses_as_keras(void **state)
{
    struct pictures *p = *state;
    const struct {
        const char *name;
        struct preprocess preprocess;
    } cases[] = {
        {"preprocess_caffe", {PREPROCESS_CAFFE, 255}},
        {"preprocess_tf", {PREPROCESS_TF, 255}},
        {"preprocess_torch", {PREPROCESS_TORCH, 255}},
        {"preprocess_caffe_unscaled", {PREPROCESS_CAFFE, 1}},
    };
    for (size_t i = 0; i < 4; i++) {
        float expected[12 * 12 * 3];
        p->feed.preprocess = cases[i].preprocess;
        feed_image(&p->feed, 0, 0, p->scratch, p->out, NULL);
        known_array(KERAS, cases[i].name, expected, 12 * 12 * 3);
        known_near(p->out, expected, 12 * 12 * 3, 5e-5);
    }
}

/* The fast loops and the arithmetic that the GPU uses are the same to the bit. */
static void feed_equals_pixelwise_arithmetic(void **state)
{
    struct pictures *p = *state;
    for (int mode = PREPROCESS_CAFFE; mode <= PREPROCESS_NONE; mode++) {
        p->feed.preprocess = (struct preprocess){(enum preprocess_mode)mode, 255};
        struct preprocess_values values = preprocess_values(p->feed.preprocess);
        feed_image(&p->feed, 0, 3, p->scratch, p->out, NULL);
        float in[PICTURE], expected[12 * 12 * 3];
        feed_augmented(&p->feed, 0, 3, p->scratch, in, NULL);
        for (int i = 0; i < 12 * 12 * 3; i++) {
            struct resize_point y = augment_resize_point(i / 36, H, 12);
            struct resize_point x = augment_resize_point(i / 3 % 12, W, 12);
            int c = values.source[i % 3];
            float top =
                augment_mix(in[(y.lo * W + x.lo) * 3 + c], in[(y.lo * W + x.hi) * 3 + c], x.t);
            float bottom =
                augment_mix(in[(y.hi * W + x.lo) * 3 + c], in[(y.hi * W + x.hi) * 3 + c], x.t);
            expected[i] = preprocess_pixel(&values, i % 3, augment_mix(top, bottom, y.t));
        }
        assert_memory_equal(p->out, expected, sizeof(expected));
    }
}

static void feed_without_augmentation_is_the_picture(void **state)
{
    struct pictures *p = *state;
    feed_augmented(&p->feed, 9, 1, p->scratch, p->out, p->target);
    for (int i = 0; i < PICTURE; i++)
        assert_true(p->out[i] == (float)p->images[PICTURE + i] / 255.0f);
    const float expected[CLASSES] = {0, 1, 0, 0};
    assert_memory_equal(p->target, expected, sizeof(expected));
}

/* Flip, rotation and zoom happen in this order and each is rounded to pixels. */
static void feed_chains_the_layers(void **state)
{
    struct pictures *p = *state;
    float flipped[PICTURE], expected[PICTURE], a[PICTURE], b[PICTURE], m[6];
    known_array(KERAS, "flip", flipped, PICTURE);
    known_array(KERAS, "chain", expected, PICTURE);
    for (int i = 0; i < PICTURE; i++)
        a[i] = (float)p->images[i / 30 * 30 + (9 - i / 3 % 10) * 3 + i % 3] / 255.0f;
    known_near(a, flipped, PICTURE, 1e-7);
    p->augment = (struct augment){.flip = true, .rotation = 0.1f, .zoom = 0.1f};
    p->feed.augment = &p->augment;
    /* The draws of this key, applied by hand. */
    uint32_t epoch = 0;
    struct augment_draw draw = {0};
    for (; !draw.flip; epoch++)
        draw = augment_draw(&p->augment, (struct augment_key){42, RANDOM_AUGMENT, epoch + 1, 0, 0},
                            H, W);
    for (int pass = 0; pass < 2; pass++) {
        augment_rotation(pass == 0 ? 20 : draw.degrees, H, W, m);
        for (int64_t i = 0; i < H * W; i++)
            augment_warp(a, H, W, m, i % W, i / W, b + i * 3);
        augment_zooming(pass == 0 ? 0.93f : draw.zoom, H, W, m);
        for (int64_t i = 0; i < H * W; i++)
            augment_warp(b, H, W, m, i % W, i / W, p->out + i * 3);
        if (pass == 0)
            known_near(p->out, expected, PICTURE, 2e-6);
    }
    feed_augmented(&p->feed, epoch, 0, p->scratch, b, NULL);
    assert_memory_equal(p->out, b, sizeof(b));
}

static void cutout_blanks_a_square(void **state)
{
    struct pictures *p = *state;
    p->augment = (struct augment){.cutout = 4};
    p->feed.augment = &p->augment;
    int full = 0;
    for (uint32_t epoch = 0; epoch < 50; epoch++) {
        int blank = 0;
        feed_augmented(&p->feed, epoch, 0, p->scratch, p->out, NULL);
        for (int i = 0; i < PICTURE; i++) {
            bool same = p->out[i] == (float)p->images[i] / 255.0f;
            assert_true(same || p->out[i] == 0.5f);
            blank += p->out[i] == 0.5f;
        }
        /* Clipped at the border: between 2x2 and 4x4. */
        assert_true(blank >= 2 * 2 * 3 && blank <= 4 * 4 * 3);
        full += blank == 4 * 4 * 3;
    }
    assert_true(full > 10 && full < 50);
}

static void mixup_mixes_pictures_and_labels(void **state)
{
    struct pictures *p = *state;
    p->augment = (struct augment){.mixup = 0.5f};
    p->feed.augment = &p->augment;
    int mixed = 0;
    for (int64_t sample = 0; sample < COUNT; sample++) {
        float sum = 0;
        struct mixup_draw draw = augment_mixup(&p->feed, 2, sample);
        feed_augmented(&p->feed, 2, sample, p->scratch, p->out, p->target);
        for (int i = 0; i < CLASSES; i++)
            sum += p->target[i];
        assert_true(fabsf(sum - 1) < 1e-6f);
        for (int i = 0; i < PICTURE; i++) {
            float a = (float)p->images[sample * PICTURE + i] / 255.0f;
            float b = (float)p->images[draw.partner * PICTURE + i] / 255.0f;
            assert_true(fabsf(p->out[i] - (draw.lambda * a + (1 - draw.lambda) * b)) < 1e-6f);
        }
        mixed += p->target[p->labels[sample]] < 1;
    }
    assert_true(mixed > 0);
}

/* Every place of every shift is the one that torchvision's pad() has there. */
static void crop_pads_as_torchvision(void **state)
{
    static const char *const modes[] = {"constant", "edge", "reflect", "symmetric"};
    struct known_text golden;
    const char *word;
    int rows = 0;
    (void)state;
    known_open(&golden, "tests/golden/recipes/crop.txt");
    for (; (word = known_word(&golden)) != NULL; rows++) {
        int mode = 0;
        while (strcmp(modes[mode], word) != 0)
            assert_in_range(++mode, 0, 3);
        const int64_t size = (int64_t)known_number(&golden);
        const int64_t padding = (int64_t)known_number(&golden);
        for (int64_t i = -padding; i < size + padding; i++)
            assert_int_equal(augment_crop_place(i, size, (enum crop_padding)mode) + 1,
                             (int64_t)known_number(&golden));
    }
    known_close(&golden);
    assert_int_equal(rows, 8);
}

/* A picture is the shifted one, by every shift up to the padding, and no other. */
static void crop_shifts_the_picture(void **state)
{
    enum { PADDING = 2, SIDE = 2 * PADDING + 1 };
    struct pictures *p = *state;
    int seen[SIDE * SIDE] = {0};
    p->augment = (struct augment){.crop = PADDING, .crop_padding = CROP_SYMMETRIC};
    p->feed.augment = &p->augment;
    for (uint32_t epoch = 0; epoch < 400; epoch++) {
        const struct augment_key key = {p->feed.seed, RANDOM_AUGMENT, epoch, 0, 0};
        const struct augment_draw draw = augment_draw(&p->augment, key, H, W);
        assert_true(draw.crop_x >= -PADDING && draw.crop_x <= PADDING);
        assert_true(draw.crop_y >= -PADDING && draw.crop_y <= PADDING);
        seen[(draw.crop_y + PADDING) * SIDE + draw.crop_x + PADDING]++;
        feed_augmented(&p->feed, epoch, 0, p->scratch, p->out, NULL);
        for (int i = 0; i < PICTURE; i++) {
            const int64_t y = augment_crop_place(i / 3 / W + draw.crop_y, H, CROP_SYMMETRIC);
            const int64_t x = augment_crop_place(i / 3 % W + draw.crop_x, W, CROP_SYMMETRIC);
            assert_true(p->out[i] == (float)p->images[(y * W + x) * 3 + i % 3] / 255.0f);
        }
    }
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(seen[i] > 0);
}

static void mirrored_feed_shows_the_mirror_image(void **state)
{
    struct pictures *p = *state;
    p->feed.mirror = true;
    feed_augmented(&p->feed, 0, 0, p->scratch, p->out, NULL);
    for (int i = 0; i < PICTURE; i++)
        assert_true(p->out[i] ==
                    (float)p->images[(i / 3 / W * W + W - 1 - i / 3 % W) * 3 + i % 3] / 255.0f);
}

static void label_smoothing_is_keras(void **state)
{
    struct pictures *p = *state;
    struct known_text golden;
    const char *word;
    int cases = 0;
    known_open(&golden, "tests/golden/recipes/smoothing.txt");
    for (; (word = known_word(&golden)) != NULL; cases++) {
        float logits[16], target[16], loss, sum = 0;
        p->feed.classes = (int64_t)strtod(word, NULL);
        p->feed.label_smoothing = (float)known_number(&golden);
        p->labels[0] = (uint16_t)known_number(&golden);
        for (int64_t i = 0; i < p->feed.classes; i++)
            logits[i] = (float)known_number(&golden);
        feed_target(&p->feed, 0, target);
        loss_image(p->feed.classes, logits, target, 1, &loss, NULL, NULL);
        const double known = known_number(&golden);
        assert_true(fabs((double)loss - known) <= 2e-6 * known);
        feed_image(&p->feed, 0, 0, p->scratch, p->out, logits);
        assert_memory_equal(logits, target, (size_t)p->feed.classes * sizeof(float));
        for (int64_t i = 0; i < p->feed.classes; i++)
            sum += target[i];
        assert_true(fabsf(sum - 1) < 1e-6f);
    }
    known_close(&golden);
    assert_int_equal(cases, 4);
}

/* Draws depend on seed, epoch and sample and on nothing else. */
static void feed_depends_on_its_key_alone(void **state)
{
    struct pictures *p = *state;
    float first[PICTURE], again[PICTURE];
    p->augment = (struct augment){
        .flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 3, .mixup = 0.3f, .crop = 2};
    p->feed.augment = &p->augment;
    feed_augmented(&p->feed, 5, 2, p->scratch, first, NULL);
    for (int64_t sample = 0; sample < COUNT; sample++)
        feed_augmented(&p->feed, 1, sample, p->scratch, again, NULL);
    feed_augmented(&p->feed, 5, 2, p->scratch, again, NULL);
    assert_memory_equal(first, again, sizeof(first));
    feed_augmented(&p->feed, 6, 2, p->scratch, again, NULL);
    assert_memory_not_equal(first, again, sizeof(first));
    p->feed.seed = 43;
    feed_augmented(&p->feed, 5, 2, p->scratch, again, NULL);
    assert_memory_not_equal(first, again, sizeof(first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pictures, free_pictures)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feed_resizes_as_keras),
        TEST(feed_preprocesses_as_keras),
        TEST(feed_equals_pixelwise_arithmetic),
        TEST(feed_without_augmentation_is_the_picture),
        TEST(feed_chains_the_layers),
        TEST(cutout_blanks_a_square),
        TEST(mixup_mixes_pictures_and_labels),
        TEST(feed_depends_on_its_key_alone),
        TEST(crop_pads_as_torchvision),
        TEST(crop_shifts_the_picture),
        TEST(mirrored_feed_shows_the_mirror_image),
        TEST(label_smoothing_is_keras),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
