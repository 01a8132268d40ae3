/* pipeline.lock back into a struct lock: lockfile_read(), and the way by a tree
 * of YAML. */
#include "plan/suggest.h"
#include "plan/yaml_tree.h"
#include "runner/lockfile_parts.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of 100,000 stages with a dozen params each. */
enum { LOCK_LIMIT = 1 << 29 };

/* ---- members ---- */

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

static int to_digest(const struct yaml_node *node, const char *key, struct digest *digest,
                     struct error *err)
{
    if (!yaml_is_scalar(node) || !digest_from_hex(node->text, digest))
        return yaml_error(err, node->place, "'%s' must be a SHA-256 digest of 64 digits", key);
    return 0;
}

static int read_digest(const struct yaml_node *map, const char *key, struct digest *digest,
                       struct error *err)
{
    const struct yaml_node *node = yaml_get(map, key);
    return node == NULL ? yaml_error(err, map->place, "'%s' is missing", key)
                        : to_digest(node, key, digest, err);
}

/* `key: true`, which may be absent. */
static int read_flag(const struct yaml_node *map, const char *key, bool *flag, struct error *err)
{
    const struct yaml_node *node = NULL;
    if (yaml_get(map, key) != NULL && (node = member(map, key, YAML_KIND_BOOL, err)) == NULL)
        return -1;
    *flag = node != NULL && node->boolean;
    return 0;
}

/* ---- deps and outs ---- */

static int read_item(struct lock_items *items, const struct yaml_pair *pair, const char *path_key,
                     struct error *err)
{
    const char *const keys[] = {path_key, "digest", "size", "folder", "executable", NULL};
    const struct yaml_node *item = pair->value, *path, *size;
    struct content content = {.kind = CONTENT_FILE};
    bool folder, executable;
    if (check_keys(item, "a dep or out", keys, err) < 0 ||
        (path = member(item, path_key, YAML_KIND_TEXT, err)) == NULL ||
        read_digest(item, "digest", &content.digest, err) < 0 ||
        (size = member(item, "size", YAML_KIND_INTEGER, err)) == NULL ||
        read_flag(item, "folder", &folder, err) < 0 ||
        read_flag(item, "executable", &executable, err) < 0)
        return -1;
    if (size->integer < 0)
        return yaml_error(err, size->place, "'size' is negative");
    if (folder && executable)
        return yaml_error(err, item->place, "it is 'folder' and 'executable'");
    content.size = size->integer;
    content.kind = folder ? CONTENT_FOLDER : executable ? CONTENT_EXECUTABLE : CONTENT_FILE;
    return lock_add_item(items, pair->key->text, path->text, &content, err);
}

static int read_items(struct lock_items *items, const struct yaml_node *body, const char *key,
                      const char *path_key, struct error *err)
{
    const struct yaml_node *map = member(body, key, YAML_KIND_MAP, err);
    for (size_t i = 0; map != NULL && i < map->count; i++)
        if (read_item(items, &map->pairs[i], path_key, err) < 0)
            return -1;
    return map == NULL ? -1 : 0;
}

/* ---- names with digests ---- */

static int read_names(struct lock_names *names, const struct yaml_node *body, const char *key,
                      struct error *err)
{
    const struct yaml_node *map = member(body, key, YAML_KIND_MAP, err);
    for (size_t i = 0; map != NULL && i < map->count; i++) {
        struct digest digest;
        const struct yaml_node *value = map->pairs[i].value;
        bool absent = value->kind == YAML_KIND_NULL;
        if ((!absent && to_digest(value, map->pairs[i].key->text, &digest, err) < 0) ||
            lock_add_name(names, map->pairs[i].key->text, absent ? NULL : &digest, err) < 0)
            return -1;
    }
    return map == NULL ? -1 : 0;
}

