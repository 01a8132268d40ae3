#include "runner/lockfile_parts.h"

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

static int fill(struct lock_section *section, const char *name, json_t *params, struct error *err)
{
    struct digest digest;
    memset(&digest, 0x1e, sizeof(digest));
    const struct content folder = {CONTENT_FOLDER, digest, 12345678901},
                         file = {CONTENT_FILE, digest, 0},
                         program = {CONTENT_EXECUTABLE, digest, 7};
    json_t *cmd = json_pack("[s,s,s,s]", "build/stages/x", "--flag", "a b", "3");
    struct lock_stage *stage = lock_stage_new(name, cmd, params, &digest, err);
    json_decref(cmd);
    if (stage == NULL)
        return -1;
    if (lock_add_name(&stage->files, "build/stages/x", &digest, err) < 0 ||
        lock_add_name(&stage->files, "/usr/bin/python3: '\xc3\xa9'", &digest, err) < 0 ||
        lock_add_item(&stage->deps, "dataset", "download.dataset", &folder, err) < 0 ||
        lock_add_item(&stage->deps, "a", "./a b.csv", &file, err) < 0 ||
        lock_add_name(&stage->env, "SET", &digest, err) < 0 ||
        lock_add_name(&stage->env, "UNSET", NULL, err) < 0 ||
        (stage->fingerprint = memory_copy_text("cpu avx512\nlib 'x': 3\n", err)) == NULL ||
        lock_add_item(&stage->outs, "out", "out.json", &program, err) < 0 ||
        lock_add_name(&stage->published, "docs/a\xff\n\\b \xe4\xb8\xad", &digest, err) < 0 ||
        lock_add_name(&stage->published, "docs/x", &digest, err) < 0 ||
        (stage->adopted = memory_copy_text("a message: reworded", err)) == NULL) {
        lock_stage_free(stage);
        return -1;
    }
    stage->has_lineage = true;
    stage->lineage = digest;
    return lock_put(section, stage, err);
}

static struct lock *make_lock(struct error *err)
{
    struct lock *made = NULL, *lock = NULL;
    struct lock_section *section;
    json_t *params = json_loads(params_text, JSON_ALLOW_NUL, NULL);
    json_t *sets = json_pack("{s:f}", "split.test_size", 0.25);
    json_object_del(params, ""); /* a YAML key may not be empty here */
    if ((lock = lock_new(err)) == NULL || (section = lock_section(lock, "sample", err)) == NULL ||
        lock_set_sets(section, sets, err) < 0 || fill(section, "z", params, err) < 0 ||
        fill(section, "a@0.1-net0", params, err) < 0 ||
        (section = lock_section(lock, "", err)) == NULL || fill(section, "z", params, err) < 0 ||
        lock_section(lock, "none", err) == NULL)
        goto done;
    made = lock;
    lock = NULL;
done:
    json_decref(params);
    json_decref(sets);
    lock_free(lock);
    return made;
}

static void assert_items_equal(const struct lock_items *a, const struct lock_items *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct lock_item *other = lock_find_item(b, a->list[i].name);
        assert_non_null(other);
        assert_string_equal(a->list[i].path, other->path);
        assert_true(digest_equal(&a->list[i].content.digest, &other->content.digest));
        assert_int_equal(a->list[i].content.size, other->content.size);
        assert_int_equal(a->list[i].content.kind, other->content.kind);
    }
}

static void assert_names_equal(const struct lock_names *a, const struct lock_names *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct lock_named *other = lock_find_name(b, a->list[i].name);
        assert_non_null(other);
        assert_int_equal(a->list[i].absent, other->absent);
        assert_memory_equal(&a->list[i].digest, &other->digest, sizeof(other->digest));
    }
}

static void assert_stages_equal(const struct lock_stage *is, const struct lock_stage *was)
{
    assert_non_null(is);
    assert_true(json_equal(is->cmd, was->cmd));
    assert_true(json_equal(is->params, was->params));
    assert_true(digest_equal(&is->key, &was->key));
    assert_true(digest_equal(&is->lineage, &was->lineage));
    assert_items_equal(&is->deps, &was->deps);
    assert_items_equal(&is->outs, &was->outs);
    assert_names_equal(&is->files, &was->files);
    assert_names_equal(&is->env, &was->env);
    assert_names_equal(&is->published, &was->published);
    assert_string_equal(is->fingerprint, was->fingerprint);
    assert_string_equal(is->adopted, was->adopted);
    assert_false(is->old);
}

