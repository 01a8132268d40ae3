#include "base/digest.h"
#include "base/file.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

/* FIPS 180-4 examples (NIST). */
static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty_hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void digest_gives_the_published_answers(void **state)
{
    (void)state;
    struct error err = {0};
    struct digest digest, parsed;
    char hex[DIGEST_HEX_SIZE];
    assert_int_equal(digest_of_bytes("abc", 3, &digest, &err), 0);
    digest_to_hex(&digest, hex);
    assert_string_equal(hex, abc_hex);
    assert_true(digest_from_hex(hex, &parsed));
    assert_true(digest_equal(&digest, &parsed));
    assert_int_equal(digest_of_bytes("", 0, &digest, &err), 0);
    digest_to_hex(&digest, hex);
    assert_string_equal(hex, empty_hex);
}

static void pieces_and_file_give_the_digest_of_the_whole(void **state)
{
    (void)state;
    struct error err = {0};
    struct digest pieces, file;
    char path[] = "/tmp/reprise-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    char name[64];
    snprintf(name, sizeof(name), "%s/abc", path);
    assert_int_equal(file_write(name, "abc", 3, &err), 0);
    struct hasher *hasher = hasher_new(&err);
    assert_non_null(hasher);
    assert_int_equal(hasher_add(hasher, "a", 1, &err), 0);
    assert_int_equal(hasher_add(hasher, "bc", 2, &err), 0);
    assert_int_equal(hasher_finish(hasher, &pieces, &err), 0);
    hasher_free(hasher);
    assert_int_equal(digest_of_file(name, &file, &err), 0);
    assert_true(digest_equal(&pieces, &file));
    assert_int_equal(file_remove(path, &err), 0);
    assert_int_equal(digest_of_file(name, &file, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.message, "/abc'"));
}

static void hex_that_is_not_a_digest_is_refused(void **state)
{
    (void)state;
    struct digest digest;
    assert_false(digest_from_hex("abc", &digest));
    char hex[DIGEST_HEX_SIZE];
    memcpy(hex, abc_hex, sizeof(hex));
    hex[10] = 'g';
    assert_false(digest_from_hex(hex, &digest));
    assert_false(digest_from_person(hex, &digest));
}

static void digest_has_one_text_but_what_a_person_writes_may_be_in_capitals(void **state)
{
    (void)state;
    struct digest digest, parsed;
    char hex[DIGEST_HEX_SIZE];
    memcpy(hex, abc_hex, sizeof(hex));
    assert_true(digest_from_hex(hex, &digest));
    hex[0] = (char)(hex[0] - 'a' + 'A');
    assert_false(digest_from_hex(hex, &parsed));
    assert_true(digest_from_person(hex, &parsed));
    assert_true(digest_equal(&digest, &parsed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_gives_the_published_answers),
        cmocka_unit_test(pieces_and_file_give_the_digest_of_the_whole),
        cmocka_unit_test(hex_that_is_not_a_digest_is_refused),
        cmocka_unit_test(digest_has_one_text_but_what_a_person_writes_may_be_in_capitals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
