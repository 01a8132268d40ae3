/* The validator itself: what each keyword takes and refuses, and schemas that it refuses. */
#include "base/file.h"
#include "base/json.h"
#include "schemas/json_schema.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct files {
    char folder[64], one[80], two[80];
};

static int begin(void **state)
{
    static struct files files;
    snprintf(files.folder, sizeof(files.folder), "/tmp/reprise-test-XXXXXX");
    if (mkdtemp(files.folder) == NULL)
        return -1;
    snprintf(files.one, sizeof(files.one), "%s/one.json", files.folder);
    snprintf(files.two, sizeof(files.two), "%s/two.json", files.folder);
    *state = &files;
    return 0;
}

static int end(void **state)
{
    const struct files *files = *state;
    unlink(files->one);
    unlink(files->two);
    return rmdir(files->folder);
}

/* 0: it keeps to the schema; 1: it does not; 2: the schema is none. */
static int verdict(const struct files *files, const char *text, const char *value)
{
    struct error err = {0};
    int result = 2;
    assert_int_equal(file_write(files->one, text, strlen(text), &err), 0);
    struct json_schema *schema = json_schema_open(files->one, &err);
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    if (schema != NULL)
        result = json_schema_check(schema, json, &err) == 0 ? 0 : err.kind == ERR_FORMAT ? 1 : 2;
    json_decref(json);
    json_schema_free(schema);
    return result;
}

struct example {
    const char *schema, *value;
    int verdict;
};

static void check_all(const struct files *files, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (verdict(files, examples[i].schema, examples[i].value) != examples[i].verdict)
            fail_msg("%s with %s: expected %d", examples[i].schema, examples[i].value,
                     examples[i].verdict);
}
#define CHECK_ALL(examples) check_all(*state, examples, sizeof(examples) / sizeof(examples[0]))

static void schema_takes_and_refuses_by_each_keyword(void **state)
{
    static const struct example examples[] = {
        {"{}", "[1]", 0},
        {"{\"type\": \"object\"}", "{}", 0},
        {"{\"type\": \"object\"}", "[]", 1},
        {"{\"type\": \"integer\"}", "1.0", 0},
        {"{\"type\": \"integer\"}", "1.5", 1},
        {"{\"type\": \"number\"}", "1", 0},
        {"{\"type\": \"number\"}", "\"1\"", 1},
        {"{\"type\": [\"string\", \"null\"]}", "null", 0},
        {"{\"type\": [\"string\", \"null\"]}", "true", 1},
        {"{\"type\": \"boolean\"}", "0", 1},
        {"{\"enum\": [\"a\", null, 1]}", "1.0", 0},
        {"{\"enum\": [\"a\", null, 1]}", "\"b\"", 1},
        {"{\"const\": {\"a\": [1]}}", "{\"a\": [1]}", 0},
        {"{\"const\": 1}", "2", 1},
        {"{\"const\": 1}", "true", 1},
        {"{\"minimum\": 0}", "-0.5", 1},
        {"{\"minimum\": 0}", "\"-1\"", 0},
        {"{\"pattern\": \"^[0-9a-f]{4}$\"}", "\"00ff\"", 0},
        {"{\"pattern\": \"^[0-9a-f]{4}$\"}", "\"00ff0\"", 1},
        {"{\"items\": {\"type\": \"string\"}}", "[\"a\", \"b\"]", 0},
        {"{\"items\": {\"type\": \"string\"}}", "[\"a\", 1]", 1},
        {"{\"minItems\": 2, \"maxItems\": 2}", "[1, 2]", 0},
        {"{\"minItems\": 2, \"maxItems\": 2}", "[1]", 1},
        {"{\"minItems\": 2, \"maxItems\": 2}", "[1, 2, 3]", 1},
        {"{\"required\": [\"a\"]}", "{\"a\": null}", 0},
        {"{\"required\": [\"a\"]}", "{\"b\": 1}", 1},
        {"{\"properties\": {\"a\": {\"type\": \"null\"}}}", "{\"b\": 1}", 0},
        {"{\"properties\": {\"a\": {\"type\": \"null\"}}}", "{\"a\": 1}", 1},
        {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1}", 0},
        {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"b\": 1}", 1},
        {"{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": \"y\"}", 0},
        {"{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": 1}", 1},
        {"{\"anyOf\": [{\"type\": \"string\"}, {\"const\": 2}]}", "2", 0},
        {"{\"anyOf\": [{\"type\": \"string\"}, {\"const\": 2}]}", "3", 1},
        {"{\"oneOf\": [{\"minimum\": 1}, {\"minimum\": 5}]}", "2", 0},
        {"{\"oneOf\": [{\"minimum\": 1}, {\"minimum\": 5}]}", "6", 1},
        {"{\"oneOf\": [{\"minimum\": 1}, {\"minimum\": 5}]}", "0", 1},
    };
    CHECK_ALL(examples);
}

