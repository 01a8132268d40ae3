/* What the stages that draw, and run no model, say of the machine. */
#ifndef STAGES_DRAWING_H
#define STAGES_DRAWING_H

#include "base/error.h"
#include "base/stage.h"

#include <stddef.h>

/* The fingerprint of drawing, which is the CPU's whatever the device. */
int drawing_fingerprint(const char *device, struct error *err);

/* Notes how many of the classes' names the font cannot write, where it is not none: figures show
 * their numbers. */
int drawing_note_names(struct stage *stage, const char *const *names, size_t count,
                       struct error *err);

#endif
