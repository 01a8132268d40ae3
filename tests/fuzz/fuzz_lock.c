/* Any bytes as pipeline.lock. */
#include "fuzz/fuzz_folder.h"
#include "runner/lockfile.h"

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct lock *lock = NULL;
    if (lockfile_read(from, &lock, err) < 0) {
        ASSERT(lock == NULL);
        return -1;
    }
    for (size_t i = 0; i < lock->count; i++)
        ASSERT(lock_find(lock, lock->stages[i].name) == &lock->stages[i]);
    ASSERT(lockfile_write(to, lock, err) == 0);
    lock_free(lock);
    return 0;
}

enum fuzz_verdict fuzz_lock(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, rewrite, rewrite);
}