static void refs_lead_into_the_file_and_to_others(void **state)
{
    static const char two[] =
        "{\"$defs\": {\"b\": {\"$ref\": \"#/$defs/c\"}, \"c\": {\"const\": 2}},"
        " \"type\": \"object\"}";
    static const struct example examples[] = {
        {"{\"$defs\": {\"a\": {\"const\": 1}}, \"items\": {\"$ref\": \"#/$defs/a\"}}", "[1]", 0},
        {"{\"$defs\": {\"a\": {\"const\": 1}}, \"items\": {\"$ref\": \"#/$defs/a\"}}", "[2]", 1},
        {"{\"properties\": {\"a\": {\"$ref\": \"#\"}, \"b\": {\"type\": \"null\"}}}",
         "{\"a\": {\"a\": {\"b\": 1}}}", 1},
        {"{\"$ref\": \"two.json\"}", "{}", 0},
        {"{\"$ref\": \"two.json\"}", "1", 1},
        {"{\"$ref\": \"two.json#/$defs/b\"}", "2", 0},
        {"{\"$ref\": \"two.json#/$defs/b\"}", "3", 1},
        {"{\"$ref\": \"#/$defs/none\"}", "1", 2},
        {"{\"$ref\": \"three.json\"}", "1", 2},
        {"{\"$ref\": \"#\"}", "1", 2},
        {"{\"$ref\": \"#/properties\", \"properties\": {\"a\": {}}}", "1", 2},
        {"{\"anyOf\": [{\"$ref\": \"#/none\"}, {}]}", "1", 2},
    };
    const struct files *files = *state;
    struct error err = {0};
    assert_int_equal(file_write(files->two, two, strlen(two), &err), 0);
    CHECK_ALL(examples);
}

static void schema_that_is_none_is_refused(void **state)
{
    static const struct example examples[] = {
        {"{\"typ\": \"object\"}", "1", 2},
        {"{\"maximum\": 1}", "1", 2},
        {"{\"properties\": {\"a\": {\"items\": {\"format\": \"date\"}}}}", "1", 2},
        {"{\"$defs\": {\"unused\": {\"if\": {}}}}", "1", 2},
        {"{\"anyOf\": []}", "1", 2},
        {"{\"anyOf\": [1]}", "1", 2},
        {"{\"required\": \"a\"}", "1", 2},
        {"{\"required\": [1]}", "1", 2},
        {"{\"type\": 1}", "1", 2},
        {"{\"items\": []}", "1", 2},
        {"{\"minItems\": -1}", "1", 2},
        {"{\"pattern\": \"(\"}", "\"a\"", 2},
        {"[]", "1", 2},
        {"{", "1", 2},
    };
    CHECK_ALL(examples);
}

static void message_names_the_place(void **state)
{
    static const char text[] = "{\"properties\": {\"a\": {\"items\": {\"required\": [\"b\"]}}}}";
    const struct files *files = *state;
    struct error err = {0};
    json_t *value = json_loads("{\"a\": [{\"b\": 1}, {}]}", 0, NULL);
    assert_int_equal(file_write(files->one, text, strlen(text), &err), 0);
    struct json_schema *schema = json_schema_open(files->one, &err);
    assert_non_null(schema);
    assert_int_equal(json_schema_check(schema, value, &err), -1);
    assert_string_equal(err.message, "at 'a.1': there is no 'b'");
    json_schema_free(schema);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(schema_takes_and_refuses_by_each_keyword, begin, end),
        cmocka_unit_test_setup_teardown(refs_lead_into_the_file_and_to_others, begin, end),
        cmocka_unit_test_setup_teardown(schema_that_is_none_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(message_names_the_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