static void assert_locks_equal(const struct lock *read, const struct lock *lock)
{
    assert_int_equal(read->count, lock->count);
    for (size_t i = 0; i < lock->count; i++) {
        const struct lock_section *was = lock->sections[i];
        const struct lock_section *is = lock_find_section(read, was->profile);
        assert_non_null(is);
        assert_true(json_equal(is->sets, was->sets));
        assert_int_equal(is->count, was->count);
        for (size_t s = 0; s < was->count; s++)
            assert_stages_equal(lock_find_stage(is, was->stages[s]->name), was->stages[s]);
    }
}

static void lockfile_round_trip(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = make_lock(&err), *read = NULL;
    assert_non_null(lock);
    assert_int_equal(lockfile_write(place->path, lock, &err), 0);
    if (lockfile_read(place->path, &read, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_locks_equal(read, lock);
    assert_null(lock_find(read, "sample", "none"));
    assert_null(lock_find(read, "other", "z"));
    assert_null(lock_find_item(&lock_find(read, "sample", "z")->outs, "none"));
    lock_free(lock);
    lock_free(read);
}

/* The fast way reads what is written, and any YAML reader would read the same. */
static void lockfile_is_yaml_and_is_read_fast(void **state)
{
    (void)state;
    struct error err = {0};
    struct lock *lock = make_lock(&err), *scanned = NULL, *parsed = NULL;
    struct text text = {0};
    assert_int_equal(lockfile_text(lock, &text, &err), 0);
    assert_int_equal(lockfile_scan(text.data, text.size, &scanned, &err), 0);
    assert_non_null(scanned);
    if (lockfile_parse("x", text.data, text.size, &parsed, &err) < 0)
        fail_msg("%s", err.message);
    assert_locks_equal(scanned, lock);
    assert_locks_equal(parsed, lock);
    text_release(&text);
    lock_free(lock);
    lock_free(scanned);
    lock_free(parsed);
}

/* What is spelt otherwise goes the slow way: no byte may be read as something else. */
static void lockfile_spelt_otherwise_is_read_slowly(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"size: 12345678901\n", "size: 12345678901 # a comment\n"},
        {"from: download.dataset\n", "from: \"download.dataset\"\n"},
        {"schema: '2'\n", "schema: \"2\"\n"},
        {"  sample:\n", "  sample:   \n"},
        {"cmd: [build/stages/x, ", "cmd: [build/stages/x , "},
        {"complete: true\n", "complete: true\n# end\n"},
    };
    struct error err = {0};
    struct lock *lock = make_lock(&err);
    struct text text = {0};
    assert_int_equal(lockfile_text(lock, &text, &err), 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        struct lock *read = NULL;
        struct text changed = {0};
        const char *at = strstr(text.data, changes[i][0]);
        assert_non_null(at);
        text_append(&changed, text.data, (size_t)(at - text.data));
        text_add(&changed, changes[i][1]);
        text_add(&changed, at + strlen(changes[i][0]));
        assert_int_equal(lockfile_scan(changed.data, changed.size, &read, &err), 0);
        if (read != NULL && strcmp(changes[i][1], "from: \"download.dataset\"\n") != 0)
            fail_msg("%s", changes[i][1]);
        lock_free(read);
        if (lockfile_parse("x", changed.data, changed.size, &read, &err) < 0)
            fail_msg("%s", err.message);
        assert_locks_equal(read, lock);
        lock_free(read);
        text_release(&changed);
    }
    text_release(&text);
    lock_free(lock);
}

