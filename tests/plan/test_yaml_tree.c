#include "plan/yaml_tree.h"

#include "base/json.h"
#include "base/text.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

static int parse(struct yaml_tree *tree, const char *text, struct yaml_node **root,
                 struct error *err)
{
    return yaml_tree_parse(tree, "f.yaml", false, text, strlen(text), root, err);
}

static void assert_json(const char *text, const char *expected)
{
    struct error err = {0};
    struct yaml_node *root;
    struct yaml_tree *tree = yaml_tree_new(&err);
    if (parse(tree, text, &root, &err) < 0)
        fail_msg("%s", err.message);
    json_t *json = yaml_to_json(root, &err);
    char *written = json_to_text(json, true, &err);
    assert_string_equal(written, expected);
    free(written);
    json_decref(json);
    yaml_tree_free(tree);
}

static void assert_refused(const char *text, size_t size, const char *message)
{
    struct error err = {0};
    struct yaml_node *root = NULL;
    struct yaml_tree *tree = yaml_tree_new(&err);
    assert_int_equal(yaml_tree_parse(tree, "f.yaml", false, text, size, &root, &err), -1);
    assert_string_equal(err.message, message);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_null(root);
    yaml_tree_free(tree);
}

static void yaml_scalars_have_the_types_of_the_core_schema(void **state)
{
    (void)state;
    assert_json("[null, Null, NULL, ~, {a: }, '', true, True, TRUE, false, FALSE]",
                "[null,null,null,null,{\"a\":null},\"\",true,true,true,false,false]");
    assert_json("[yes, no, on, off, y, n, tRue, nULL, \"null\", 'true']",
                "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRue\",\"nULL\",\"null\",\"true\"]");
    assert_json("[0, -0, 12, +12, -12, 007, 0o17, 0x1F, '3', 9223372036854775807]",
                "[0,0,12,12,-12,7,15,31,\"3\",9223372036854775807]");
    assert_json("[1_000, 0b1, 0o8, 0x, '0x1', 12:30, 1.2.3, 1e, e5, ., -, +, 0x1.8p3, 1 2]",
                "[\"1_000\",\"0b1\",\"0o8\",\"0x\",\"0x1\",\"12:30\",\"1.2.3\",\"1e\",\"e5\",\".\","
                "\"-\",\"+\",\"0x1.8p3\",\"1 2\"]");
    assert_json("[1.0, .5, 5., -1.5e-3, 1E3, +.5]", "[1.0,0.5,5.0,-0.0015,1000.0,0.5]");
    assert_json("'a: b': |\n  x\n  y\n", "{\"a: b\":\"x\\ny\\n\"}");
    assert_json("&a x", "\"x\"");
    assert_json("", "null");
    assert_json("# nothing\n", "null");
    assert_json("\xef\xbb\xbf"
                "a: \xc3\xa9",
                "{\"a\":\"\xc3\xa9\"}");
}