int lockfile_read_published(const char *text, struct digest *digest, char **name, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    snprintf(hex, sizeof(hex), "%.64s", text);
    if (strlen(text) <= DIGEST_HEX_SIZE || text[DIGEST_HEX_SIZE - 1] != ' ' ||
        !digest_from_hex(hex, digest))
        return error_set(err, ERR_FORMAT, "no digest and name: '%s'", text);
    char *copy = memory_copy_text(text + DIGEST_HEX_SIZE, err), *to = copy;
    if (copy == NULL)
        return -1;
    for (const char *from = copy; *from != '\0'; to++) {
        static const char digits[] = "0123456789abcdef";
        const char *high, *low;
        if (*from != '\\') {
            *to = *from++;
            continue;
        }
        if (from[1] != 'x' || from[2] == '\0' || from[3] == '\0' ||
            (high = strchr(digits, from[2])) == NULL || (low = strchr(digits, from[3])) == NULL ||
            (high == digits && low == digits)) {
            free(copy);
            return error_set(err, ERR_FORMAT, "no \\xNN in '%s'", text);
        }
        *to = (char)((high - digits) << 4 | (low - digits));
        from += 4;
    }
    *to = '\0';
    *name = copy;
    return 0;
}

static int read_published(struct lock_stage *stage, const struct yaml_node *body, struct error *err)
{
    const struct yaml_node *list;
    if (yaml_get(body, "published") == NULL)
        return 0;
    if ((list = member(body, "published", YAML_KIND_LIST, err)) == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        struct digest digest;
        char *name;
        const struct yaml_node *item = list->items[i];
        if (item->kind != YAML_KIND_TEXT)
            return yaml_error(err, item->place, "what was published is a digest and a name");
        if (lockfile_read_published(item->text, &digest, &name, err) < 0)
            return err->kind == ERR_MEMORY
                       ? -1
                       : yaml_error(err, item->place,
                                    "what was published is a SHA-256 digest, a blank and a name");
        int result = lock_add_name(&stage->published, name, &digest, err);
        free(name);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- a stage ---- */

static json_t *read_texts(const struct yaml_node *list, const char *what, struct error *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != YAML_KIND_TEXT) {
            yaml_error(err, list->items[i]->place, "%s must be text", what);
            return NULL;
        }
    return yaml_to_json(list, err);
}

static int read_fingerprint(struct lock_stage *stage, const struct yaml_node *body,
                            struct error *err)
{
    const struct yaml_node *list;
    struct text lines = {0};
    if (yaml_get(body, "fingerprint") == NULL)
        return 0;
    if ((list = member(body, "fingerprint", YAML_KIND_LIST, err)) == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *line = list->items[i];
        if (line->kind != YAML_KIND_TEXT || line->text[0] == '\0' ||
            strchr(line->text, '\n') != NULL) {
            text_release(&lines);
            return yaml_error(err, line->place, "a line of 'fingerprint' must be text");
        }
        text_addf(&lines, "%s\n", line->text);
    }
    if (text_check(&lines, err) == 0)
        stage->fingerprint = memory_copy_text(text_string(&lines), err);
    text_release(&lines);
    return stage->fingerprint == NULL ? -1 : 0;
}

/* What schema 1 does not have. */
static int read_rest(struct lock_stage *stage, const struct yaml_node *body, struct error *err)
{
    const struct yaml_node *adopted;
    stage->old = yaml_get(body, "files") == NULL;
    if (!stage->old && (read_names(&stage->files, body, "files", err) < 0 ||
                        read_names(&stage->env, body, "env", err) < 0))
        return -1;
    stage->has_lineage = yaml_get(body, "lineage") != NULL;
    if (stage->has_lineage && read_digest(body, "lineage", &stage->lineage, err) < 0)
        return -1;
    if (read_fingerprint(stage, body, err) < 0 || read_published(stage, body, err) < 0)
        return -1;
    if (yaml_get(body, "adopted") == NULL)
        return 0;
    if ((adopted = member(body, "adopted", YAML_KIND_TEXT, err)) == NULL)
        return -1;
    return (stage->adopted = memory_copy_text(adopted->text, err)) == NULL ? -1 : 0;
}

static int read_stage(struct lock_section *section, const struct yaml_pair *pair, bool old,
                      struct error *err)
{
    static const char *const old_keys[] = {"cmd", "key", "deps", "params", "outs", NULL};
    static const char *const keys[] = {"key",     "cmd",       "files",   "deps",
                                       "lineage", "params",    "env",     "fingerprint",
                                       "outs",    "published", "adopted", NULL};
    const struct yaml_node *body = pair->value, *cmd, *params;
    struct digest key;
    if (check_keys(body, "a stage", old ? old_keys : keys, err) < 0 ||
        (cmd = member(body, "cmd", YAML_KIND_LIST, err)) == NULL ||
        read_digest(body, "key", &key, err) < 0 ||
        (params = member(body, "params", YAML_KIND_MAP, err)) == NULL)
        return -1;
    json_t *words = read_texts(cmd, "a word of 'cmd'", err);
    json_t *json = words == NULL ? NULL : yaml_to_json(params, err);
    struct lock_stage *stage = NULL;
    if (json != NULL)
        stage = lock_stage_new(pair->key->text, words, json, &key, err);
    json_decref(json);
    json_decref(words);
    if (stage == NULL)
        return -1;
    if (read_items(&stage->deps, body, "deps", "from", err) < 0 ||
        read_items(&stage->outs, body, "outs", "path", err) < 0 ||
        read_rest(stage, body, err) < 0) {
        lock_stage_free(stage);
        return -1;
    }
    return lock_put(section, stage, err);
}

/* ---- all ---- */

/* `sets` and `stages` of a map. */
static int read_section(struct lock *lock, const char *profile, const struct yaml_node *body,
                        bool old, struct error *err)
{
    const struct yaml_node *sets, *stages;
    struct lock_section *section;
    if ((sets = member(body, "sets", YAML_KIND_MAP, err)) == NULL ||
        (stages = member(body, "stages", YAML_KIND_MAP, err)) == NULL ||
        (section = lock_section(lock, profile, err)) == NULL)
        return -1;
    json_t *json = yaml_to_json(sets, err);
    int status = json == NULL ? -1 : lock_set_sets(section, json, err);
    json_decref(json);
    for (size_t i = 0; status == 0 && i < stages->count; i++)
        status = read_stage(section, &stages->pairs[i], old, err);
    return status;
}

static int read_old(struct lock *lock, const struct yaml_node *root, struct error *err)
{
    static const char *const keys[] = {"schema", "profile", "sets", "stages", NULL};
    const struct yaml_node *profile;
    if (check_keys(root, "the lock", keys, err) < 0 ||
        (profile = member(root, "profile", YAML_KIND_TEXT, err)) == NULL)
        return -1;
    return read_section(lock, profile->text, root, true, err);
}

static int read_new(struct lock *lock, const struct yaml_node *root, struct error *err)
{
    static const char *const keys[] = {"schema", "profiles", "complete", NULL};
    static const char *const section_keys[] = {"sets", "stages", NULL};
    const struct yaml_node *profiles;
    bool complete;
    if (check_keys(root, "the lock", keys, err) < 0 ||
        (profiles = member(root, "profiles", YAML_KIND_MAP, err)) == NULL ||
        read_flag(root, "complete", &complete, err) < 0)
        return -1;
    if (!complete)
        return yaml_error(err, root->place,
                          "the lock was cut off: its last line 'complete: true' is missing");
    for (size_t i = 0; i < profiles->count; i++) {
        const struct yaml_pair *pair = &profiles->pairs[i];
        const char *name = pair->key->text;
        if (check_keys(pair->value, "a profile", section_keys, err) < 0 ||
            read_section(lock, strcmp(name, LOCKFILE_NO_PROFILE) == 0 ? "" : name, pair->value,
                         false, err) < 0)
            return -1;
    }
    return 0;
}

static int read_lock(struct lock *lock, const struct yaml_node *root, struct error *err)
{
    const struct yaml_node *schema;
    if (root->kind != YAML_KIND_MAP || yaml_get(root, "schema") == NULL)
        return yaml_error(err, root->place, "it is no lock: 'schema' is missing");
    if ((schema = member(root, "schema", YAML_KIND_TEXT, err)) == NULL)
        return -1;
    if (strcmp(schema->text, "1") == 0)
        return read_old(lock, root, err);
    if (strcmp(schema->text, "2") == 0)
        return read_new(lock, root, err);
    return yaml_error(err, schema->place,
                      "schema '%s' is of a newer reprise, this one knows '1' and '2': update it",
                      schema->text);
}

int lockfile_parse(const char *path, const char *data, size_t size, struct lock **parsed,
                   struct error *err)
{
    struct yaml_node *root;
    struct lock *lock = lock_new(err);
    struct yaml_tree *tree = lock == NULL ? NULL : yaml_tree_new(err);
    int status = -1;
    if (tree != NULL && yaml_tree_parse(tree, path, false, data, size, &root, err) == 0)
        status = read_lock(lock, root, err);
    if (status == 0)
        *parsed = lock;
    else
        lock_free(lock);
    yaml_tree_free(tree);
    return status;
}

/* git's marks begin a line. */
static int find_conflict(const char *path, const char *data, struct error *err)
{
    static const char *const marks[] = {"<<<<<<<", "|||||||", "=======", ">>>>>>>"};
    int number = 1;
    for (const char *line = data; line != NULL; number++) {
        for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
            if (strncmp(line, marks[i], 7) == 0)
                return error_set(err, ERR_USAGE, "%s:%d:1: '%s' of a merge that is not resolved",
                                 path, number, marks[i]);
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return 0;
}

/* A lock of the new schema that lacks its last line, whatever else is wrong with it. */
static int find_end(const char *path, const char *data, struct error *err)
{
    int number = 1;
    if (strstr(data, "schema: '2'\n") == NULL || strstr(data, "\ncomplete:") != NULL)
        return 0;
    for (const char *at = data; (at = strchr(at, '\n')) != NULL; at++)
        number++;
    return error_set(err, ERR_USAGE,
                     "%s:%d:1: the lock was cut off: its last line 'complete: true' is missing",
                     path, number);
}

/* A message has room for all of it: the place may be a long path. */
static int way_out(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    struct error why = *err;
    if (strstr(why.message, "of a newer reprise") != NULL)
        return error_set(err, ERR_USAGE, "%.700s, or move it away: it is not overwritten",
                         why.message);
    /* Of a path that is not merged, git gives nothing without being told which side. */
    bool merge = strstr(why.message, "of a merge that is not resolved") != NULL;
    return error_set(err, ERR_USAGE,
                     "%.700s; %s (git checkout %s%.80s), or move it away: it is not overwritten",
                     why.message, merge ? "take one side" : "take it from git again",
                     merge ? "--ours " : "", name);
}

static int read_text(const char *path, const char *data, size_t size, struct lock **lock,
                     struct error *err)
{
    if (lockfile_scan(data, size, lock, err) < 0)
        return -1;
    if (*lock != NULL)
        return 0;
    if (find_conflict(path, data, err) < 0 || find_end(path, data, err) < 0)
        return -1;
    return lockfile_parse(path, data, size, lock, err);
}

int lockfile_read(const char *path, struct lock **lock, struct digest *digest, struct error *err)
{
    char *data;
    size_t size;
    struct stat st;
    *lock = NULL;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, "cannot read '%s'", path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        error_set(err, ERR_USAGE, "%s: is a folder", path);
        return way_out(path, err);
    }
    if (file_read(path, LOCK_LIMIT, &data, &size, err) < 0)
        return err->kind == ERR_FORMAT ? way_out(path, err) : -1;
    int status = digest == NULL ? 0 : digest_of_bytes(data, size, digest, err);
    if (status == 0 && (status = read_text(path, data, size, lock, err)) < 0 &&
        err->kind != ERR_MEMORY)
        way_out(path, err);
    free(data);
    return status;
}

bool lockfile_is_ours(const char *path)
{
    char begin[sizeof(LOCKFILE_HEADER)] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool ours = fd >= 0 && read(fd, begin, sizeof(begin) - 1) == sizeof(begin) - 1 &&
                strcmp(begin, LOCKFILE_HEADER) == 0;
    if (fd >= 0)
        close(fd);
    return ours;
}
