/* validate SCHEMA FILE...: whether each file is a JSON that keeps to the schema; a line on stdout
 * for each that is none, with the place and what is wrong. Exit 1 where there was one, 2 where the
 * schema is none. For tests/schemas and tests/oracle. */
#include "base/json.h"
#include "schemas/json_schema.h"

#include <stdio.h>

/* 0, 1 or 2, as the program ends. */
static int validate(struct json_schema *schema, const char *path)
{
    struct error err = {0};
    json_t *value;
    if (json_read(path, &value, &err) < 0) {
        printf("%s\n", err.message);
        return 1;
    }
    int result = json_schema_check(schema, value, &err);
    json_decref(value);
    if (result < 0)
        printf("%s: %s\n", path, err.message);
    return result == 0 ? 0 : err.kind == ERR_FORMAT ? 1 : 2;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct json_schema *schema = argc >= 3 ? json_schema_open(argv[1], &err) : NULL;
    int worst = schema != NULL ? 0 : 2;
    if (schema == NULL)
        fprintf(stderr, "%s\n", argc >= 3 ? err.message : "usage: validate SCHEMA FILE...");
    for (int i = 2; schema != NULL && i < argc; i++) {
        int status = validate(schema, argv[i]);
        worst = status > worst ? status : worst;
    }
    json_schema_free(schema);
    return worst;
}
