#include "store/tree.h"

#include "tap.h"
#include <string.h>

#define DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEADER "reprise-tree 2\n"

static int parse(const char *text, struct tree *tree)
{
    struct error err;
    return tree_parse(text, strlen(text), tree, &err);
}

static void tree_round_trip(void **state)
{
    (void)state;
    static const char text[] = HEADER "exec " DIGEST " 3 a/run\nfile " DIGEST " 0 b c\n";
    struct tree tree = {0};
    struct text written = {0};
    struct error err;
    assert_int_equal(parse(text, &tree), 0);
    assert_int_equal(tree.count, 2);
    assert_int_equal(tree.entries[0].kind, TREE_EXECUTABLE);
    assert_string_equal(tree.entries[1].path, "b c");
    assert_int_equal(tree_size(&tree), 3);
    assert_int_equal(tree_write(&tree, &written, &err), 0);
    assert_string_equal(text_string(&written), text);
    text_release(&written);
    tree_release(&tree);
}

static void tree_of_nothing_is_allowed(void **state)
{
    (void)state;
    struct tree tree = {0};
    assert_int_equal(parse(HEADER, &tree), 0);
    assert_int_equal(tree.count, 0);
    tree_release(&tree);
}

static void tree_rejects_what_is_not_canonical_or_not_safe(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "reprise-tree 1\n",
        HEADER "file " DIGEST " 3 a",
        HEADER "link " DIGEST " 3 a\n",
        HEADER "file " DIGEST " -3 a\n",
        HEADER "file " DIGEST " 03 a\n",
        HEADER "file " DIGEST " 3 \n",
        HEADER "file " DIGEST " 3 /etc/passwd\n",
        HEADER "file " DIGEST " 3 ../a\n",
        HEADER "file " DIGEST " 3 a/../b\n",
        HEADER "file " DIGEST " 3 a//b\n",
        HEADER "file " DIGEST " 3 a/\n",
        HEADER "file " DIGEST " 3 ./a\n",
        HEADER "file ba78 3 a\n",
        HEADER "file " DIGEST " 3 b\nfile " DIGEST " 3 a\n",
        HEADER "file " DIGEST " 3 a\nfile " DIGEST " 3 a\n",
        HEADER "file " DIGEST " 3 a\nfile " DIGEST " 3 a/b\n",
        HEADER "file " DIGEST " 3 a\nfile " DIGEST " 3 a.b\nfile " DIGEST " 3 a/b\n",
    };
    struct tree tree = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (parse(bad[i], &tree) == 0)
            fail_msg("accepted: %s", bad[i]);
    struct error err;
    assert_int_equal(tree_parse(HEADER "file " DIGEST " 3 a\0b\n",
                                sizeof(HEADER "file " DIGEST " 3 a\0b\n") - 1, &tree, &err),
                     -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_round_trip),
        cmocka_unit_test(tree_of_nothing_is_allowed),
        cmocka_unit_test(tree_rejects_what_is_not_canonical_or_not_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
