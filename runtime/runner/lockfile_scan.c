/* The text that lockfile_text() writes, read back in one pass: lockfile_scan().
 * Whatever is not exactly of that form, to the blank, is left to
 * lockfile_parse(), which reads any YAML and says what is wrong with it.
 */
#include "plan/yaml_scalar.h"
#include "runner/lockfile_parts.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { FLOW_DEPTH = 64 };

struct scanner {
    const char *at, *end;
    bool strange; /* not of the form */
    bool quoted;  /* the last scalar */
    struct text scalar;
    struct error *err; /* of memory */
};

static bool strange(struct scanner *scanner)
{
    scanner->strange = true;
    return false;
}

static bool take(struct scanner *scanner, const char *bytes)
{
    size_t size = strlen(bytes);
    if ((size_t)(scanner->end - scanner->at) < size || memcmp(scanner->at, bytes, size) != 0)
        return false;
    scanner->at += size;
    return true;
}

static bool must_take(struct scanner *scanner, const char *bytes)
{
    return take(scanner, bytes) || strange(scanner);
}

/* ---- scalars ---- */

static bool single_quoted(struct scanner *scanner)
{
    for (scanner->at++; scanner->at < scanner->end; scanner->at++) {
        if (*scanner->at < ' ' || *scanner->at > '~')
            return strange(scanner);
        if (*scanner->at == '\'') {
            scanner->at++;
            if (scanner->at == scanner->end || *scanner->at != '\'')
                return true;
        }
        text_append(&scanner->scalar, scanner->at, 1);
    }
    return strange(scanner);
}

static void add_point(struct text *text, uint32_t point)
{
    char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(first[size] | point);
    text_append(text, bytes, size);
}

static bool escape(struct scanner *scanner)
{
    size_t digits;
    uint32_t point = 0;
    switch (scanner->at < scanner->end ? *scanner->at : '\0') {
    case '"':
    case '\\': text_append(&scanner->scalar, scanner->at++, 1); return true;
    case 'n': text_add(&scanner->scalar, "\n"); break;
    case 't': text_add(&scanner->scalar, "\t"); break;
    case 'u':
    case 'U':
        digits = *scanner->at == 'u' ? 4 : 8;
        for (size_t i = 0; i < digits; i++) {
            const char *hex = "0123456789abcdef", *digit = NULL;
            if (++scanner->at < scanner->end && *scanner->at != '\0')
                digit = strchr(hex, *scanner->at);
            if (digit == NULL)
                return strange(scanner);
            point = point << 4 | (uint32_t)(digit - hex);
        }
        if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return strange(scanner);
        add_point(&scanner->scalar, point);
        break;
    default: return strange(scanner);
    }
    scanner->at++;
    return true;
}

static bool double_quoted(struct scanner *scanner)
{
    for (scanner->at++; scanner->at < scanner->end && *scanner->at != '"';) {
        if (*scanner->at != '\\') {
            size_t hidden, left = (size_t)(scanner->end - scanner->at);
            size_t length = utf8_printable(scanner->at, left, &hidden);
            if (length == 0 || *scanner->at == '\t')
                return strange(scanner);
            text_append(&scanner->scalar, scanner->at, length);
            scanner->at += length;
            continue;
        }
        scanner->at++;
        if (!escape(scanner))
            return false;
    }
    return must_take(scanner, "\"");
}

/* The next scalar, into scanner->scalar. */
static bool scalar(struct scanner *scanner)
{
    text_clear(&scanner->scalar);
    scanner->quoted = scanner->at < scanner->end && strchr("'\"", *scanner->at) != NULL;
    if (scanner->quoted && *scanner->at == '\'')
        return single_quoted(scanner);
    if (scanner->quoted)
        return double_quoted(scanner);
    const char *start = scanner->at;
    while (scanner->at < scanner->end && strchr(":,[]{}\n", *scanner->at) == NULL &&
           *scanner->at != '\0')
        scanner->at++;
    text_append(&scanner->scalar, start, (size_t)(scanner->at - start));
    return (scanner->at > start && lockfile_is_plain(text_string(&scanner->scalar))) ||
           strange(scanner);
}

/* A scalar as a text. */
static bool words(struct scanner *scanner)
{
    if (!scalar(scanner))
        return false;
    const char *text = text_string(&scanner->scalar);
    return scanner->quoted || !yaml_scalar_is_special(text) || strange(scanner);
}

static bool line_end(struct scanner *scanner)
{
    return must_take(scanner, "\n");
}

