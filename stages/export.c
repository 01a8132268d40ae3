/* Writes a model for other programs (nn/export.h says how they take it).
 *
 * deps model; outs keras (.keras of Keras 3) and onnx (.onnx), either or both. No parameters.
 */
#include "nn/export.h"
#include "base/stage.h"
#include "base/uses.h"
#include "nn/model.h"
#include "nn/weight_check.h"

#include <hdf5.h>

static int check(struct stage *stage, struct error *err)
{
    return stage_params_done(stage, err);
}

static int write_out(struct stage *stage, const char *out, const struct model *model,
                     int (*write)(const struct model *, const char *, struct error *),
                     struct error *err)
{
    if (!stage_has_out(stage, out))
        return 0;
    const char *path = stage_out(stage, out, err);
    return path == NULL ? -1 : write(model, path, err);
}

static int run(struct stage *stage, struct error *err)
{
    /* What training let pass is not refused here. */
    const struct weight_check lenient = {.large_pass = true};
    struct model *model = NULL;
    const char *path = stage_dep(stage, "model", err);
    if (path == NULL || check(stage, err) < 0 || model_read(path, &lenient, &model, err) < 0)
        return -1;
    int result = write_out(stage, "keras", model, export_keras, err);
    if (result == 0)
        result = write_out(stage, "onnx", model, export_onnx, err);
    model_free(model);
    return result;
}

/* libhdf5 lays out what it writes. */
static int fingerprint(const char *device, struct error *err)
{
    unsigned major, minor, release;
    (void)device, (void)err;
    if (H5get_libversion(&major, &minor, &release) < 0)
        major = minor = release = 0;
    printf("hdf5 %u.%u.%u\n", major, minor, release);
    uses_print_libraries(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "export",
        .summary = "write the model as .keras and .onnx",
        .run = run,
        .check = check,
        .fingerprint = fingerprint,
        .deps = "model",
        .outs = "keras? onnx?",
    };
    return stage_main(argc, argv, &kind);
}
