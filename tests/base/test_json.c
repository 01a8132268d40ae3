#include "base/file.h"
#include "base/json.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void equal_values_give_equal_text(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *one = json_pack("{s:f, s:i}", "b", 0.2, "a", 1);
    json_t *two = json_pack("{s:i, s:f}", "a", 1, "b", 0.2);
    char *first = json_to_text(one, true, &err), *second = json_to_text(two, true, &err);
    assert_string_equal(first, "{\"a\":1,\"b\":0.2}");
    assert_string_equal(first, second);
    free(first);
    free(second);
    json_decref(one);
    json_decref(two);
}

static void written_object_reads_back(void **state)
{
    (void)state;
    struct error err = {0};
    char path[] = "/tmp/reprise-test-XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    json_t *value = json_pack("{s:{s:[i,i]}}", "split", "seeds", 1, 2), *back;
    assert_int_equal(json_write(path, value, &err), 0);
    assert_int_equal(json_read(path, &back, &err), 0);
    assert_true(json_equal(value, back));
    assert_true(json_is_array(json_at(back, "split.seeds")));
    assert_null(json_at(back, "split.seed"));
    assert_null(json_at(back, "split.seeds.x"));
    json_decref(value);
    json_decref(back);
    unlink(path);
}

static void broken_text_is_placed(void **state)
{
    (void)state;
    struct error err = {0};
    char path[] = "/tmp/reprise-test-XXXXXX";
    json_t *value;
    assert_true(close(mkstemp(path)) == 0);
    assert_int_equal(file_write(path, "{\"a\": 1,\n \"a\": 2}", 17, &err), 0);
    assert_int_equal(json_read(path, &value, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_non_null(strstr(err.message, ":2:"));
    assert_int_equal(file_write(path, "[1]", 3, &err), 0);
    assert_int_equal(json_read(path, &value, &err), -1);
    assert_non_null(strstr(err.message, "expected a JSON object"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_give_equal_text),
        cmocka_unit_test(written_object_reads_back),
        cmocka_unit_test(broken_text_is_placed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
