#include "augment_params.h"

int augment_params_read(struct stage *stage, struct augment *augment, struct error *err)
{
    double rotation, zoom, mixup;
    if (stage_bool(stage, "augment.flip", &augment->flip, err) < 0 ||
        stage_real(stage, "augment.rotation", 0, 1, &rotation, err) < 0 ||
        stage_real(stage, "augment.zoom", 0, 0.99, &zoom, err) < 0 ||
        stage_int(stage, "augment.cutout", 0, 4096, &augment->cutout, err) < 0 ||
        stage_real(stage, "augment.mixup", 0, 2, &mixup, err) < 0)
        return -1;
    augment->rotation = (float)rotation;
    augment->zoom = (float)zoom;
    augment->mixup = (float)mixup;
    return 0;
}
