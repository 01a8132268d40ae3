/* validate SCHEMA FILE...: whether each file is a JSON, or .yaml, that keeps to the schema; a line
 * on stdout for each that is none, with the place and what is wrong. Exit 1 where there was one, 2
 * where the schema is none. For tests/schemas and tests/oracle. */
#include "base/file.h"
#include "base/json.h"
#include "plan/yaml_tree.h"
#include "schemas/json_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As a plan is read, before anything is expanded. */
static int read_yaml(const char *path, json_t **value, struct error *err)
{
    char *data;
    size_t size;
    struct yaml_node *root;
    if (file_read(path, YAML_TREE_FILE_LIMIT, &data, &size, err) < 0)
        return -1;
    struct yaml_tree *tree = yaml_tree_new(err);
    *value = tree != NULL && yaml_tree_parse(tree, path, false, data, size, &root, err) == 0
                 ? yaml_to_json(root, err)
                 : NULL;
    yaml_tree_free(tree);
    free(data);
    return *value != NULL ? 0 : -1;
}

/* 0, 1 or 2, as the program ends. */
static int validate(struct json_schema *schema, const char *path)
{
    struct error err = {0};
    json_t *value;
    const char *end = strrchr(path, '.');
    const bool yaml = end != NULL && strcmp(end, ".yaml") == 0;
    if ((yaml ? read_yaml : json_read)(path, &value, &err) < 0) {
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
