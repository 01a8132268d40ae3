#include "drawing.h"

#include "figure/canvas.h"

#include <stdio.h>

int drawing_fingerprint(const char *device, struct error *err)
{
    (void)device;
    return figure_fingerprint(stdout, err);
}
