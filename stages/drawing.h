/* What the stages that draw, and run no model, say of the machine. */
#ifndef STAGES_DRAWING_H
#define STAGES_DRAWING_H

#include "base/error.h"

/* The fingerprint of drawing, which is the CPU's whatever the device. */
int drawing_fingerprint(const char *device, struct error *err);

#endif