static bool digest(struct scanner *scanner, struct digest *into)
{
    return scalar(scanner) &&
           (digest_from_hex(text_string(&scanner->scalar), into) || strange(scanner));
}

/* A key on a line of its own depth, up to its colon; false where the next line is of a lesser. */
static bool key(struct scanner *scanner, size_t depth)
{
    size_t blanks = 0, left = (size_t)(scanner->end - scanner->at);
    while (blanks < left && scanner->at[blanks] == ' ')
        blanks++;
    if (scanner->strange || left == blanks || blanks != 2 * depth)
        return false;
    scanner->at += blanks;
    return words(scanner) && (scanner->scalar.size > 0 || strange(scanner)) &&
           must_take(scanner, ":");
}

static char *copy(struct scanner *scanner)
{
    char *text = memory_copy_text(text_string(&scanner->scalar), scanner->err);
    if (text == NULL)
        strange(scanner);
    return text;
}

/* `name: ` at a depth, which must be there. */
static bool member(struct scanner *scanner, size_t depth, const char *name)
{
    for (size_t i = 0; i < depth; i++)
        if (!must_take(scanner, "  "))
            return false;
    return must_take(scanner, name) && must_take(scanner, ":");
}

static bool maybe_member(struct scanner *scanner, size_t depth, const char *name)
{
    const char *start = scanner->at;
    if (scanner->strange)
        return false;
    if (member(scanner, depth, name))
        return true;
    scanner->at = start;
    scanner->strange = false;
    return false;
}

/* ---- JSON ---- */

static json_t *flow(struct scanner *scanner, size_t depth);

static json_t *plain_value(struct scanner *scanner)
{
    struct error ignored;
    struct yaml_node node = {.text = text_string(&scanner->scalar)};
    if (scanner->quoted)
        return json_string(node.text);
    if (yaml_scalar_resolve(&node, &ignored) < 0)
        return NULL;
    return yaml_to_json(&node, &ignored);
}

static json_t *flow_list(struct scanner *scanner, size_t depth)
{
    json_t *list = json_array();
    while (!take(scanner, "]")) {
        if (json_array_size(list) > 0 && !must_take(scanner, ", "))
            break;
        if (json_array_append_new(list, flow(scanner, depth + 1)) < 0) {
            strange(scanner);
            break;
        }
    }
    return list;
}

static json_t *flow_map(struct scanner *scanner, size_t depth)
{
    json_t *map = json_object();
    while (!take(scanner, "}")) {
        if ((json_object_size(map) > 0 && !must_take(scanner, ", ")) || !words(scanner) ||
            scanner->scalar.size == 0 || !must_take(scanner, ": "))
            break;
        char *name = copy(scanner);
        json_t *value = name == NULL ? NULL : flow(scanner, depth + 1);
        bool twice = name != NULL && json_object_get(map, name) != NULL;
        if (twice || json_object_set_new(map, name, value) < 0) {
            if (twice)
                json_decref(value);
            free(name);
            strange(scanner);
            break;
        }
        free(name);
    }
    return map;
}

/* NULL, or a broken value with scanner->strange, where it is none. */
static json_t *flow(struct scanner *scanner, size_t depth)
{
    json_t *value = NULL;
    if (depth > FLOW_DEPTH)
        strange(scanner);
    else if (take(scanner, "["))
        value = flow_list(scanner, depth);
    else if (take(scanner, "{"))
        value = flow_map(scanner, depth);
    else if (scalar(scanner))
        value = plain_value(scanner);
    if (value == NULL)
        strange(scanner);
    return value;
}

/* What stands behind `name:`, whose lines below have `depth`. */
static json_t *block(struct scanner *scanner, size_t depth)
{
    if (depth > FLOW_DEPTH) {
        strange(scanner);
        return NULL;
    }
    if (!take(scanner, "\n")) {
        json_t *value = must_take(scanner, " ") ? flow(scanner, depth) : NULL;
        line_end(scanner);
        return value;
    }
    json_t *map = json_object();
    while (map != NULL && key(scanner, depth)) {
        char *name = copy(scanner);
        json_t *value = name == NULL ? NULL : block(scanner, depth + 1);
        bool twice = name != NULL && json_object_get(map, name) != NULL;
        if (twice)
            json_decref(value);
        if (twice || name == NULL || json_object_set_new(map, name, value) < 0)
            strange(scanner);
        free(name);
    }
    if (json_object_size(map) == 0)
        strange(scanner);
    return map;
}

