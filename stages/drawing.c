#include "drawing.h"

#include "figure/canvas.h"
#include "figure/short_names.h"

#include <stdio.h>

int drawing_fingerprint(const char *device, struct error *err)
{
    (void)device;
    return figure_fingerprint(stdout, err);
}

int drawing_note_names(struct stage *stage, const char *const *names, size_t count,
                       struct error *err)
{
    size_t unwritten;
    if (short_names_unwritten(names, count, &unwritten, err) < 0)
        return -1;
    if (unwritten > 0)
        stage_note(
            stage,
            "the font DejaVu Sans cannot write the names of %zu of %zu classes: figures show "
            "their numbers, #0 for the first",
            unwritten, count);
    return 0;
}
