/* From stored pictures (u8, RGB) to the network's input: augmentation,
 * resizing and preprocessing of one image, exactly as Keras' layers do it.
 * The order is the notebook's: scale to [0,1], flip, (crop,) rotate, zoom,
 * (cutout, mixup,) resize, preprocess. Arithmetic is in augment.h and shared with the
 * GPU; each draw is a function of (seed, epoch, sample).
 */
#ifndef NN_FEED_H
#define NN_FEED_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What the base expects. keras.applications' modes:
 * caffe: BGR minus (103.939, 116.779, 123.68); tf: x/127.5 - 1; torch: /255, minus mean, over
 * deviation; unit: x/255; lite: (x - 127) / 128, of EfficientNet-Lite. none feeds [0,1] pixels as
 * they are (Grad-CAM as the notebook had it). */
enum preprocess_mode {
    PREPROCESS_CAFFE,
    PREPROCESS_TF,
    PREPROCESS_TORCH,
    PREPROCESS_UNIT,
    PREPROCESS_LITE,
    PREPROCESS_NONE,
};

struct preprocess {
    enum preprocess_mode mode;
    float pixel_range; /* what the mode is fed: 255 as meant; 1 is the notebook's defect (pixels
                          scaled twice) */
};
const char *preprocess_name(enum preprocess_mode mode);

/* What lies beyond the edge, by torchvision's names: 0; the edge; d c b | a b c d | c b a;
 * c b a | a b c d | d c b. */
enum crop_padding { CROP_CONSTANT, CROP_EDGE, CROP_REFLECT, CROP_SYMMETRIC };

struct augment {
    bool flip;
    float rotation; /* fraction of a full turn */
    float zoom;     /* fraction */
    int64_t cutout; /* side of the square that is blanked with 0.5, in source pixels; 0 for none */
    float mixup;    /* alpha of the Beta distribution; 0 for none */
    int64_t crop;   /* torchvision's RandomCrop to the picture's own size: places of padding on each
                       side, by which it is shifted at most; 0 for none */
    enum crop_padding crop_padding;
};

/* A set of pictures and how to present them. Borrowed pointers. */
struct feed {
    const uint8_t *images;  /* [count,height,width,3] */
    const uint16_t *labels; /* [count] */
    int64_t count, height, width;
    int64_t classes;
    int64_t image_size;            /* of the network's input */
    const struct augment *augment; /* NULL: none */
    const int64_t *partners;       /* samples that mixup may draw from */
    int64_t partner_count;
    struct preprocess preprocess;
    uint32_t seed;
    bool mirror;                /* every picture, as flip at test time shows it again */
    float label_smoothing;      /* Keras': target * (1 - s) + s / classes; 0 for none */
    const float *class_weights; /* [classes]: of a training picture in the loss, by the class with
                                   the largest share of its target; NULL: all 1 */
};

/* Floats of scratch that feed_image needs. */
int64_t feed_scratch_size(const struct feed *feed);

/* One image: out [image_size,image_size,3]; target [classes], the label's distribution (NULL if not
 * wanted). `epoch` keys the draws. Safe to call from several threads with separate scratch. */
void feed_image(const struct feed *feed, uint32_t epoch, int64_t sample, float *scratch, float *out,
                float *target);

/* The target alone, of a picture that is not augmented. */
void feed_target(const struct feed *feed, int64_t sample, float *target);

/* The augmented picture alone, before resizing: out [height,width,3] in [0,1]. For figures. */
void feed_augmented(const struct feed *feed, uint32_t epoch, int64_t sample, float *scratch,
                    float *out, float *target);

#endif
