/* pipeline.lock as text: lockfile_text(). Written by hand and not by libyaml's
 * emitter, which takes seconds for tens of thousands of stages. */
#include "plan/yaml_scalar.h"
#include "runner/lockfile_parts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scalars ---- */

/* Bytes that mean nothing to YAML wherever they stand in a plain scalar. */
static bool is_plain_byte(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("_./@+=()^$;~-", byte) != NULL);
}

bool lockfile_is_plain(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || strchr("=;@", text[0]) != NULL || text[0] == ' ' || text[size - 1] == ' ' ||
        (text[0] == '-' && (text[1] == ' ' || text[1] == '-' || text[1] == '\0')) ||
        strncmp(text, "...", 3) == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_plain_byte((unsigned char)text[i]) && text[i] != ' ')
            return false;
    return true;
}

/* In double quotes, with escapes that YAML and JSON share where JSON has them. */
static void add_escaped(struct text *text, const char *string)
{
    size_t size = strlen(string), hidden = 0;
    uint32_t point = 0;
    text_add(text, "\"");
    for (size_t at = 0; at < size;) {
        size_t length = utf8_read(string + at, size - at, &point);
        if (length == 0) { /* callers give UTF-8 */
            text->failed = true;
            return;
        }
        if (point == '"' || point == '\\')
            text_addf(text, "\\%c", (char)point);
        else if (point == '\n')
            text_add(text, "\\n");
        else if (point == '\t')
            text_add(text, "\\t");
        else if (utf8_printable(string + at, size - at, &hidden) > 0 && point != 0xfffe &&
                 point != 0xffff)
            text_append(text, string + at, length);
        else
            text_addf(text, point > 0xffff ? "\\U%08x" : "\\u%04x", point);
        at += length;
    }
    text_add(text, "\"");
}

static bool is_ascii(const char *string)
{
    for (; *string != '\0'; string++)
        if (*string < ' ' || *string > '~')
            return false;
    return true;
}

static void add_scalar(struct text *text, const char *string)
{
    if (lockfile_is_plain(string) && !yaml_scalar_is_special(string))
        text_add(text, string);
    else if (is_ascii(string)) {
        text_add(text, "'");
        for (const char *quote; (quote = strchr(string, '\'')) != NULL; string = quote + 1) {
            text_append(text, string, (size_t)(quote - string));
            text_add(text, "''");
        }
        text_add(text, string);
        text_add(text, "'");
    } else
        add_escaped(text, string);
}

void lockfile_add_published(struct text *text, const struct lock_named *named)
{
    const char *name = named->name;
    size_t size = strlen(name);
    uint32_t point;
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(&named->digest, hex);
    text_addf(text, "%s ", hex);
    for (size_t at = 0; at < size;) {
        size_t length = utf8_read(name + at, size - at, &point);
        if (length == 0 || name[at] == '\\' || name[at] == '\n') {
            text_addf(text, "\\x%02x", (unsigned char)name[at]);
            length = 1;
        } else
            text_append(text, name + at, length);
        at += length;
    }
}

static void add_hex(struct text *text, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    add_scalar(text, hex);
}

static void indent(struct text *text, size_t depth)
{
    static const char blanks[] = "                                                ";
    for (size_t left = 2 * depth; left > 0;) {
        size_t size = left < sizeof(blanks) - 1 ? left : sizeof(blanks) - 1;
        text_append(text, blanks, size);
        left -= size;
    }
}

/* ---- JSON ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of an object, sorted; NULL where memory is out. free() it. */
static const char **sorted_names(struct text *text, const json_t *object)
{
    struct error ignored;
    size_t count = 0;
    const char *name;
    json_t *member;
    const char **names = memory_new(json_object_size(object), sizeof(*names), &ignored);
    if (names == NULL) {
        text->failed = true;
        return NULL;
    }
    json_object_foreach ((json_t *)object, name, member)
        names[count++] = name;
    if (count > 1)
        qsort(names, count, sizeof(*names), compare_texts);
    return names;
}

