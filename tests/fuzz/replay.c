#include "fuzz/replay.h"

#include "base/file.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, CHANGED_BYTES = 3 };

static void replay_cut(const struct replay *replay, const uint8_t *data, size_t size)
{
    for (int i = 0; i < replay->cuts; i++) {
        /* Memory of its own, so that a sanitizer sees a step beyond the end. */
        size_t length = size * (size_t)i / (size_t)replay->cuts;
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, data, length);
        replay->target(copy, length);
        free(copy);
    }
}

/* Half of the changes put a byte that formats care about, half flip a bit. The
 * same on every run: a linear congruential generator (Knuth, The Art of
 * Computer Programming, volume 2, section 3.3.4). */
static void replay_changed(const struct replay *replay, const uint8_t *data, size_t size)
{
    static const char marks[] = "{}[]:,&*!|>'\"%@`#?-$\\/.\n\t 019\xff\x1b";
    uint64_t random = 1;
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    for (int i = 0; i < replay->changes && size > 0; i++) {
        memcpy(copy, data, size);
        for (int change = 0; change < CHANGED_BYTES; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint8_t *at = &copy[(random >> 20) % size];
            if (random >> 63)
                *at = (uint8_t)marks[(random >> 50) % (sizeof(marks) - 1)];
            else
                *at ^= (uint8_t)(1u << (random >> 60 & 7));
        }
        replay->target(copy, size);
    }
    free(copy);
}

static void replay_file(const struct replay *replay, const char *path, enum fuzz_verdict verdict)
{
    struct error err = {0};
    char *data;
    size_t size;
    print_message("# %s\n", path);
    assert_int_equal(file_read(path, FILE_LIMIT, &data, &size, &err), 0);
    assert_int_equal(replay->target((const uint8_t *)data, size), verdict);
    replay_cut(replay, (const uint8_t *)data, size);
    replay_changed(replay, (const uint8_t *)data, size);
    free(data);
}

static size_t replay_folder(const struct replay *replay, const char *kind,
                            enum fuzz_verdict verdict)
{
    char folder[128];
    struct error err = {0};
    char **names;
    size_t count;
    snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s/%s", replay->format, kind);
    if (!file_exists(folder))
        return 0;
    assert_int_equal(file_list(folder, &names, &count, &err), 0);
    for (size_t i = 0; i < count; i++) {
        char *path = file_join(folder, names[i], &err);
        assert_non_null(path);
        replay_file(replay, path, verdict);
        free(path);
    }
    file_free_names(names, count);
    return count;
}

void replay_corpus(void **state)
{
    const struct replay *replay = *state;
    size_t accepted = replay_folder(replay, "canonical", FUZZ_CANONICAL) +
                      replay_folder(replay, "accepted", FUZZ_ACCEPTED);
    assert_true(accepted > 0);
    assert_true(replay_folder(replay, "refused", FUZZ_REFUSED) > 0);
}
