/* What the bits of decoded pictures depend on: the versions of the libraries, and the digest of
 * what they make of a JPEG, since libjpeg-turbo tells the version only of its header. */
#ifndef DATA_PICTURE_FINGERPRINT_H
#define DATA_PICTURE_FINGERPRINT_H

#include "base/error.h"

#include <stdio.h>

/* Lines for EXE --fingerprint, with the files they rest on. */
int picture_fingerprint(FILE *stream, struct error *err);

#endif