/* ---- a stage ---- */

enum { STAGE_DEPTH = 3, MEMBER_DEPTH = 4, ENTRY_DEPTH = 5 };

static bool is_empty(struct scanner *scanner)
{
    return take(scanner, " {}\n");
}

static void names(struct scanner *scanner, struct lock_names *list)
{
    if (is_empty(scanner) || !line_end(scanner))
        return;
    while (key(scanner, ENTRY_DEPTH)) {
        struct digest value;
        char *name = copy(scanner);
        bool absent = take(scanner, " null");
        if (name != NULL && (absent || (must_take(scanner, " ") && digest(scanner, &value))) &&
            (lock_find_name(list, name) != NULL ||
             lock_add_name(list, name, absent ? NULL : &value, scanner->err) < 0))
            strange(scanner);
        free(name);
        if (!line_end(scanner))
            return;
    }
}

static bool size_of(struct scanner *scanner, int64_t *size)
{
    long long value;
    if (!scalar(scanner) || scanner->quoted ||
        !text_to_int64(text_string(&scanner->scalar), &value) || value < 0)
        return strange(scanner);
    *size = value;
    return true;
}

static void items(struct scanner *scanner, const char *path_key, struct lock_items *list)
{
    if (is_empty(scanner) || !line_end(scanner))
        return;
    while (key(scanner, ENTRY_DEPTH)) {
        struct content content = {.kind = CONTENT_FILE};
        char *name = copy(scanner), *path = NULL;
        if (line_end(scanner) && member(scanner, ENTRY_DEPTH + 1, path_key) &&
            must_take(scanner, " ") && words(scanner) && (path = copy(scanner)) != NULL &&
            line_end(scanner) && member(scanner, ENTRY_DEPTH + 1, "digest") &&
            must_take(scanner, " ") && digest(scanner, &content.digest) && line_end(scanner) &&
            member(scanner, ENTRY_DEPTH + 1, "size") && must_take(scanner, " ") &&
            size_of(scanner, &content.size) && line_end(scanner)) {
            if (maybe_member(scanner, ENTRY_DEPTH + 1, "folder"))
                content.kind = CONTENT_FOLDER;
            else if (maybe_member(scanner, ENTRY_DEPTH + 1, "executable"))
                content.kind = CONTENT_EXECUTABLE;
            if (content.kind != CONTENT_FILE)
                must_take(scanner, " true\n");
            if (name == NULL || lock_find_item(list, name) != NULL ||
                lock_add_item(list, name, path, &content, scanner->err) < 0)
                strange(scanner);
        }
        free(name);
        free(path);
        if (scanner->strange)
            return;
    }
}

static void fingerprint(struct scanner *scanner, struct lock_stage *stage)
{
    struct text lines = {0};
    must_take(scanner, " [");
    while (!scanner->strange && !take(scanner, "]")) {
        if ((lines.size > 0 && !must_take(scanner, ", ")) || !words(scanner))
            break;
        if (scanner->scalar.size == 0 || strchr(scanner->scalar.data, '\n') != NULL)
            strange(scanner);
        text_add(&lines, text_string(&scanner->scalar));
        text_add(&lines, "\n");
    }
    line_end(scanner);
    if (!scanner->strange && text_check(&lines, scanner->err) == 0)
        stage->fingerprint = memory_copy_text(text_string(&lines), scanner->err);
    text_release(&lines);
    if (stage->fingerprint == NULL)
        strange(scanner);
}

static void published(struct scanner *scanner, struct lock_names *list)
{
    static const char dash[] = "          - ";
    if (!line_end(scanner))
        return;
    while (take(scanner, dash)) {
        struct digest value;
        char *name = NULL;
        struct error why = {0};
        if (!words(scanner) ||
            lockfile_read_published(text_string(&scanner->scalar), &value, &name, &why) < 0 ||
            lock_add_name(list, name, &value, scanner->err) < 0)
            strange(scanner);
        if (why.kind == ERR_MEMORY)
            *scanner->err = why;
        free(name);
        if (!line_end(scanner))
            return;
    }
    if (list->count == 0)
        strange(scanner);
}

