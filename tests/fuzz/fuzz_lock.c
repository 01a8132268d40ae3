/* Any bytes as pipeline.lock. What the fast reader accepts, the slow one reads as the same. */
#include "base/file.h"
#include "fuzz/fuzz_folder.h"
#include "runner/lockfile_parts.h"

#include <string.h>

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct lock *lock = NULL;
    if (lockfile_read(from, &lock, NULL, err) < 0) {
        ASSERT(lock == NULL);
        return -1;
    }
    for (size_t i = 0; i < lock->count; i++)
        for (size_t s = 0; s < lock->sections[i]->count; s++) {
            const struct lock_stage *stage = lock->sections[i]->stages[s];
            ASSERT(lock_find(lock, lock->sections[i]->profile, stage->name) == stage);
        }
    ASSERT(lockfile_write(to, lock, err) == 0);
    lock_free(lock);
    return 0;
}

static void compare_readers(const char *data, size_t size)
{
    struct error err = {0};
    struct lock *scanned = NULL, *parsed = NULL;
    struct text a = {0}, b = {0};
    ASSERT(lockfile_scan(data, size, &scanned, &err) == 0);
    /* A tree of YAML has limits that the fast reader has not. */
    if (scanned != NULL && size < 1 << 16) {
        ASSERT(lockfile_parse("lock", data, size, &parsed, &err) == 0);
        ASSERT(lockfile_text(scanned, &a, &err) == 0 && lockfile_text(parsed, &b, &err) == 0);
        ASSERT(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    }
    text_release(&a);
    text_release(&b);
    lock_free(scanned);
    lock_free(parsed);
}

enum fuzz_verdict fuzz_lock(const uint8_t *data, size_t size)
{
    struct text text = {0};
    text_append(&text, (const char *)data, size);
    ASSERT(!text.failed);
    compare_readers(text_string(&text), size);
    text_release(&text);
    return fuzz_rewrite(data, size, rewrite, rewrite);
}
