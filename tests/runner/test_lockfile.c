#include "runner/lockfile.h"

#include "base/file.h"
#include "base/memory.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place_on_disk {
    char folder[64], path[96];
};

static int set_up(void **state)
{
    struct place_on_disk *place = calloc(1, sizeof(*place));
    snprintf(place->folder, sizeof(place->folder), "/tmp/reprise-lock-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/pipeline.lock", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place_on_disk *place = *state;
    struct error err;
    file_remove(place->folder, &err);
    free(place);
    return 0;
}

static const char params_text[] =
    "{\"n\":null,\"t\":true,\"f\":false,\"i\":-3,\"r\":0.2,\"third\":0.33333333333333331,"
    "\"big\":1e300,\"small\":1.0e-7,\"one\":1.0,\"texts\":[\"\",\"yes\",\"null\",\"3\",\"1e5\","
    "\"a: b\",\"- x\",\"#c\",\"a #c\",\" lead\",\"trail \",\"two\\nlines\\n\",\"tab\\tq\\\"'\","
    "\"\\u00e9\\u4e2d\\ud83d\\ude00\",\"*a\",\"&a\",\"!t\",\"{x}\",\"[x]\",\"%d\",\"@x\",\"`x\","
    "\"<<\",\"---\",\"...\",\"\\u0001\\u007f\\u2028\",\"\\n\",\"${x}\",\"? x\",\"a:\"],"
    "\"map\":{\"b\":{},\"a\":[]},\"42\":1,\"<<\":2,\"\":3,\"a b: c\":4}";

static struct lock *make_lock(struct error *err)
{
    char *const argv[] = {(char *)"build/stages/x", (char *)"--flag", (char *)"a b", (char *)"3",
                          NULL};
    struct digest digest;
    struct lock *made = NULL, *lock = NULL;
    struct lock_stage *stage;
    json_t *params = json_loads(params_text, JSON_ALLOW_NUL, NULL);
    json_t *sets = json_pack("{s:f}", "split.test_size", 0.25);
    json_object_del(params, ""); /* a YAML key may not be empty here */
    memset(&digest, 0x1e, sizeof(digest));
    if ((lock = lock_new("sample", sets, err)) == NULL ||
        (stage = lock_add_stage(lock, "z", argv, params, &digest, err)) == NULL ||
        lock_add_dep(stage, "dataset", "download.dataset", &digest, 12345678901, true, err) < 0 ||
        lock_add_dep(stage, "a", "./a b.csv", &digest, 0, false, err) < 0 ||
        lock_add_out(stage, "out", "out.json", &digest, 7, false, err) < 0 ||
        (stage = lock_add_stage(lock, "a@0.1-net0", argv, params, &digest, err)) == NULL)
        goto done;
    made = lock;
    lock = NULL;
done:
    json_decref(params);
    json_decref(sets);
    lock_free(lock);
    return made;
}

static void assert_items_equal(const struct lock_item *a, const struct lock_item *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(a->path, b->path);
    assert_true(digest_equal(&a->digest, &b->digest));
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->folder, b->folder);
}

