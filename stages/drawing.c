#include "drawing.h"

#include "base/file.h"
#include "figure/canvas.h"
#include "figure/short_names.h"

#include <stdio.h>
#include <stdlib.h>

int drawing_fingerprint(const char *device, struct error *err)
{
    (void)device;
    return figure_fingerprint(stdout, err);
}

int drawing_make(struct stage *stage, const char *out, const char *name,
                 int (*draw)(const char *path, const void *what, struct error *err),
                 const void *what, struct error *err)
{
    static const char *const forms[] = {".svg", ".narrow.svg"};
    const char *path = stage_out(stage, out, err);
    int result = path == NULL ? -1 : draw(path, what, err);
    const char *folder =
        result == 0 && stage_has_out(stage, "drawings") ? stage_out(stage, "drawings", err) : NULL;
    for (size_t i = 0; folder != NULL && result == 0 && i < sizeof(forms) / sizeof(forms[0]); i++) {
        char file[64];
        snprintf(file, sizeof(file), "%s%s", name, forms[i]);
        char *drawing = file_join(folder, file, err);
        result =
            drawing == NULL || file_make_folders(folder, err) < 0 ? -1 : draw(drawing, what, err);
        free(drawing);
    }
    return result;
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
