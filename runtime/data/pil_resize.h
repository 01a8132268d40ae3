/* Pillow's Image.resize of a grey picture (mode "L"), filter BICUBIC, which is
 * its default: bit for bit the heat maps of the usual Grad-CAM recipe.
 */
#ifndef DATA_PIL_RESIZE_H
#define DATA_PIL_RESIZE_H

#include "base/error.h"

#include <stdint.h>

/* in [h,w] -> out [out_h,out_w]; all sizes from 1 to 65536. Both passes round
 * to u8, the horizontal one first. (Recent Pillow may take the vertical one first where a picture
 * gets lower; then its bytes differ.) Shrinking widens the filter, as Pillow does. */
int pil_resize_bicubic(const uint8_t *in, int64_t h, int64_t w, uint8_t *out, int64_t out_h,
                       int64_t out_w, struct error *err);

#endif
