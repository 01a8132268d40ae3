#include "runner/key.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/url.h"
#include "runner/environment.h"
#include "runner/fingerprint.h"
#include "runner/lockfile.h"

#include <stdlib.h>
#include <string.h>

static bool is_plain(const char *word)
{
    if (*word == '\0' || *word == '"')
        return false;
    for (; *word != '\0'; word++)
        if ((unsigned char)*word <= ' ' || *word == 127)
            return false;
    return true;
}

static void add_json(struct text *text, const json_t *value)
{
    struct error ignored;
    char *json = json_to_text(value, true, &ignored);
    if (json == NULL)
        text->failed = true;
    else
        text_add(text, json);
    free(json);
}

/* A JSON string; of what is no UTF-8 the bytes, so that any value has one spelling that is text. */
static void add_quoted(struct text *text, const char *word)
{
    json_t *string = json_string(word);
    if (string != NULL)
        add_json(text, string);
    else
        for (text_add(text, "bytes:"); *word != '\0'; word++)
            text_addf(text, "%02x", (unsigned char)*word);
    json_decref(string);
}

static void add_word(struct text *text, const char *word)
{
    text_add(text, " ");
    if (is_plain(word))
        text_add(text, word);
    else
        add_quoted(text, word);
}

static void add_digest(struct text *text, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    text_addf(text, " %s\n", hex);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The leaves of an object, each under its dotted name, sorted. */
static int add_params(struct text *text, const json_t *object, const char *prefix,
                      struct error *err)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    const char **names = memory_new(json_object_size(object), sizeof(*names), err);
    if (names == NULL)
        return -1;
    json_object_foreach ((json_t *)object, name, value)
        names[count++] = name;
    qsort(names, count, sizeof(*names), compare_texts);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        struct text dotted = {0};
        value = json_object_get(object, names[i]);
        bool separate = strchr(names[i], '.') == NULL && is_plain(names[i]);
        text_add(&dotted, prefix);
        text_add(&dotted, prefix[0] != '\0' ? "." : "");
        if (separate)
            text_add(&dotted, names[i]);
        else
            add_quoted(&dotted, names[i]);
        result = text_check(&dotted, err);
        if (result == 0 && json_is_object(value) && json_object_size(value) > 0)
            result = add_params(text, value, dotted.data, err);
        else if (result == 0) {
            text_addf(text, "param %s ", dotted.data);
            add_json(text, value);
            text_add(text, "\n");
        }
        text_release(&dotted);
    }
    free(names);
    return result;
}

static int add_command(struct text *text, const struct plan_stage *stage,
                       const struct invocation *invocation, struct error *err)
{
    json_t *words = json_array();
    int result = words == NULL ? -1 : 0;
    for (size_t i = 0; i < stage->argc && result == 0; i++)
        result = json_array_append_new(words, json_string(stage->argv[i]));
    if (result < 0) {
        json_decref(words);
        return error_set(err, ERR_MEMORY, "out of memory for a key");
    }
    text_add(text, "cmd ");
    add_json(text, words);
    text_add(text, "\n");
    json_decref(words);
    for (size_t i = 0; i < invocation->file_count; i++) {
        const struct invocation_file *file = &invocation->files[i];
        text_add(text, file->interpreter ? "interpreter" : "executable");
        add_word(text, file->name);
        add_digest(text, &file->program->digest);
    }
    return 0;
}

/* Sorts the lines from `start` on, so that the order in the pipeline file does
 * not matter. */
static void sort_lines(struct text *text, size_t start)
{
    struct error ignored;
    size_t count = 0, capacity = 0;
    char **lines = NULL;
    struct text sorted = {0};
    if (text->failed || text->size == start)
        return;
    char *copy = memory_copy_text(text->data + start, &ignored);
    for (char *line = copy; line != NULL && *line != '\0' && !text->failed;) {
        char *end = strchr(line, '\n');
        *end = '\0';
        if (memory_grow(&lines, &capacity, count + 1, sizeof(*lines), &ignored) < 0)
            text->failed = true;
        else
            lines[count++] = line;
        line = end + 1;
    }
    if (copy == NULL || text->failed)
        text->failed = true;
    else {
        qsort(lines, count, sizeof(*lines), compare_texts);
        for (size_t i = 0; i < count; i++)
            text_addf(&sorted, "%s\n", lines[i]);
        if (sorted.failed)
            text->failed = true;
        else
            memcpy(text->data + start, sorted.data, sorted.size);
    }
    text_release(&sorted);
    free(lines);
    free(copy);
}