static void lockfile_bytes_do_not_depend_on_the_order_of_adding(void **state)
{
    (void)state;
    struct error err = {0};
    struct content content = {.kind = CONTENT_FILE, .size = 1};
    struct text texts[2] = {{0}, {0}};
    for (int turn = 0; turn < 2; turn++) {
        json_t *params = turn == 0 ? json_pack("{s:i,s:i}", "a", 1, "b", 2)
                                   : json_pack("{s:i,s:i}", "b", 2, "a", 1);
        json_t *cmd = json_pack("[s]", "x");
        struct lock *lock = lock_new(&err);
        for (int p = 0; p < 2; p++) {
            struct lock_section *section = lock_section(lock, p == turn ? "p" : "q", &err);
            for (int i = 0; i < 2; i++) {
                struct lock_stage *stage =
                    lock_stage_new(i == turn ? "one" : "two", cmd, params, &content.digest, &err);
                for (int j = 0; j < 2; j++) {
                    const char *name = j == turn ? "x" : "y";
                    lock_add_item(&stage->outs, name, name, &content, &err);
                    lock_add_name(&stage->files, name, &content.digest, &err);
                }
                lock_put(section, stage, &err);
            }
        }
        assert_int_equal(lockfile_text(lock, &texts[turn], &err), 0);
        json_decref(params);
        json_decref(cmd);
        lock_free(lock);
    }
    assert_string_equal(texts[0].data, texts[1].data);
    text_release(&texts[0]);
    text_release(&texts[1]);
}

static bool is_not_two(void *arg, const struct lock_stage *stage)
{
    (void)arg;
    return strcmp(stage->name, "s2") != 0;
}

static void lock_finds_what_was_put_replaced_and_dropped(void **state)
{
    (void)state;
    struct error err = {0};
    struct digest digest = {{0}};
    struct lock *lock = lock_new(&err);
    struct lock_section *section = lock_section(lock, "p", &err);
    for (int i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i % 1000);
        digest.bytes[0] = (uint8_t)(i / 1000);
        struct lock_stage *stage = lock_stage_new(name, NULL, NULL, &digest, &err);
        assert_int_equal(lock_put(section, stage, &err), 0);
    }
    assert_int_equal(section->count, 1000);
    assert_int_equal(lock_drop(section, is_not_two, NULL, &err), 0);
    assert_int_equal(section->count, 999);
    assert_null(lock_find(lock, "p", "s2"));
    assert_int_equal(lock_find(lock, "p", "s3")->key.bytes[0], 1);
    assert_int_equal(lock_find(lock, "p", "s999")->key.bytes[0], 1);
    lock_free(lock);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void lockfile_reads_well_to_people(void **state)
{
    (void)state;
    struct error err = {0};
    struct content content = {.kind = CONTENT_FOLDER, .size = 12};
    json_t *params =
        json_pack("{s:f,s:{s:i},s:[i,s]}", "test_size", 0.2, "m", "seed", 42, "l", 1, "x");
    json_t *cmd = json_pack("[s]", "build/stages/split");
    struct lock *lock = lock_new(&err);
    struct lock_section *section = lock_section(lock, "sample", &err);
    struct lock_stage *stage = lock_stage_new("split", cmd, params, &content.digest, &err);
    struct text text = {0};
    stage->fingerprint = memory_copy_text("cpu avx2\n", &err);
    assert_int_equal(lock_add_name(&stage->files, "build/stages/split", &content.digest, &err), 0);
    assert_int_equal(lock_add_item(&stage->deps, "dataset", "download.dataset", &content, &err), 0);
    assert_int_equal(lock_add_name(&stage->env, "HOME", NULL, &err), 0);
    assert_int_equal(lock_add_name(&stage->published, "docs/a.html", &content.digest, &err), 0);
    assert_int_equal(lock_put(section, stage, &err), 0);
    assert_int_equal(lockfile_text(lock, &text, &err), 0);
    assert_string_equal(
        text.data, "# Written by `reprise run`, checked by `reprise verify`; commit it. Not for "
                   "editing by hand.\n"
                   "schema: '2'\n"
                   "profiles:\n"
                   "  sample:\n"
                   "    sets: {}\n"
                   "    stages:\n"
                   "      split:\n"
                   "        key: '" ZEROS "'\n"
                   "        cmd: [build/stages/split]\n"
                   "        files:\n"
                   "          build/stages/split: '" ZEROS "'\n"
                   "        deps:\n"
                   "          dataset:\n"
                   "            from: download.dataset\n"
                   "            digest: '" ZEROS "'\n"
                   "            size: 12\n"
                   "            folder: true\n"
                   "        params:\n"
                   "          l: [1, x]\n"
                   "          m:\n"
                   "            seed: 42\n"
                   "          test_size: 0.2\n"
                   "        env:\n"
                   "          HOME: null\n"
                   "        fingerprint: [cpu avx2]\n"
                   "        outs: {}\n"
                   "        published:\n"
                   "          - " ZEROS " docs/a.html\n"
                   "complete: true\n");
    text_release(&text);
    json_decref(params);
    json_decref(cmd);
    lock_free(lock);
}

