/* Pillow's Image.resize, bit for bit. Both passes round to u8. Across comes first, but down where
 * the picture gets lower, and that by more than twice the columns that it loses: so does Pillow 13,
 * while older ones always begin across. Shrinking widens the filter, as Pillow does. All sizes from
 * 1 to 65536.
 */
#ifndef DATA_PIL_RESIZE_H
#define DATA_PIL_RESIZE_H

#include "base/error.h"

#include <stdint.h>

/* Of a grey picture (mode "L"), filter BICUBIC, which is its default: the heat maps of the usual
 * Grad-CAM recipe. in [h,w] -> out [out_h,out_w] */
int pil_resize_bicubic(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                       int64_t out_w, struct error *err);

/* Of mode "RGB", filter BILINEAR. in [h,w,3] -> out [out_h,out_w,3] */
int pil_resize_bilinear(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                        int64_t out_w, struct error *err);

#endif