static void add_deps(struct text *text, const struct key_dep *deps, size_t count)
{
    size_t start = text->size;
    for (size_t i = 0; i < count; i++) {
        const struct content *content = &deps[i].content;
        text_add(text, "dep");
        add_word(text, deps[i].name);
        if (!deps[i].known) {
            text_add(text, " unknown\n");
            continue;
        }
        text_addf(text, " %s", content_kind_name(content->kind));
        add_digest(text, &content->digest);
    }
    sort_lines(text, start);
}

static void add_outs(struct text *text, const struct plan_stage *stage)
{
    size_t start = text->size;
    for (size_t i = 0; i < stage->out_count; i++) {
        text_add(text, "out");
        add_word(text, stage->outs[i].name);
        add_word(text, stage->outs[i].path);
        text_add(text, "\n");
    }
    sort_lines(text, start);
}

static void add_environment(struct text *text, const struct plan_stage *stage)
{
    size_t start = text->size;
    for (size_t i = 0; i < stage->env_count; i++) {
        const char *value = environment_value(stage, stage->env[i]);
        text_add(text, "env");
        add_word(text, stage->env[i]);
        text_add(text, " ");
        if (value == NULL)
            text_add(text, "null");
        else
            add_quoted(text, value);
        text_add(text, "\n");
    }
    sort_lines(text, start);
}

static void add_fingerprint(struct text *text, const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        text_add(text, "fingerprint ");
        text_append(text, lines, length);
        text_add(text, "\n");
        lines += length + (lines[length] == '\n');
    }
}

int key_components(const struct project *project, const struct plan_stage *stage,
                   const struct invocation *invocation, const struct key_dep *deps, size_t count,
                   enum store_depth depth, const char *fingerprint, struct text *text,
                   struct error *err)
{
    char *asked = NULL;
    text_add(text, "reprise-key 2\n");
    if (add_command(text, stage, invocation, err) < 0 ||
        add_params(text, stage->params, "", err) < 0)
        return -1;
    add_deps(text, deps, count);
    add_outs(text, stage);
    add_environment(text, stage);
    if (fingerprint == NULL && fingerprint_of(project, stage, invocation, depth, &asked, err) < 0)
        return -1;
    add_fingerprint(text, fingerprint != NULL ? fingerprint : asked);
    free(asked);
    return text_check(text, err);
}

int key_of_lock(const struct lock_stage *entry, struct text *text, struct error *err)
{
    text_add(text, "cmd ");
    add_json(text, entry->cmd);
    text_add(text, "\n");
    for (size_t i = 0; i < entry->files.count; i++) {
        text_add(text, "executable");
        add_word(text, entry->files.list[i].name);
        add_digest(text, &entry->files.list[i].digest);
    }
    if (add_params(text, entry->params, "", err) < 0)
        return -1;
    for (size_t i = 0; i < entry->deps.count; i++) {
        const struct content *content = &entry->deps.list[i].content;
        text_add(text, "dep");
        add_word(text, entry->deps.list[i].name);
        text_addf(text, " %s", content_kind_name(content->kind));
        add_digest(text, &content->digest);
    }
    for (size_t i = 0; i < entry->env.count; i++) {
        text_add(text, "env");
        add_word(text, entry->env.list[i].name);
        if (entry->env.list[i].absent)
            text_add(text, " null\n");
        else
            add_digest(text, &entry->env.list[i].digest);
    }
    add_fingerprint(text, entry->fingerprint != NULL ? entry->fingerprint : "");
    return text_check(text, err);
}

/* ---- comparing ---- */

/* The length of "param split.seed" in "param split.seed 42"; of "cmd" and the
 * heading the first word alone. A quoted name ends at its closing quote. */
static size_t name_length(const char *line)
{
    size_t first = strcspn(line, " \n");
    if (strncmp(line, "cmd ", 4) == 0 || strncmp(line, "reprise-key ", 12) == 0 ||
        line[first] != ' ')
        return first;
    bool quoted = false;
    size_t at = first + 1;
    for (; line[at] != '\0' && line[at] != '\n' && (quoted || line[at] != ' '); at++) {
        if (quoted && line[at] == '\\' && line[at + 1] != '\0')
            at++;
        else if (line[at] == '"')
            quoted = !quoted;
    }
    return at;
}

static const char *find_line(const char *text, const char *name, size_t length)
{
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
        if (name_length(text) == length && memcmp(text, name, length) == 0)
            return text;
    return NULL;
}

static char *copy_part(const char *start, size_t length, struct error *err)
{
    char *copy = memory_new(length + 1, 1, err);
    if (copy != NULL)
        memcpy(copy, start, length);
    return copy;
}

static char *value_of(const char *line, size_t name, struct error *err)
{
    if (line == NULL)
        return memory_copy_text("", err);
    size_t length = strcspn(line, "\n");
    name += line[name] == ' ';
    char *value = copy_part(line + name, length - name, err);
    if (value != NULL)
        url_put_stars(value);
    return value;
}