static void lockfile_round_trip(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = make_lock(&err), *read = NULL;
    assert_non_null(lock);
    assert_int_equal(lockfile_write(place->path, lock, &err), 0);
    if (lockfile_read(place->path, &read, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(read->profile, "sample");
    assert_true(json_equal(read->sets, lock->sets));
    assert_int_equal(read->count, 2);
    const struct lock_stage *was = lock_find(lock, "z"), *is = lock_find(read, "z");
    assert_true(json_equal(is->cmd, was->cmd));
    assert_true(digest_equal(&is->key, &was->key));
    assert_true(json_equal(is->params, was->params));
    assert_int_equal(is->dep_count, 2);
    assert_int_equal(is->out_count, 1);
    assert_items_equal(lock_find_dep(is, "dataset"), lock_find_dep(was, "dataset"));
    assert_items_equal(lock_find_dep(is, "a"), lock_find_dep(was, "a"));
    assert_items_equal(lock_find_out(is, "out"), lock_find_out(was, "out"));
    assert_null(lock_find_out(is, "none"));
    assert_null(lock_find(read, "none"));
    lock_free(lock);
    lock_free(read);
}

static void lockfile_bytes_do_not_depend_on_the_order_of_adding(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    char *const argv[] = {(char *)"x", NULL};
    struct digest digest = {{0}};
    char *texts[2];
    size_t sizes[2];
    for (int turn = 0; turn < 2; turn++) {
        json_t *params = turn == 0 ? json_pack("{s:i,s:i}", "a", 1, "b", 2)
                                   : json_pack("{s:i,s:i}", "b", 2, "a", 1);
        struct lock *lock = lock_new("", NULL, &err);
        for (int i = 0; i < 2; i++) {
            struct lock_stage *stage =
                lock_add_stage(lock, i == turn ? "one" : "two", argv, params, &digest, &err);
            for (int j = 0; j < 2; j++)
                lock_add_out(stage, j == turn ? "x" : "y", j == turn ? "x" : "y", &digest, 1, false,
                             &err);
        }
        assert_int_equal(lockfile_write(place->path, lock, &err), 0);
        assert_int_equal(file_read(place->path, 1 << 20, &texts[turn], &sizes[turn], &err), 0);
        json_decref(params);
        lock_free(lock);
    }
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void lockfile_reads_well_to_people(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    char *const argv[] = {(char *)"build/stages/split", NULL};
    struct digest digest = {{0}};
    json_t *params =
        json_pack("{s:f,s:{s:i},s:[i,s]}", "test_size", 0.2, "m", "seed", 42, "l", 1, "x");
    struct lock *lock = lock_new("sample", NULL, &err);
    struct lock_stage *stage = lock_add_stage(lock, "split", argv, params, &digest, &err);
    char *text;
    size_t size;
    assert_int_equal(lock_add_dep(stage, "dataset", "download.dataset", &digest, 12, true, &err),
                     0);
    assert_int_equal(lockfile_write(place->path, lock, &err), 0);
    assert_int_equal(file_read(place->path, 1 << 20, &text, &size, &err), 0);
    assert_string_equal(
        text, "# Written by `reprise run`, checked by `reprise verify`; commit it. Not for "
              "editing by hand.\n"
              "schema: '1'\n"
              "profile: sample\n"
              "sets: {}\n"
              "stages:\n"
              "  split:\n"
              "    cmd: [build/stages/split]\n"
              "    key: '" ZEROS "'\n"
              "    deps:\n"
              "      dataset:\n"
              "        from: download.dataset\n"
              "        digest: '" ZEROS "'\n"
              "        size: 12\n"
              "        folder: true\n"
              "    params:\n"
              "      l: [1, x]\n"
              "      m:\n"
              "        seed: 42\n"
              "      test_size: 0.2\n"
              "    outs: {}\n");
    free(text);
    json_decref(params);
    lock_free(lock);
}

#define STAGE                                                                                      \
    "schema: '1'\nprofile: p\nsets: {}\nstages:\n  s:\n    cmd: [x]\n    key: '" ZEROS "'\n"

static void lockfile_names_what_is_wrong(void **state)
{
    const struct place_on_disk *place = *state;
    static const char *const files[][2] = {
        {"", "1:1: the lock must be a map, not null"},
        {"a: [", "2:1: YAML: did not find expected node content while parsing a flow node"},
        {"schema: '1'\nx: 1\n", "2:1: unknown key 'x' of the lock"},
        {"profile: p\n", "1:1: 'schema' is missing"},
        {"schema: 1\n", "1:9: 'schema' must be text, not the number 1"},
        {"schema: '2'\n", "1:9: schema '2' is not known; this version writes '1'"},
        {"schema: '1'\nprofile: p\nsets: []\n", "3:7: 'sets' must be a map, not a list"},
        {STAGE, "6:5: 'deps' is missing"},
        {STAGE "    deps: {d: {from: x}}\n    params: {}\n    outs: {}\n",
         "8:15: 'digest' is missing"},
        {STAGE "    deps: {d: {from: x, digest: abc}}\n    params: {}\n    outs: {}\n",
         "8:33: 'digest' must be a SHA-256 digest of 64 digits"},
        {STAGE "    deps: {}\n    params: {}\n    outs: {o: {path: x, digest: '" ZEROS
               "', size: -1}}\n",
         "10:107: 'size' is negative"},
        {STAGE "    deps: {}\n    params: {}\n    outs: {o: {path: x, digest: '" ZEROS
               "', size: 1, folder: 1}}\n",
         "10:118: 'folder' must be true or false, not the number 1"},
        {STAGE "    deps: {}\n    params: {}\n    outs: {}\n    when: 1\n",
         "11:5: unknown key 'when' of a stage"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct error err = {0};
        struct lock *lock = NULL;
        char expected[256];
        assert_int_equal(file_write(place->path, files[i][0], strlen(files[i][0]), &err), 0);
        assert_int_equal(lockfile_read(place->path, &lock, &err), -1);
        snprintf(expected, sizeof(expected), "%s:%s", place->path, files[i][1]);
        assert_string_equal(err.message, expected);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_null(lock);
    }
}

static void lockfile_that_is_missing_is_an_io_error(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = NULL;
    assert_int_equal(lockfile_read(place->path, &lock, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

static void lockfile_survives_every_failed_allocation(void **state)
{
    const struct place_on_disk *place = *state;
    unsigned injected = 0;
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        struct lock *read = NULL;
        memory_fail_after(after);
        struct lock *lock = make_lock(&err);
        bool made = lock != NULL && lockfile_write(place->path, lock, &err) == 0 &&
                    lockfile_read(place->path, &read, &err) == 0;
        unsigned failed = memory_fail_after(0);
        injected += failed;
        lock_free(lock);
        lock_free(read);
        if (failed == 0) {
            assert_true(made);
            break;
        }
        /* A folder that cannot be flushed for want of memory is no failure. */
        if (!made)
            assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(injected > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lockfile_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_bytes_do_not_depend_on_the_order_of_adding, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lockfile_reads_well_to_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_names_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_that_is_missing_is_an_io_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_survives_every_failed_allocation, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
