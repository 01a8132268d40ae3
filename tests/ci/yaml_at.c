/* What stands in a YAML file, for the tests of the files for CI: yaml_at FILE [STEP...]
 * A step is a key of a map or the place in a list, from 0. Prints a scalar; of a map its keys, of a
 * list its places, one a line. Exit 1 where nothing stands there. */
#include "base/file.h"
#include "base/json.h"
#include "plan/yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(const json_t *value)
{
    const char *key;
    json_t *ignored;
    if (json_is_string(value))
        fputs(json_string_value(value), stdout);
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "true" : "false", stdout);
    json_object_foreach ((json_t *)value, key, ignored)
        puts(key);
    for (size_t i = 0; i < json_array_size(value); i++)
        printf("%zu\n", i);
}

int main(int argc, char **argv)
{
    struct error err;
    struct yaml_tree *tree = NULL;
    struct yaml_node *root;
    json_t *all = NULL;
    char *data = NULL;
    size_t size;
    int status = 2;
    if (argc < 2 || file_read(argv[1], YAML_TREE_FILE_LIMIT, &data, &size, &err) < 0 ||
        (tree = yaml_tree_new(&err)) == NULL ||
        yaml_tree_parse(tree, argv[1], false, data, size, &root, &err) < 0 ||
        (all = yaml_to_json(root, &err)) == NULL) {
        fprintf(stderr, "yaml_at: %s\n", argc < 2 ? "which file?" : err.message);
        goto done;
    }
    const json_t *at = all;
    for (int i = 2; i < argc; i++)
        at = json_is_array(at) ? json_array_get(at, strtoul(argv[i], NULL, 10))
                               : json_object_get(at, argv[i]);
    if (at != NULL)
        print(at);
    status = at == NULL;
done:
    json_decref(all);
    yaml_tree_free(tree);
    free(data);
    return status;
}