static const char *way_out_of(const char *what)
{
    return strstr(what, "newer reprise") != NULL ? ", or move it away: it is not overwritten"
           : strstr(what, "of a merge") != NULL
               ? "; take one side (git checkout --ours pipeline.lock), or move it away: it is not "
                 "overwritten"
               : "; take it from git again (git checkout pipeline.lock), or move it away: it is "
                 "not "
                 "overwritten";
}

#define OLD_STAGE                                                                                  \
    "schema: '1'\nprofile: p\nsets: {}\nstages:\n  s:\n    cmd: [x]\n    key: '" ZEROS "'\n"
#define STAGE(rest)                                                                                \
    "schema: '2'\nprofiles: {p: {sets: {}, stages: {s: {cmd: [x], key: '" ZEROS "',\n" rest        \
    "}}}}\ncomplete: true\n"

static void lockfile_names_what_is_wrong_and_the_way_out(void **state)
{
    const struct place_on_disk *place = *state;
    static const char *const files[][2] = {
        {"", "1:1: it is no lock: 'schema' is missing"},
        {"a: [", "2:1: YAML: did not find expected node content while parsing a flow node"},
        {"schema: '1'\nx: 1\n", "2:1: unknown key 'x' of the lock"},
        {"profile: p\n", "1:1: it is no lock: 'schema' is missing"},
        {"schema: 1\n", "1:9: 'schema' must be text, not the number 1"},
        {"schema: '3'\nfuture: 1\n",
         "1:9: schema '3' is of a newer reprise, this one knows '1' and '2': update it"},
        {"schema: '1'\nprofile: p\nsets: []\n", "3:7: 'sets' must be a map, not a list"},
        {OLD_STAGE "    params: {}\n", "6:5: 'deps' is missing"},
        {OLD_STAGE "    deps: {d: {from: x}}\n    params: {}\n    outs: {}\n",
         "8:15: 'digest' is missing"},
        {OLD_STAGE "    deps: {d: {from: x, digest: abc}}\n    params: {}\n    outs: {}\n",
         "8:33: 'digest' must be a SHA-256 digest of 64 digits"},
        {OLD_STAGE "    deps: {}\n    params: {}\n    outs: {o: {path: x, digest: '" ZEROS
                   "', size: -1}}\n",
         "10:107: 'size' is negative"},
        {OLD_STAGE "    deps: {}\n    params: {}\n    outs: {o: {path: x, digest: '" ZEROS
                   "', size: 1, folder: 1}}\n",
         "10:118: 'folder' must be true or false, not the number 1"},
        {OLD_STAGE "    deps: {}\n    params: {}\n    outs: {}\n    when: 1\n",
         "11:5: unknown key 'when' of a stage"},
        {STAGE("files: {}, env: {X: 1}, deps: {}, params: {}, outs: {}"),
         "3:21: 'X' must be a SHA-256 digest of 64 digits"},
        {STAGE("files: {}, env: {}, deps: {}, params: {}, outs: {}, published: [x]"),
         "3:65: what was published is a SHA-256 digest, a blank and a name"},
        {"schema: '2'\nprofiles: {}\ncomplete: false\n",
         "1:1: the lock was cut off: its last line 'complete: true' is missing"},
        {"schema: '2'\nprofiles:\n  p:\n    sets: {}\n    stages:\n      s:\n        key: ab",
         "7:1: the lock was cut off: its last line 'complete: true' is missing"},
        {"schema: '2'\nprofiles:\n<<<<<<< HEAD\n  p: {}\n=======\n>>>>>>> theirs\n",
         "3:1: '<<<<<<<' of a merge that is not resolved"},
        {"=======\n", "1:1: '=======' of a merge that is not resolved"},
        {"a: 1\n>>>>>>> theirs\n", "2:1: '>>>>>>>' of a merge that is not resolved"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct error err = {0};
        struct lock *lock = NULL;
        char expected[512];
        assert_int_equal(file_write(place->path, files[i][0], strlen(files[i][0]), &err), 0);
        assert_int_equal(lockfile_read(place->path, &lock, NULL, &err), -1);
        snprintf(expected, sizeof(expected), "%s:%s%s", place->path, files[i][1],
                 way_out_of(files[i][1]));
        assert_string_equal(err.message, expected);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_null(lock);
    }
}

/* Wherever a lock ends too early, it is refused. */
static void lockfile_cut_off_anywhere_is_refused(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = make_lock(&err);
    struct text text = {0};
    assert_int_equal(lockfile_text(lock, &text, &err), 0);
    for (size_t size = 0; size<text.size - 1; size += size> text.size - 20 ? 1 : 7) {
        struct lock *read = NULL;
        FILE *file = fopen(place->path, "w");
        assert_int_equal(fwrite(text.data, 1, size, file), size);
        fclose(file);
        assert_int_equal(lockfile_read(place->path, &read, NULL, &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_null(read);
    }
    text_release(&text);
    lock_free(lock);
}

static void lockfile_of_schema_1_is_read(void **state)
{
    const struct place_on_disk *place = *state;
    static const char text[] =
        OLD_STAGE "    deps: {d: {from: a.b, digest: '" ZEROS "', size: 1, folder: true}}\n"
                  "    params: {x: 1.0}\n    outs: {o: {path: o, digest: '" ZEROS "', size: 2}}\n";
    struct error err = {0};
    struct lock *lock = NULL, *again = NULL;
    assert_int_equal(file_write(place->path, text, strlen(text), &err), 0);
    if (lockfile_read(place->path, &lock, NULL, &err) < 0)
        fail_msg("%s", err.message);
    const struct lock_stage *stage = lock_find(lock, "p", "s");
    assert_non_null(stage);
    assert_true(stage->old);
    assert_int_equal(stage->deps.list[0].content.kind, CONTENT_FOLDER);
    assert_int_equal(stage->outs.list[0].content.size, 2);
    /* An entry that nobody ran since stays of the old kind in a new file. */
    assert_int_equal(lockfile_write(place->path, lock, &err), 0);
    assert_int_equal(lockfile_read(place->path, &again, NULL, &err), 0);
    assert_true(lock_find(again, "p", "s")->old);
    lock_free(lock);
    lock_free(again);
}

static void lockfile_that_is_missing_is_none(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = NULL;
    assert_int_equal(lockfile_read(place->path, &lock, NULL, &err), 0);
    assert_null(lock);
}

static void lockfile_that_is_a_folder_or_a_loose_link_is_refused(void **state)
{
    const struct place_on_disk *place = *state;
    struct error err = {0};
    struct lock *lock = NULL;
    assert_int_equal(file_make_folders(place->path, &err), 0);
    assert_int_equal(lockfile_read(place->path, &lock, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(symlink("nowhere", place->path), 0);
    assert_int_equal(lockfile_read(place->path, &lock, NULL, &err), -1);
    assert_null(lock);
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
                    lockfile_read(place->path, &read, NULL, &err) == 0;
        unsigned failed = memory_fail_after(0);
        injected += failed;
        lock_free(lock);
        lock_free(read);
        if (failed == 0) {
            assert_true(made);
            break;
        }
        /* A folder that cannot be flushed for want of memory is no failure. */
        if (!made && err.kind != ERR_MEMORY)
            fail_msg("%s", err.message);
    }
    assert_true(injected > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lockfile_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_is_yaml_and_is_read_fast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_spelt_otherwise_is_read_slowly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_bytes_do_not_depend_on_the_order_of_adding, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lock_finds_what_was_put_replaced_and_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lockfile_reads_well_to_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_names_what_is_wrong_and_the_way_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lockfile_cut_off_anywhere_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_of_schema_1_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_that_is_missing_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_that_is_a_folder_or_a_loose_link_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(lockfile_survives_every_failed_allocation, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
