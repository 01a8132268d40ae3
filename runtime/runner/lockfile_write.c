/* pipeline.lock through libyaml's emitter: lockfile_write(). */
#include "plan/yaml_scalar.h"
#include "runner/lockfile.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static const char header[] = "# Written by `reprise run`, checked by `reprise verify`; commit it. "
                             "Not for editing by hand.\n";

/* Wider than any line, so that nothing is folded. */
enum { LINE_WIDTH = 1 << 20 };

/* The first failure is kept and later calls do nothing. */
struct writer {
    yaml_emitter_t emitter;
    struct text text;
    bool failed;
};

static int append(void *data, unsigned char *bytes, size_t size)
{
    struct text *text = data;
    text_append(text, (const char *)bytes, size);
    return !text->failed;
}

/* Takes the event; `made` tells whether libyaml could make it. */
static void emit(struct writer *writer, yaml_event_t *event, int made)
{
    if (writer->failed || !made) {
        if (made)
            yaml_event_delete(event);
        writer->failed = true;
        return;
    }
    writer->failed = !yaml_emitter_emit(&writer->emitter, event);
}

static void emit_scalar(struct writer *writer, const char *text, bool quoted)
{
    yaml_event_t event;
    yaml_scalar_style_t style = quoted ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    emit(writer, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                      (int)strlen(text), 1, 1, style));
}

/* Text is quoted where it would be read as something else; libyaml itself
 * quotes what is not plain. */
static void emit_text(struct writer *writer, const char *text)
{
    emit_scalar(writer, text, yaml_scalar_is_special(text) || strcmp(text, "<<") == 0);
}

static void emit_size(struct writer *writer, int64_t size)
{
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)size);
    emit_scalar(writer, number, false);
}

static void begin_map(struct writer *writer, bool flow)
{
    yaml_event_t event;
    yaml_mapping_style_t style = flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    emit(writer, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style));
}

