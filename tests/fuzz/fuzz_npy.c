/* Any bytes as an .npy file. */
#include "data/npy.h"
#include "fuzz/fuzz_folder.h"

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct npy npy = {0};
    if (npy_read(from, &npy, err) < 0) {
        ASSERT(npy.data == NULL);
        return -1;
    }
    int64_t count = 1;
    for (int i = 0; i < npy.rank; i++)
        count *= npy.shape[i];
    ASSERT(npy.data != NULL && npy.count == count);
    ASSERT(npy_write(to, npy.type, npy.rank, npy.shape, npy.data, err) == 0);
    npy_release(&npy);
    return 0;
}

enum fuzz_verdict fuzz_npy(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, rewrite, rewrite);
}