static void add_flow(struct text *text, const json_t *value)
{
    struct error ignored;
    char *number;
    const char **names;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        if ((names = sorted_names(text, value)) == NULL)
            return;
        text_add(text, "{");
        for (size_t i = 0; i < json_object_size(value); i++) {
            text_add(text, i > 0 ? ", " : "");
            add_scalar(text, names[i]);
            text_add(text, ": ");
            add_flow(text, json_object_get(value, names[i]));
        }
        text_add(text, "}");
        free(names);
        return;
    case JSON_ARRAY:
        text_add(text, "[");
        for (size_t i = 0; i < json_array_size(value); i++) {
            text_add(text, i > 0 ? ", " : "");
            add_flow(text, json_array_get(value, i));
        }
        text_add(text, "]");
        return;
    case JSON_STRING: add_scalar(text, json_string_value(value)); return;
    case JSON_INTEGER:
    case JSON_REAL:
        if ((number = json_to_text(value, true, &ignored)) == NULL)
            text->failed = true;
        else
            text_add(text, number);
        free(number);
        return;
    case JSON_TRUE: text_add(text, "true"); return;
    case JSON_FALSE: text_add(text, "false"); return;
    case JSON_NULL: text_add(text, "null"); return;
    }
}

/* What stands behind `name:`. */
static void add_block(struct text *text, const json_t *value, size_t depth)
{
    if (!json_is_object(value) || json_object_size(value) == 0) {
        text_add(text, " ");
        add_flow(text, value);
        text_add(text, "\n");
        return;
    }
    const char **names = sorted_names(text, value);
    text_add(text, "\n");
    for (size_t i = 0; names != NULL && i < json_object_size(value); i++) {
        indent(text, depth + 1);
        add_scalar(text, names[i]);
        text_add(text, ":");
        add_block(text, json_object_get(value, names[i]), depth + 1);
    }
    free(names);
}

/* ---- a stage ---- */

enum { STAGE_DEPTH = 3, MEMBER_DEPTH = 4, ENTRY_DEPTH = 5 };

static void begin(struct text *text, const char *member, bool empty)
{
    indent(text, MEMBER_DEPTH);
    text_add(text, member);
    text_add(text, empty ? ": {}\n" : ":\n");
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const struct lock_item *)a)->name, ((const struct lock_item *)b)->name);
}

static void add_items(struct text *text, const char *member, const char *path,
                      struct lock_items *items)
{
    if (items->count > 1)
        qsort(items->list, items->count, sizeof(*items->list), compare_items);
    begin(text, member, items->count == 0);
    for (size_t i = 0; i < items->count; i++) {
        const struct lock_item *item = &items->list[i];
        indent(text, ENTRY_DEPTH);
        add_scalar(text, item->name);
        text_add(text, ":\n");
        indent(text, ENTRY_DEPTH + 1);
        text_add(text, path);
        text_add(text, ": ");
        add_scalar(text, item->path);
        text_add(text, "\n");
        indent(text, ENTRY_DEPTH + 1);
        text_add(text, "digest: ");
        add_hex(text, &item->content.digest);
        text_add(text, "\n");
        indent(text, ENTRY_DEPTH + 1);
        text_addf(text, "size: %lld\n", (long long)item->content.size);
        if (item->content.kind != CONTENT_FILE) {
            indent(text, ENTRY_DEPTH + 1);
            text_addf(text, "%s: true\n", content_kind_name(item->content.kind));
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct lock_named *)a)->name, ((const struct lock_named *)b)->name);
}

static void sort_names(struct lock_names *names)
{
    if (names->count > 1)
        qsort(names->list, names->count, sizeof(*names->list), compare_names);
}

static void add_names(struct text *text, const char *member, struct lock_names *names)
{
    sort_names(names);
    begin(text, member, names->count == 0);
    for (size_t i = 0; i < names->count; i++) {
        const struct lock_named *named = &names->list[i];
        indent(text, ENTRY_DEPTH);
        add_scalar(text, named->name);
        text_add(text, ": ");
        if (named->absent)
            text_add(text, "null");
        else
            add_hex(text, &named->digest);
        text_add(text, "\n");
    }
}

