/* Any bytes as a picture. */
#include "data/picture.h"
#include "fuzz/fuzz_folder.h"

enum { SIDE = 8 };

enum fuzz_verdict fuzz_picture(const uint8_t *data, size_t size)
{
    struct picture picture = {0}, small = {0};
    struct error err = {0};
    if (picture_decode(data, size, "input", &picture, &err) < 0) {
        ASSERT(picture.pixels == NULL && fuzz_error_is_good(&err));
        return FUZZ_REFUSED;
    }
    ASSERT(picture.height > 0 && picture.width > 0 &&
           picture.height * picture.width <= PICTURE_PIXELS);
    for (int fit = PICTURE_SQUASH; fit <= PICTURE_PAD; fit++) {
        ASSERT(picture_fit(&picture, SIDE, SIDE, (enum picture_fit)fit, &small, &err) == 0);
        picture_release(&small);
    }
    picture_release(&picture);
    return FUZZ_ACCEPTED;
}
