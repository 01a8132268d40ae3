#include "augment_params.h"

/* torchvision's RandomCrop(size, padding, padding_mode) */
static int read_crop(struct stage *stage, struct augment *augment, struct error *err)
{
    static const char *const modes[] = {"constant", "edge", "reflect", "symmetric"};
    const json_t *crop = NULL;
    int mode = CROP_CONSTANT;
    if (stage_map_or_null(stage, "augment.crop", &crop, err) < 0)
        return -1;
    if (crop != NULL &&
        (stage_int(stage, "augment.crop.padding", 0, 4096, &augment->crop, err) < 0 ||
         stage_choice_or_null(stage, "augment.crop.padding_mode", modes, 4, &mode, err) < 0))
        return -1;
    augment->crop_padding = (enum crop_padding)mode;
    return 0;
}

int augment_params_read(struct stage *stage, struct augment *augment, struct error *err)
{
    double rotation = 0, zoom = 0, mixup = 0;
    *augment = (struct augment){0};
    if (stage_bool_or_null(stage, "augment.flip", &augment->flip, err) < 0 ||
        stage_real_or_null(stage, "augment.rotation", 0, 1, &rotation, err) < 0 ||
        stage_real_or_null(stage, "augment.zoom", 0, 0.99, &zoom, err) < 0 ||
        stage_int_or_null(stage, "augment.cutout", 0, 4096, &augment->cutout, err) < 0 ||
        stage_real_or_null(stage, "augment.mixup", 0, 2, &mixup, err) < 0)
        return -1;
    if (read_crop(stage, augment, err) < 0)
        return -1;
    augment->rotation = (float)rotation;
    augment->zoom = (float)zoom;
    augment->mixup = (float)mixup;
    return 0;
}

int augment_params_fit(const struct augment *augment, int64_t height, int64_t width,
                       struct error *err)
{
    const int64_t size = height < width ? height : width;
    if (augment->crop < size)
        return 0;
    return error_set(
        err, ERR_USAGE,
        "parameter 'augment.crop.padding' is %lld, as large as the pictures of %lldx%lld",
        (long long)augment->crop, (long long)height, (long long)width);
}