/* What comes in a fixed order after the name. */
static void members(struct scanner *scanner, struct lock_stage *stage)
{
    if (!member(scanner, MEMBER_DEPTH, "key") || !must_take(scanner, " ") ||
        !digest(scanner, &stage->key) || !line_end(scanner) ||
        !member(scanner, MEMBER_DEPTH, "cmd") || !must_take(scanner, " ["))
        return;
    stage->cmd = flow_list(scanner, 0);
    line_end(scanner);
    stage->old = !maybe_member(scanner, MEMBER_DEPTH, "files");
    if (!stage->old)
        names(scanner, &stage->files);
    if (member(scanner, MEMBER_DEPTH, "deps"))
        items(scanner, "from", &stage->deps);
    if (!scanner->strange && maybe_member(scanner, MEMBER_DEPTH, "lineage")) {
        stage->has_lineage = true;
        if (must_take(scanner, " ") && digest(scanner, &stage->lineage))
            line_end(scanner);
    }
    if (!scanner->strange && member(scanner, MEMBER_DEPTH, "params"))
        stage->params = block(scanner, MEMBER_DEPTH + 1);
    if (!scanner->strange && !stage->old && member(scanner, MEMBER_DEPTH, "env"))
        names(scanner, &stage->env);
    if (!scanner->strange && maybe_member(scanner, MEMBER_DEPTH, "fingerprint"))
        fingerprint(scanner, stage);
    if (!scanner->strange && member(scanner, MEMBER_DEPTH, "outs"))
        items(scanner, "path", &stage->outs);
    if (!scanner->strange && maybe_member(scanner, MEMBER_DEPTH, "published"))
        published(scanner, &stage->published);
    if (!scanner->strange && maybe_member(scanner, MEMBER_DEPTH, "adopted") &&
        must_take(scanner, " ") && words(scanner)) {
        stage->adopted = copy(scanner);
        line_end(scanner);
    }
}

static bool are_texts(const json_t *cmd)
{
    for (size_t i = 0; i < json_array_size(cmd); i++)
        if (!json_is_string(json_array_get(cmd, i)))
            return false;
    return true;
}

static void stages(struct scanner *scanner, struct lock_section *section)
{
    struct digest none = {{0}};
    if (is_empty(scanner) || !line_end(scanner))
        return;
    while (key(scanner, STAGE_DEPTH)) {
        struct lock_stage *stage =
            lock_stage_new(text_string(&scanner->scalar), NULL, NULL, &none, scanner->err);
        if (stage != NULL && line_end(scanner))
            members(scanner, stage);
        if (stage == NULL || stage->cmd == NULL || !are_texts(stage->cmd) ||
            !json_is_object(stage->params) || scanner->strange ||
            lock_find_stage(section, stage->name) != NULL) {
            lock_stage_free(stage);
            strange(scanner);
        } else if (lock_put(section, stage, scanner->err) < 0)
            strange(scanner);
    }
    if (section->count == 0)
        strange(scanner);
}

static void sections(struct scanner *scanner, struct lock *lock)
{
    if (is_empty(scanner) || !line_end(scanner))
        return;
    while (key(scanner, 1)) {
        const char *name = text_string(&scanner->scalar);
        if (strcmp(name, LOCKFILE_NO_PROFILE) == 0)
            name = "";
        struct lock_section *section =
            lock_find_section(lock, name) != NULL ? NULL : lock_section(lock, name, scanner->err);
        json_t *sets = NULL;
        if (section != NULL && line_end(scanner) && member(scanner, 2, "sets"))
            sets = block(scanner, 3);
        if (!json_is_object(sets) || lock_set_sets(section, sets, scanner->err) < 0)
            strange(scanner);
        json_decref(sets);
        if (!scanner->strange && member(scanner, 2, "stages"))
            stages(scanner, section);
    }
}

int lockfile_scan(const char *data, size_t size, struct lock **scanned, struct error *err)
{
    struct scanner scanner = {.at = data, .end = data + size, .err = err};
    *scanned = NULL;
    *err = (struct error){0};
    struct lock *lock = lock_new(err);
    if (lock == NULL)
        return -1;
    if (must_take(&scanner, LOCKFILE_HEADER) && must_take(&scanner, "schema: '2'\nprofiles:"))
        sections(&scanner, lock);
    if (!scanner.strange && must_take(&scanner, "complete: true\n") && scanner.at == scanner.end)
        *scanned = lock;
    else
        lock_free(lock);
    bool failed = scanner.scalar.failed;
    text_release(&scanner.scalar);
    if (failed)
        error_set(err, ERR_MEMORY, "out of memory for a lock");
    if (err->kind == ERR_NONE)
        return 0;
    lock_free(*scanned);
    *scanned = NULL;
    return -1;
}
