#include "base/base64.h"

#include "tap.h"

#include <string.h>

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct text text = {0};
        base64_add(&text, (const uint8_t *)vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(text_string(&text), vectors[i][1]);
        text_clear(&text);
        assert_true(base64_parse(vectors[i][1], &text));
        assert_string_equal(text_string(&text), vectors[i][0]);
        text_release(&text);
    }
    struct text text = {0};
    const uint8_t all[3] = {0xff, 0xef, 0xbe};
    base64_add(&text, all, 3);
    assert_string_equal(text_string(&text), "/+++");
    text_release(&text);
}

static void base64_has_one_text_for_one_content(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-_", "=Zg="};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct text text = {0};
        if (base64_parse(wrong[i], &text))
            fail_msg("'%s' was taken", wrong[i]);
        text_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(base64_has_one_text_for_one_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
