/* Apart from the readers of pictures, so that who needs a name alone links no libpng. */
#include "data/picture.h"

const char *const picture_fit_names[3] = {"squash", "crop", "pad"};
