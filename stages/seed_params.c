#include "seed_params.h"

int seed_params_read(struct stage *stage, const char *name, uint32_t *seed, struct error *err)
{
    int64_t value = SEED_DEFAULT;
    if (stage_int_or_null(stage, name, 0, UINT32_MAX, &value, err) < 0)
        return -1;
    *seed = (uint32_t)value;
    return 0;
}