static int add_change(struct key_change **changes, size_t *count, size_t *capacity,
                      const char *name, size_t length, const char *before, const char *after,
                      struct error *err)
{
    if (memory_grow(changes, capacity, *count + 1, sizeof(**changes), err) < 0)
        return -1;
    struct key_change *change = &(*changes)[*count];
    change->component = copy_part(name, length, err);
    change->before = value_of(before, length, err);
    change->after = value_of(after, length, err);
    ++*count;
    return change->component == NULL || change->before == NULL || change->after == NULL ? -1 : 0;
}

int key_compare(const char *before, const char *after, struct key_change **changes, size_t *count,
                struct error *err)
{
    size_t used = 0, capacity = 0;
    struct key_change *list = NULL;
    int result = 0;
    for (const char *line = after; *line != '\0' && result == 0;) {
        size_t size = strcspn(line, "\n"), length = name_length(line);
        const char *other = find_line(before, line, length);
        if (other == NULL || strcspn(other, "\n") != size || memcmp(other, line, size) != 0)
            result = add_change(&list, &used, &capacity, line, length, other, line, err);
        line += size + (line[size] == '\n');
    }
    for (const char *line = before; *line != '\0' && result == 0;) {
        size_t size = strcspn(line, "\n"), length = name_length(line);
        if (find_line(after, line, length) == NULL)
            result = add_change(&list, &used, &capacity, line, length, line, NULL, err);
        line += size + (line[size] == '\n');
    }
    if (result < 0) {
        key_free_changes(list, used);
        return -1;
    }
    *changes = list;
    *count = used;
    return 0;
}

void key_free_changes(struct key_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(changes[i].component);
        free(changes[i].before);
        free(changes[i].after);
    }
    free(changes);
}

/* ---- an entry of a lock file and its action ---- */

/* The bytes that add_quoted() wrote so. */
static void add_unquoted(struct text *text, const char *value, size_t size)
{
    static const char bytes[] = "bytes:";
    json_t *string = json_loadb(value, size, JSON_DECODE_ANY, NULL);
    if (string != NULL)
        text_add(text, json_string_value(string));
    else if (size >= strlen(bytes) && strncmp(value, bytes, strlen(bytes)) == 0)
        for (size_t i = strlen(bytes); i + 1 < size; i += 2) {
            const char pair[] = {value[i], value[i + 1], '\0'};
            text_addf(text, "%c", (char)strtoul(pair, NULL, 16));
        }
    else
        text->failed = true;
    json_decref(string);
}

/* A line of an action as key_of_lock() has it. */
static void add_as_lock(struct text *text, const char *line, size_t size)
{
    static const char interpreter[] = "interpreter";
    size_t name = name_length(line);
    if (strncmp(line, "env ", 4) == 0 && strncmp(line + name, " null\n", 6) != 0) {
        struct text value = {0};
        struct digest digest = {0};
        struct error ignored;
        add_unquoted(&value, line + name + 1, size - name - 1);
        if (value.failed || digest_of_bytes(text_string(&value), value.size, &digest, &ignored) < 0)
            text->failed = true;
        text_append(text, line, name);
        add_digest(text, &digest);
        text_release(&value);
    } else if (strncmp(line, interpreter, strlen(interpreter)) == 0)
        text_addf(text, "executable%.*s\n", (int)(size - strlen(interpreter)),
                  line + strlen(interpreter));
    else if (strncmp(line, "reprise-key ", 12) != 0)
        text_addf(text, "%.*s\n", (int)size, line);
}

int key_check_lock(const struct lock_stage *entry, const char *components, char **differs,
                   struct error *err)
{
    struct text made = {0}, told = {0};
    struct key_change *changes = NULL;
    size_t count = 0;
    for (const char *line = components; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        add_as_lock(&made, line, size);
        line += size + (line[size] == '\n');
    }
    if (entry->has_lineage) {
        text_add(&told, "dep lineage file");
        add_digest(&told, &entry->lineage);
    }
    for (size_t i = 0; i < entry->outs.count; i++) {
        text_add(&told, "out");
        add_word(&told, entry->outs.list[i].name);
        add_word(&told, entry->outs.list[i].path);
        text_add(&told, "\n");
    }
    *differs = NULL;
    int result = key_of_lock(entry, &told, err);
    if (result == 0 && (result = text_check(&made, err)) == 0)
        result = key_compare(text_string(&made), text_string(&told), &changes, &count, err);
    if (result == 0 && count > 0 &&
        (*differs = memory_copy_text(changes[0].component, err)) == NULL)
        result = -1;
    key_free_changes(changes, count);
    text_release(&made);
    text_release(&told);
    return result;
}
