#include "page/escape.h"

#include <string.h>

#include "tap.h"

static void expect(void (*escape)(struct text *, const char *), const char *in, const char *out)
{
    struct text text = {0};
    escape(&text, in);
    assert_string_equal(text_string(&text), out);
    text_release(&text);
}

static void escape_makes_html_harmless(void **state)
{
    (void)state;
    expect(escape_html, "<script>alert('a' & \"b\")</script>",
           "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;");
    expect(escape_html, "caf\xc3\xa9\n", "caf\xc3\xa9\n");
    expect(escape_html_dotted, "a.<b>.c\xc3\xa9.", "a.<wbr>&lt;b&gt;.<wbr>c\xc3\xa9.");
    expect(escape_html, "a\x01\x7f", "a\xef\xbf\xbd\xef\xbf\xbd");
}

static void escape_makes_xml_of_any_bytes(void **state)
{
    (void)state;
    expect(escape_xml, "<a b=\"'&\x1b\xff\">",
           "&lt;a b=&quot;&#39;&amp;\xef\xbf\xbd\xef\xbf\xbd&quot;&gt;");
    expect(escape_xml, "\xef\xbf\xbe \xef\xbf\xbf \xef\xbf\xbc",
           "\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbc");
    expect(escape_xml, "\xef\xbf", "\xef\xbf\xbd\xef\xbf\xbd");
}

static void escape_makes_markdown_harmless(void **state)
{
    (void)state;
    expect(escape_markdown, "a|b *c* [d](e) `f`", "a\\|b \\*c\\* \\[d\\](e) \\`f\\`");
    expect(escape_markdown, "<img src=x>\n# h", "&lt;img src=x\\> \\# h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape_makes_html_harmless),
        cmocka_unit_test(escape_makes_xml_of_any_bytes),
        cmocka_unit_test(escape_makes_markdown_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
