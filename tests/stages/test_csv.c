#include "csv.h"

#include "tap.h"

static void csv_quotes_as_rfc_4180_says(void **state)
{
    (void)state;
    struct text text = {0};
    const char *const names[] = {"cat, \"small\"", "dog"};
    const int64_t counts[] = {5, 1, 0, 12};
    csv_confusion(&text, names, counts, 2);
    assert_string_equal(text_string(&text), "true class,\"cat, \"\"small\"\"\",dog\r\n"
                                            "\"cat, \"\"small\"\"\",5,1\r\n"
                                            "dog,0,12\r\n");
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv_quotes_as_rfc_4180_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