static void add_published(struct text *text, struct lock_names *names)
{
    struct text line = {0};
    sort_names(names);
    if (names->count > 0)
        begin(text, "published", false);
    for (size_t i = 0; i < names->count; i++) {
        indent(text, ENTRY_DEPTH);
        text_add(text, "- ");
        text_clear(&line);
        lockfile_add_published(&line, &names->list[i]);
        text->failed |= line.failed;
        add_scalar(text, text_string(&line));
        text_add(text, "\n");
    }
    text_release(&line);
}

/* The lines as a list. */
static void add_fingerprint(struct text *text, const char *lines)
{
    indent(text, MEMBER_DEPTH);
    text_add(text, "fingerprint: [");
    for (const char *line = lines; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        struct text copy = {0};
        text_append(&copy, line, length);
        text->failed |= copy.failed;
        text_add(text, line > lines ? ", " : "");
        add_scalar(text, text_string(&copy));
        text_release(&copy);
        line += length + (line[length] == '\n');
    }
    text_add(text, "]\n");
}

static void add_stage(struct text *text, struct lock_stage *stage)
{
    indent(text, STAGE_DEPTH);
    add_scalar(text, stage->name);
    text_add(text, ":\n");
    indent(text, MEMBER_DEPTH);
    text_add(text, "key: ");
    add_hex(text, &stage->key);
    text_add(text, "\n");
    indent(text, MEMBER_DEPTH);
    text_add(text, "cmd: ");
    add_flow(text, stage->cmd);
    text_add(text, "\n");
    if (!stage->old)
        add_names(text, "files", &stage->files);
    add_items(text, "deps", "from", &stage->deps);
    if (stage->has_lineage) {
        indent(text, MEMBER_DEPTH);
        text_add(text, "lineage: ");
        add_hex(text, &stage->lineage);
        text_add(text, "\n");
    }
    indent(text, MEMBER_DEPTH);
    text_add(text, "params:");
    add_block(text, stage->params, MEMBER_DEPTH);
    if (!stage->old)
        add_names(text, "env", &stage->env);
    if (stage->fingerprint != NULL)
        add_fingerprint(text, stage->fingerprint);
    add_items(text, "outs", "path", &stage->outs);
    add_published(text, &stage->published);
    if (stage->adopted != NULL) {
        indent(text, MEMBER_DEPTH);
        text_add(text, "adopted: ");
        add_scalar(text, stage->adopted);
        text_add(text, "\n");
    }
}

/* ---- all ---- */

static int compare_sections(const void *a, const void *b)
{
    return strcmp((*(const struct lock_section *const *)a)->profile,
                  (*(const struct lock_section *const *)b)->profile);
}

static int compare_stages(const void *a, const void *b)
{
    return strcmp((*(const struct lock_stage *const *)a)->name,
                  (*(const struct lock_stage *const *)b)->name);
}

static void add_section(struct text *text, struct lock_section *section)
{
    if (section->count > 1)
        qsort(section->stages, section->count, sizeof(*section->stages), compare_stages);
    indent(text, 1);
    add_scalar(text, section->profile[0] != '\0' ? section->profile : LOCKFILE_NO_PROFILE);
    text_add(text, ":\n");
    indent(text, 2);
    text_add(text, "sets:");
    add_block(text, section->sets, 2);
    indent(text, 2);
    text_add(text, section->count == 0 ? "stages: {}\n" : "stages:\n");
    for (size_t i = 0; i < section->count; i++) {
        section->stages[i]->at = i;
        add_stage(text, section->stages[i]);
    }
}

int lockfile_text(struct lock *lock, struct text *text, struct error *err)
{
    text_add(text, LOCKFILE_HEADER);
    text_add(text, lock->count == 0 ? "schema: '2'\nprofiles: {}\n" : "schema: '2'\nprofiles:\n");
    if (lock->count > 1)
        qsort(lock->sections, lock->count, sizeof(*lock->sections), compare_sections);
    for (size_t i = 0; i < lock->count; i++)
        add_section(text, lock->sections[i]);
    text_add(text, "complete: true\n");
    return text_check(text, err);
}

int lockfile_write(const char *path, struct lock *lock, struct error *err)
{
    struct text text = {0};
    int result = lockfile_text(lock, &text, err);
    if (result == 0)
        result = file_write(path, text.data, text.size, err);
    text_release(&text);
    return result;
}
