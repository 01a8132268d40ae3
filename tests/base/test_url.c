#include "base/url.h"
#include "tap.h"

#include <string.h>

static void expect_shown(const char *text, const char *expected)
{
    struct text shown = {0};
    url_add_shown(&shown, text);
    assert_string_equal(text_string(&shown), expected);
    text_release(&shown);
    assert_int_equal(url_has_secret(text), strcmp(text, expected) != 0);
}

static void url_without_secrets_is_shown_as_it_is(void **state)
{
    (void)state;
    expect_shown("", "");
    expect_shown("no URL, user:pass@host", "no URL, user:pass@host");
    expect_shown("https://host/path?x=1&page=2#top", "https://host/path?x=1&page=2#top");
    expect_shown("https://host/@v1/a@b", "https://host/@v1/a@b");
    expect_shown("https://host:8080/mail/a@b", "https://host:8080/mail/a@b");
    expect_shown("http://[::1]:80/x@y?z=@", "http://[::1]:80/x@y?z=@");
    expect_shown("https://host/?token=&keys=1&tokenizer=bpe&monkey=2",
                 "https://host/?token=&keys=1&tokenizer=bpe&monkey=2");
    expect_shown("ssh://git@host/x.git", "ssh://git@host/x.git");
    expect_shown("file:///a?b", "file:///a?b");
    expect_shown("sample:objects", "sample:objects");
}

static void user_and_password_are_masked(void **state)
{
    (void)state;
    expect_shown("http://user:S3CRET@host/x", "http://***@host/x");
    expect_shown("https://T0KEN@host", "https://***@host");
    expect_shown("HTTPS://user:a@b@host:1/x?y=@", "HTTPS://***@host:1/x?y=@");
    expect_shown("https://user:pa/ss@host/x", "https://***@host/x");
    expect_shown("https://user:pa?s#s@host/x", "https://***@host/x");
    expect_shown("ssh://git:S3CRET@host/x", "ssh://***@host/x");
    expect_shown("https://h/?to=https://u:p@g/?sig=1&key=2",
                 "https://h/?to=https://***@g/?sig=***&key=***");
    expect_shown("cannot fetch 'http://u:p@h/x': see http://h/y or ftp://a:b@c",
                 "cannot fetch 'http://***@h/x': see http://h/y or ftp://***@c");
}

static void url_without_a_scheme_is_one(void **state)
{
    (void)state;
    expect_shown("//user:S3CRET@host/x", "//***@host/x");
    expect_shown("url=//T0KEN@host/x?sig=1", "url=//***@host/x?sig=***");
    expect_shown("https://h/?to=//u:p@g/x", "https://h/?to=//***@g/x");
    expect_shown("\"//u:p@h\"", "\"//***@h\"");
    expect_shown("https:///u:p@h/x", "https:///***@h/x");
    expect_shown("//host/path", "//host/path");
    expect_shown("a//b:c@d", "a//b:c@d");
    expect_shown("https://host/a//b:c@d", "https://host/a//b:c@d");
    expect_shown("file:///a:b@c/d", "file:///a:b@c/d");
    expect_shown("// a comment: not u:p@h", "// a comment: not u:p@h");
    expect_shown("//", "//");
    expect_shown("://", "://");
}

static void stars_keep_the_length(void **state)
{
    (void)state;
    char text[] = "see //u:pw@h/x?code=123&a=1, http://h?key=K";
    url_put_stars(text);
    assert_string_equal(text, "see //****@h/x?code=***&a=1, http://h?key=*");
}

static void parameter_that_grants_access_is_masked(void **state)
{
    (void)state;
    expect_shown("https://h/x?a=1&token=T0KEN&b=2", "https://h/x?a=1&token=***&b=2");
    expect_shown("https://h/x;token=T0KEN/y;v=1", "https://h/x;token=***;v=1");
    expect_shown("https://h/x?Access_Token=T;sig=S#key=K",
                 "https://h/x?Access_Token=***;sig=***#key=***");
    expect_shown("https://h/x?API-Key=1", "https://h/x?API-Key=***");
    expect_shown("https://h/x?code=K&auth_code=1&country_code=de&sessionid=2",
                 "https://h/x?code=***&auth_code=***&country_code=de&sessionid=***");
    expect_shown("https://h/x?%74oken=1", "https://h/x?%74oken=***");
    expect_shown("https://h/?private_token=1&client_secret=2&password=3",
                 "https://h/?private_token=***&client_secret=***&password=***");
    expect_shown("https://h/x?X-Amz-Credential=1&X-Amz-Signature=2&x-goog-signature=3",
                 "https://h/x?X-Amz-Credential=***&X-Amz-Signature=***&x-goog-signature=***");
    expect_shown("https://h/x?AWSAccessKeyId=1&Signature=a=b&Expires=3",
                 "https://h/x?AWSAccessKeyId=***&Signature=***&Expires=3");
    expect_shown("https://user:p@h?token=1 \"http://h?key=2\"",
                 "https://***@h?token=*** \"http://h?key=***\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_without_secrets_is_shown_as_it_is),
        cmocka_unit_test(user_and_password_are_masked),
        cmocka_unit_test(url_without_a_scheme_is_one),
        cmocka_unit_test(stars_keep_the_length),
        cmocka_unit_test(parameter_that_grants_access_is_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