static void yaml_aliases_and_merge_keys_share_values(void **state)
{
    (void)state;
    assert_json("{a: &x [1, {b: 2}], c: *x, d: [*x]}",
                "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":[[1,{\"b\":2}]]}");
    assert_json("{a: &x 1, b: &x 2, c: *x}", "{\"a\":1,\"b\":2,\"c\":2}");
    assert_json("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\nd: {<<: *b}\n",
                "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":3,\"z\":4},\"c\":{\"x\":9,\"y\":2,\"z\":4},"
                "\"d\":{\"y\":3,\"z\":4}}");
    assert_json("{'<<': 1}", "{\"<<\":1}");
}

static void yaml_nodes_know_their_place(void **state)
{
    (void)state;
    struct error err = {0};
    struct yaml_node *root;
    struct yaml_tree *tree = yaml_tree_new(&err);
    assert_int_equal(parse(tree, "# c\na:\n  - x\n  - {\xc3\xa9: \"q\", n: '\\'}\n", &root, &err),
                     0);
    const struct yaml_node *list = yaml_get(root, "a"), *map = list->items[1];
    assert_int_equal(root->pairs[0].key->place.line, 2);
    assert_int_equal(root->pairs[0].key->place.column, 1);
    assert_int_equal(list->items[0]->place.line, 3);
    assert_int_equal(list->items[0]->place.column, 5);
    assert_int_equal(list->items[0]->verbatim, 5);
    /* Columns count characters and not bytes. */
    assert_int_equal(map->pairs[0].value->place.column, 9);
    assert_int_equal(map->pairs[0].value->verbatim, 10);
    assert_int_equal(map->pairs[1].key->place.column, 14);
    assert_string_equal(root->place.file, "f.yaml");
    yaml_tree_free(tree);
}

static void yaml_fragment_has_no_lines(void **state)
{
    (void)state;
    struct error err = {0};
    struct yaml_node *root;
    struct yaml_tree *tree = yaml_tree_new(&err);
    assert_int_equal(yaml_tree_parse(tree, "--set a", true, "[1", 2, &root, &err), -1);
    assert_string_equal(err.message, "--set a: YAML: did not find expected ',' or ']' while "
                                     "parsing a flow sequence");
    yaml_tree_free(tree);
}

static void yaml_refuses_what_is_too_deep(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    struct error err = {0};
    struct yaml_node *root;
    struct yaml_tree *tree = yaml_tree_new(&err);
    assert_int_equal(parse(tree, text, &root, &err), 0);
    yaml_tree_free(tree);
    memset(text, '[', 100);
    assert_refused(text, 100, "f.yaml:1:66: lists and maps are more than 64 deep");
}

static void yaml_refuses_depth_made_of_aliases(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, "- &a0 []\n");
    for (int i = 1; i < 70; i++)
        text_addf(&text, "- &a%d [*a%d]\n", i, i - 1);
    assert_refused(text.data, text.size, "f.yaml:65:3: lists and maps are more than 64 deep");
    text_release(&text);
}

static void yaml_refuses_an_alias_bomb(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, "- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        text_addf(&text, "- &a%d [", i);
        for (int j = 0; j < 10; j++)
            text_addf(&text, "*a%d, ", i - 1);
        text_add(&text, "]\n");
    }
    assert_refused(text.data, text.size, "f.yaml:6:3: more than 4000000 values in one place");
    text_release(&text);
}

static void yaml_refuses_what_is_too_large(void **state)
{
    (void)state;
    size_t size = YAML_TREE_FILE_LIMIT + 1;
    char *text = malloc(size);
    memset(text, 'x', size);
    assert_refused(text, size, "f.yaml:1:1: 67108865 bytes, more than the 67108864 allowed");
    free(text);
}

static void yaml_refuses_too_many_anchors(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i <= 1000; i++)
        text_addf(&text, "- &a%d x\n", i);
    assert_refused(text.data, text.size, "f.yaml:1001:3: more than 1000 anchors");
    text_release(&text);
}

static void yaml_refuses_bytes_that_are_no_text(void **state)
{
    (void)state;
    static const char utf8[] = "a: b\nc: \xff\n", control[] = "a: b\nc: \x01\n", nul[] = "a\0b";
    assert_refused(utf8, sizeof(utf8) - 1,
                   "f.yaml:2:4: YAML: invalid leading UTF-8 octet; save the file as UTF-8");
    assert_refused(control, sizeof(control) - 1,
                   "f.yaml:2:4: YAML: control characters are not allowed");
    assert_refused(nul, sizeof(nul) - 1, "f.yaml:1:2: YAML: control characters are not allowed");
    assert_refused("\xff\xfe"
                   "a\0",
                   4, "f.yaml:1:1: YAML: invalid leading UTF-8 octet; save the file as UTF-8");
}

static void yaml_messages_hold_no_control_characters(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\e[31m\\n\": 1, \"a\\e[31m\\n\": 2}";
    assert_refused(text, sizeof(text) - 1, "f.yaml:1:18: duplicate key 'a [31m ', first on line 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_scalars_have_the_types_of_the_core_schema),
        cmocka_unit_test(yaml_aliases_and_merge_keys_share_values),
        cmocka_unit_test(yaml_nodes_know_their_place),
        cmocka_unit_test(yaml_fragment_has_no_lines),
        cmocka_unit_test(yaml_refuses_what_is_too_deep),
        cmocka_unit_test(yaml_refuses_depth_made_of_aliases),
        cmocka_unit_test(yaml_refuses_an_alias_bomb),
        cmocka_unit_test(yaml_refuses_what_is_too_large),
        cmocka_unit_test(yaml_refuses_too_many_anchors),
        cmocka_unit_test(yaml_refuses_bytes_that_are_no_text),
        cmocka_unit_test(yaml_messages_hold_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
