/* What the stages that draw have in common. */
#ifndef STAGES_DRAWING_H
#define STAGES_DRAWING_H

#include "base/error.h"
#include "base/stage.h"

#include <stddef.h>

/* The fingerprint of drawing, which is the CPU's whatever the device. */
int drawing_fingerprint(const char *device, struct error *err);

/* Draws a figure to the out `out`, a PNG, and where the stage has an out `drawings` also to
 * NAME.svg and NAME.narrow.svg in that folder, for pages. `what` goes to `draw`, which takes the
 * form from the path's end (figure/canvas.h). */
int drawing_make(struct stage *stage, const char *out, const char *name,
                 int (*draw)(const char *path, const void *what, struct error *err),
                 const void *what, struct error *err);

/* Notes how many of the classes' names the font cannot write, where it is not none: figures show
 * their numbers. */
int drawing_note_names(struct stage *stage, const char *const *names, size_t count,
                       struct error *err);

#endif