static void end_map(struct writer *writer)
{
    yaml_event_t event;
    emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void emit_json(struct writer *writer, const json_t *value, bool flow);

static void emit_json_map(struct writer *writer, const json_t *map, bool flow)
{
    struct error ignored;
    size_t count = 0;
    const char *key;
    json_t *member;
    const char **keys = memory_new(json_object_size(map), sizeof(*keys), &ignored);
    if (keys == NULL) {
        writer->failed = true;
        return;
    }
    json_object_foreach ((json_t *)map, key, member)
        keys[count++] = key;
    if (count > 1)
        qsort(keys, count, sizeof(*keys), compare_texts);
    begin_map(writer, flow || count == 0);
    for (size_t i = 0; i < count; i++) {
        emit_text(writer, keys[i]);
        emit_json(writer, json_object_get(map, keys[i]), flow);
    }
    end_map(writer);
    free(keys);
}

static void emit_json_list(struct writer *writer, const json_t *list)
{
    yaml_event_t event;
    emit(writer, &event,
         yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE));
    for (size_t i = 0; i < json_array_size(list); i++)
        emit_json(writer, json_array_get(list, i), true);
    emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

static void emit_number(struct writer *writer, const json_t *number)
{
    struct error ignored;
    char *text = json_to_text(number, true, &ignored);
    if (text == NULL)
        writer->failed = true;
    else
        emit_scalar(writer, text, false);
    free(text);
}

static void emit_json(struct writer *writer, const json_t *value, bool flow)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: emit_json_map(writer, value, flow); break;
    case JSON_ARRAY: emit_json_list(writer, value); break;
    case JSON_STRING: emit_text(writer, json_string_value(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: emit_number(writer, value); break;
    case JSON_TRUE: emit_scalar(writer, "true", false); break;
    case JSON_FALSE: emit_scalar(writer, "false", false); break;
    case JSON_NULL: emit_scalar(writer, "null", false); break;
    }
}

static void emit_digest(struct writer *writer, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    emit_text(writer, hex);
}

static int compare_items(const void *a, const void *b)
{
    return strcmp((*(const struct lock_item *const *)a)->name,
                  (*(const struct lock_item *const *)b)->name);
}

static void emit_item(struct writer *writer, const struct lock_item *item, const char *path)
{
    emit_text(writer, item->name);
    begin_map(writer, false);
    emit_text(writer, path);
    emit_text(writer, item->path);
    emit_text(writer, "digest");
    emit_digest(writer, &item->digest);
    emit_text(writer, "size");
    emit_size(writer, item->size);
    if (item->folder) {
        emit_text(writer, "folder");
        emit_scalar(writer, "true", false);
    }
    end_map(writer);
}

static void emit_items(struct writer *writer, const struct lock_item *items, size_t count,
                       const char *path)
{
    struct error ignored;
    const struct lock_item **sorted = memory_new(count, sizeof(*sorted), &ignored);
    if (sorted == NULL) {
        writer->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &items[i];
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_items);
    begin_map(writer, count == 0);
    for (size_t i = 0; i < count; i++)
        emit_item(writer, sorted[i], path);
    end_map(writer);
    free(sorted);
}

static void emit_stage(struct writer *writer, const struct lock_stage *stage)
{
    emit_text(writer, stage->name);
    begin_map(writer, false);
    emit_text(writer, "cmd");
    emit_json_list(writer, stage->cmd);
    emit_text(writer, "key");
    emit_digest(writer, &stage->key);
    emit_text(writer, "deps");
    emit_items(writer, stage->deps, stage->dep_count, "from");
    emit_text(writer, "params");
    emit_json_map(writer, stage->params, false);
    emit_text(writer, "outs");
    emit_items(writer, stage->outs, stage->out_count, "path");
    end_map(writer);
}

static int compare_stages(const void *a, const void *b)
{
    return strcmp((*(const struct lock_stage *const *)a)->name,
                  (*(const struct lock_stage *const *)b)->name);
}

static void emit_stages(struct writer *writer, const struct lock *lock)
{
    struct error ignored;
    const struct lock_stage **sorted = memory_new(lock->count, sizeof(*sorted), &ignored);
    if (sorted == NULL) {
        writer->failed = true;
        return;
    }
    for (size_t i = 0; i < lock->count; i++)
        sorted[i] = &lock->stages[i];
    if (lock->count > 1)
        qsort(sorted, lock->count, sizeof(*sorted), compare_stages);
    begin_map(writer, lock->count == 0);
    for (size_t i = 0; i < lock->count; i++)
        emit_stage(writer, sorted[i]);
    end_map(writer);
    free(sorted);
}

static void emit_lock(struct writer *writer, const struct lock *lock)
{
    yaml_event_t event;
    emit(writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    begin_map(writer, false);
    emit_text(writer, "schema");
    emit_text(writer, "1");
    emit_text(writer, "profile");
    emit_text(writer, lock->profile);
    emit_text(writer, "sets");
    emit_json_map(writer, lock->sets, false);
    emit_text(writer, "stages");
    emit_stages(writer, lock);
    end_map(writer);
    emit(writer, &event, yaml_document_end_event_initialize(&event, 1));
    emit(writer, &event, yaml_stream_end_event_initialize(&event));
}

int lockfile_write(const char *path, const struct lock *lock, struct error *err)
{
    struct writer writer = {0};
    text_add(&writer.text, header);
    if (!yaml_emitter_initialize(&writer.emitter)) {
        text_release(&writer.text);
        return error_set(err, ERR_MEMORY, "out of memory for '%s'", path);
    }
    yaml_emitter_set_output(&writer.emitter, append, &writer.text);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, LINE_WIDTH);
    emit_lock(&writer, lock);
    int status = 0;
    if (writer.failed || writer.text.failed)
        status = error_set(err, ERR_MEMORY, "out of memory for '%s'", path);
    else if (writer.text.size > YAML_TREE_FILE_LIMIT)
        status = error_set(err, ERR_USAGE, "'%s' would have %zu bytes, more than the %d allowed",
                           path, writer.text.size, YAML_TREE_FILE_LIMIT);
    yaml_emitter_delete(&writer.emitter);
    if (status == 0)
        status = file_write(path, writer.text.data, writer.text.size, err);
    text_release(&writer.text);
    return status;
}
