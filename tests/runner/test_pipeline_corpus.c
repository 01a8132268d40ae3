/* Replays the corpus of the pipeline file's fuzz target, whole, cut short and
 * with bytes changed. */
#include "base/file.h"

#include "tap.h"

/* The target is one per program, so it is compiled into this one. */
#include "fuzz/fuzz_pipeline.c"

#define CORPUS "tests/fuzz/corpus/pipeline"

enum { FILE_LIMIT = 1 << 20, CUTS = 40, CHANGES = 60 };

static void replay_whole(const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
}

static void replay_cut(const uint8_t *data, size_t size)
{
    for (size_t i = 1; i < CUTS; i++)
        LLVMFuzzerTestOneInput(data, size * i / CUTS);
}

/* The same changes on every run: a linear congruential generator (Knuth,
 * The Art of Computer Programming, volume 2, section 3.3.4). */
static void replay_changed(const uint8_t *data, size_t size)
{
    static const char marks[] = "{}[]:,&*!|>'\"%@`#?-$\\\n\t 0\xff";
    uint64_t random = 1;
    uint8_t *copy = malloc(size + 1);
    for (size_t i = 0; i < CHANGES && size > 0; i++) {
        memcpy(copy, data, size);
        for (int change = 0; change < 3; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            copy[(random >> 20) % size] = (uint8_t)marks[(random >> 50) % (sizeof(marks) - 1)];
        }
        LLVMFuzzerTestOneInput(copy, size);
    }
    free(copy);
}

static void replay(void (*how)(const uint8_t *data, size_t size))
{
    struct error err = {0};
    char **names;
    size_t count;
    assert_int_equal(file_list(CORPUS, &names, &count, &err), 0);
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        char *data, *path = file_join(CORPUS, names[i], &err);
        size_t size;
        assert_int_equal(file_read(path, FILE_LIMIT, &data, &size, &err), 0);
        how((const uint8_t *)data, size);
        free(data);
        free(path);
    }
    file_free_names(names, count);
}

static void pipeline_corpus_holds(void **state)
{
    (void)state;
    replay(replay_whole);
}

static void pipeline_corpus_holds_when_cut_short(void **state)
{
    (void)state;
    replay(replay_cut);
}

static void pipeline_corpus_holds_when_changed(void **state)
{
    (void)state;
    replay(replay_changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipeline_corpus_holds),
        cmocka_unit_test(pipeline_corpus_holds_when_cut_short),
        cmocka_unit_test(pipeline_corpus_holds_when_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
