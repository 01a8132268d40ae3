#include "nn/cpu/cpu.h"
#include "nn/cpu/strip.h"
#include "nn/dropout.h"

int dropout_apply(struct lane *lane, enum dtype dtype, const struct dropout_key *key, int64_t n,
                  int64_t c, const int64_t *samples, const void *x, void *y, struct error *err)
{
    (void)lane;
    if (c > 4 * (int64_t)DROPOUT_BLOCKS)
        return error_set(err, ERR_DEVICE, "dropout of %lld values an image, at most %lld",
                         (long long)c, 4LL * DROPOUT_BLOCKS);
    for (int64_t image = 0; image < n; image++)
        for (int64_t j = 0; j < c; j += 4) {
            struct philox block =
                dropout_block(key->seed, key->step, samples[image], key->layer, (uint32_t)(j / 4));
            for (int64_t k = j; k < c && k < j + 4; k++) {
                float value;
                strip_load(dtype, 1, x, image * c + k, &value);
                value *= dropout_factor(block.words[k - j], key->rate);
                strip_store(dtype, 1, &value, y, image * c + k);
            }
        }
    return 0;
}
