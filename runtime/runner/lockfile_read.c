/* pipeline.lock back into a struct lock: lockfile_read(). */
#include "plan/suggest.h"
#include "plan/yaml_tree.h"
#include "runner/lockfile.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { LOCK_LIMIT = YAML_TREE_FILE_LIMIT };

/* All keys of a map must be among `keys`, which end with NULL. */
static int check_keys(const struct yaml_node *map, const char *what, const char *const *keys,
                      struct error *err)
{
    char buffer[SUGGEST_SIZE];
    if (map->kind != YAML_KIND_MAP)
        return yaml_error(err, map->place, "%s must be a map, not %s", what,
                          yaml_describe(map, buffer, sizeof(buffer)));
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->pairs[i].key->text;
        size_t j = 0;
        while (keys[j] != NULL && strcmp(keys[j], key) != 0)
            j++;
        if (keys[j] == NULL)
            return yaml_error(err, map->pairs[i].key->place, "unknown key '%s' of %s", key, what);
    }
    return 0;
}

/* The value of a key that must be there and of a kind; NULL with an error. */
static const struct yaml_node *member(const struct yaml_node *map, const char *key,
                                      enum yaml_kind kind, struct error *err)
{
    static const char *const kinds[] = {"null", "true or false", "a number", "a number",
                                        "text", "a list",        "a map"};
    char buffer[64];
    const struct yaml_node *node = yaml_get(map, key);
    if (node != NULL && node->kind == kind)
        return node;
    if (node == NULL)
        yaml_error(err, map->place, "'%s' is missing", key);
    else
        yaml_error(err, node->place, "'%s' must be %s, not %s", key, kinds[kind],
                   yaml_describe(node, buffer, sizeof(buffer)));
    return NULL;
}

static int read_digest(const struct yaml_node *map, const char *key, struct digest *digest,
                       struct error *err)
{
    const struct yaml_node *node = yaml_get(map, key);
    if (node == NULL)
        return yaml_error(err, map->place, "'%s' is missing", key);
    if (!yaml_is_scalar(node) || !digest_from_hex(node->text, digest))
        return yaml_error(err, node->place, "'%s' must be a SHA-256 digest of 64 digits", key);
    return 0;
}

typedef int add_item_fn(struct lock_stage *stage, const char *name, const char *path,
                        const struct digest *digest, int64_t size, bool folder, struct error *err);

static int read_item(struct lock_stage *stage, const struct yaml_pair *pair, const char *path_key,
                     add_item_fn *add, struct error *err)
{
    const char *const keys[] = {path_key, "digest", "size", "folder", NULL};
    const struct yaml_node *item = pair->value, *path, *size, *folder = NULL;
    struct digest digest;
    if (check_keys(item, "a dep or out", keys, err) < 0 ||
        (path = member(item, path_key, YAML_KIND_TEXT, err)) == NULL ||
        read_digest(item, "digest", &digest, err) < 0 ||
        (size = member(item, "size", YAML_KIND_INTEGER, err)) == NULL)
        return -1;
    if (size->integer < 0)
        return yaml_error(err, size->place, "'size' is negative");
    if (yaml_get(item, "folder") != NULL &&
        (folder = member(item, "folder", YAML_KIND_BOOL, err)) == NULL)
        return -1;
    return add(stage, pair->key->text, path->text, &digest, size->integer,
               folder != NULL && folder->boolean, err);
}

static int read_items(struct lock_stage *stage, const struct yaml_node *map, const char *path_key,
                      add_item_fn *add, struct error *err)
{
    for (size_t i = 0; i < map->count; i++)
        if (read_item(stage, &map->pairs[i], path_key, add, err) < 0)
            return -1;
    return 0;
}

/* The words of `cmd` as an array that ends with NULL; the texts stay the tree's. */
static char **read_words(const struct yaml_node *cmd, struct error *err)
{
    char **words = memory_new(cmd->count + 1, sizeof(*words), err);
    for (size_t i = 0; words != NULL && i < cmd->count; i++) {
        if (cmd->items[i]->kind != YAML_KIND_TEXT) {
            yaml_error(err, cmd->items[i]->place, "a word of 'cmd' must be text");
            free(words);
            return NULL;
        }
        words[i] = (char *)cmd->items[i]->text;
    }
    return words;
}

static int read_stage(struct lock *lock, const struct yaml_pair *pair, struct error *err)
{
    static const char *const keys[] = {"cmd", "key", "deps", "params", "outs", NULL};
    const struct yaml_node *body = pair->value, *cmd, *deps, *params, *outs;
    struct digest key;
    if (check_keys(body, "a stage", keys, err) < 0 ||
        (cmd = member(body, "cmd", YAML_KIND_LIST, err)) == NULL ||
        read_digest(body, "key", &key, err) < 0 ||
        (deps = member(body, "deps", YAML_KIND_MAP, err)) == NULL ||
        (params = member(body, "params", YAML_KIND_MAP, err)) == NULL ||
        (outs = member(body, "outs", YAML_KIND_MAP, err)) == NULL)
        return -1;
    char **words = read_words(cmd, err);
    json_t *json = words == NULL ? NULL : yaml_to_json(params, err);
    struct lock_stage *stage = NULL;
    if (json != NULL)
        stage = lock_add_stage(lock, pair->key->text, words, json, &key, err);
    json_decref(json);
    free(words);
    if (stage == NULL || read_items(stage, deps, "from", lock_add_dep, err) < 0)
        return -1;
    return read_items(stage, outs, "path", lock_add_out, err);
}

static int read_lock(const struct yaml_node *root, struct lock **lock, struct error *err)
{
    static const char *const keys[] = {"schema", "profile", "sets", "stages", NULL};
    const struct yaml_node *schema, *profile, *sets, *stages;
    if (check_keys(root, "the lock", keys, err) < 0 ||
        (schema = member(root, "schema", YAML_KIND_TEXT, err)) == NULL)
        return -1;
    if (strcmp(schema->text, "1") != 0)
        return yaml_error(err, schema->place, "schema '%s' is not known; this version writes '1'",
                          schema->text);
    if ((profile = member(root, "profile", YAML_KIND_TEXT, err)) == NULL ||
        (sets = member(root, "sets", YAML_KIND_MAP, err)) == NULL ||
        (stages = member(root, "stages", YAML_KIND_MAP, err)) == NULL)
        return -1;
    json_t *json = yaml_to_json(sets, err);
    struct lock *made = json == NULL ? NULL : lock_new(profile->text, json, err);
    json_decref(json);
    int status = made == NULL ? -1 : 0;
    for (size_t i = 0; status == 0 && i < stages->count; i++)
        status = read_stage(made, &stages->pairs[i], err);
    if (status == 0)
        *lock = made;
    else
        lock_free(made);
    return status;
}

int lockfile_read(const char *path, struct lock **lock, struct error *err)
{
    char *data;
    size_t size;
    struct yaml_node *root;
    if (file_read(path, LOCK_LIMIT, &data, &size, err) < 0)
        return -1;
    struct yaml_tree *tree = yaml_tree_new(err);
    int status = -1;
    if (tree != NULL && yaml_tree_parse(tree, path, false, data, size, &root, err) == 0)
        status = read_lock(root, lock, err);
    if (status < 0 && err->kind == ERR_USAGE)
        err->kind = ERR_FORMAT;
    yaml_tree_free(tree);
    free(data);
    return status;
}
