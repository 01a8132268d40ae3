#include "store/action.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct action *action_new(const char *stage, const char *components, struct error *err)
{
    struct action *action = memory_new(1, sizeof(*action), err);
    if (action == NULL)
        return NULL;
    if ((action->stage = memory_copy_text(stage, err)) == NULL ||
        (action->components = memory_copy_text(components, err)) == NULL ||
        (action->host = memory_copy_text("", err)) == NULL ||
        (action->device = memory_copy_text("", err)) == NULL ||
        (action->started = memory_copy_text("", err)) == NULL) {
        action_free(action);
        return NULL;
    }
    return action;
}

void action_free(struct action *action)
{
    if (action == NULL)
        return;
    for (size_t i = 0; i < action->out_count; i++)
        free(action->outs[i].name);
    free(action->outs);
    free(action->stage);
    free(action->components);
    free(action->host);
    free(action->device);
    free(action->started);
    free(action->adopted);
    free(action);
}

int action_add_out(struct action *action, const char *name, const struct content *content,
                   struct error *err)
{
    if (memory_grow(&action->outs, &action->out_capacity, action->out_count + 1,
                    sizeof(*action->outs), err) < 0)
        return -1;
    char *copy = memory_copy_text(name, err);
    if (copy == NULL)
        return -1;
    size_t at = action->out_count++;
    for (; at > 0 && strcmp(action->outs[at - 1].name, name) > 0; at--)
        action->outs[at] = action->outs[at - 1];
    action->outs[at] = (struct action_out){.name = copy, .content = *content};
    return 0;
}

const struct content *action_out(const struct action *action, const char *name)
{
    for (size_t i = 0; i < action->out_count; i++)
        if (strcmp(action->outs[i].name, name) == 0)
            return &action->outs[i].content;
    return NULL;
}

enum { ACTION_SCHEMA = 2, ACTION_LIMIT = 64 << 20 };

/* The first line, but for its digest. */
static const char check_begin[] = "{\"check\": \"", check_end[] = "\",\n";
enum {
    CHECK_AT = sizeof(check_begin) - 1,
    BODY_AT = CHECK_AT + DIGEST_HEX_SIZE - 1 + sizeof(check_end) - 1
};

static json_t *to_json(const struct action *action)
{
    char hex[DIGEST_HEX_SIZE];
    json_t *outs = json_object();
    bool whole = outs != NULL;
    for (size_t i = 0; i < action->out_count && whole; i++) {
        const struct content *content = &action->outs[i].content;
        digest_to_hex(&content->digest, hex);
        whole = json_object_set_new(outs, action->outs[i].name,
                                    json_pack("{s:s, s:s, s:I}", "digest", hex, "kind",
                                              content_kind_name(content->kind), "size",
                                              (json_int_t)content->size)) == 0;
    }
    if (!whole) {
        json_decref(outs);
        return NULL;
    }
    digest_to_hex(&action->log, hex);
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:f, s:s, s:i, s:s, s:o}", "schema", ACTION_SCHEMA,
                  "components", action->components, "stage", action->stage, "log", hex, "started",
                  action->started, "seconds", action->seconds, "host", action->host, "threads",
                  action->threads, "device", action->device, "outs", outs);
    if (json != NULL && action->has_scratch) {
        digest_to_hex(&action->scratch, hex);
        if (json_object_set_new(json, "scratch", json_string(hex)) < 0) {
            json_decref(json);
            return NULL;
        }
    }
    if (json == NULL || action->adopted == NULL)
        return json;
    digest_to_hex(&action->adopted_from, hex);
    if (json_object_set_new(json, "adopted", json_string(action->adopted)) == 0 &&
        json_object_set_new(json, "adopted_from", json_string(hex)) == 0)
        return json;
    json_decref(json);
    return NULL;
}

/* The file's text: the JSON text with the check before its first member. */
static int to_text(const struct action *action, struct text *text, struct error *err)
{
    char check[DIGEST_HEX_SIZE];
    struct digest digest;
    json_t *json = to_json(action);
    if (json == NULL)
        return error_set(err, ERR_FORMAT, "stage '%s': a text that is not UTF-8", action->stage);
    char *body = json_to_text(json, false, err);
    json_decref(json);
    if (body == NULL)
        return -1;
    struct text rest = {0};
    text_add(&rest, body + strlen("{\n"));
    text_add(&rest, "\n");
    free(body);
    int result = text_check(&rest, err);
    if (result == 0)
        result = digest_of_bytes(rest.data, rest.size, &digest, err);
    if (result == 0) {
        digest_to_hex(&digest, check);
        text_add(text, check_begin);
        text_add(text, check);
        text_add(text, check_end);
        text_append(text, rest.data, rest.size);
        result = text_check(text, err);
    }
    text_release(&rest);
    return result;
}

int action_write(struct store *store, const struct digest *key, const struct action *action,
                 struct error *err)
{
    char path[STORE_PATH_SIZE], temporary[STORE_PATH_SIZE];
    struct text text = {0};
    int result = to_text(action, &text, err);
    store_action_path(store, key, path);
    if (result == 0 && (result = store_temporary_path(store, temporary, err)) == 0 &&
        (result = file_write_unflushed(temporary, text.data, text.size, err)) == 0 &&
        (result = store_publish_file(store, temporary, path, err)) < 0)
        unlink(temporary);
    text_release(&text);
    return result;
}

static int parse_outs(const json_t *outs, struct action *action, struct error *err)
{
    const char *name;
    json_t *out;
    if (!json_is_object(outs))
        return error_set(err, ERR_FORMAT, "an action without outs");
    json_object_foreach ((json_t *)outs, name, out) {
        struct content content;
        const char *digest = json_string_value(json_object_get(out, "digest"));
        const char *kind = json_string_value(json_object_get(out, "kind"));
        const json_t *size = json_object_get(out, "size");
        content.size = json_integer_value(size);
        if (digest == NULL || !digest_from_hex(digest, &content.digest) || kind == NULL ||
            !content_kind_parse(kind, &content.kind) || !json_is_integer(size) || content.size < 0)
            return error_set(err, ERR_FORMAT, "out '%s' is damaged", name);
        if (action_add_out(action, name, &content, err) < 0)
            return -1;
    }
    return 0;
}

static int replace_text(char **text, const json_t *value, struct error *err)
{
    const char *string = json_string_value(value);
    char *copy = memory_copy_text(string != NULL ? string : "", err);
    if (copy == NULL)
        return -1;
    free(*text);
    *text = copy;
    return 0;
}

/* False where the bytes are not those that were written. */
static bool is_intact(const char *data, size_t size)
{
    struct digest stored, found;
    struct error ignored;
    char hex[DIGEST_HEX_SIZE] = "";
    if (size <= BODY_AT || memcmp(data, check_begin, CHECK_AT) != 0 ||
        memcmp(data + BODY_AT - (sizeof(check_end) - 1), check_end, sizeof(check_end) - 1) != 0)
        return false;
    memcpy(hex, data + CHECK_AT, sizeof(hex) - 1);
    return digest_from_hex(hex, &stored) &&
           digest_of_bytes(data + BODY_AT, size - BODY_AT, &found, &ignored) == 0 &&
           digest_equal(&stored, &found);
}

static int parse_scratch(const json_t *json, struct action *action, struct error *err)
{
    const json_t *scratch = json_object_get(json, "scratch");
    const char *hex = json_string_value(scratch);
    action->has_scratch = scratch != NULL;
    if (scratch != NULL && (hex == NULL || !digest_from_hex(hex, &action->scratch)))
        return error_set(err, ERR_FORMAT, "action is damaged");
    return 0;
}

static int parse_adopted(const json_t *json, struct action *action, struct error *err)
{
    const char *from = json_string_value(json_object_get(json, "adopted_from"));
    if (json_object_get(json, "adopted") == NULL)
        return 0;
    if (from == NULL || !digest_from_hex(from, &action->adopted_from))
        return error_set(err, ERR_FORMAT, "action is damaged");
    return replace_text(&action->adopted, json_object_get(json, "adopted"), err);
}

static struct action *from_json(const json_t *json, const struct digest *key, struct error *err)
{
    struct digest digest;
    const char *components = json_string_value(json_object_get(json, "components"));
    const char *stage = json_string_value(json_object_get(json, "stage"));
    const char *log = json_string_value(json_object_get(json, "log"));
    if (components == NULL || stage == NULL || log == NULL ||
        json_integer_value(json_object_get(json, "schema")) != ACTION_SCHEMA ||
        digest_of_bytes(components, strlen(components), &digest, err) < 0 ||
        !digest_equal(&digest, key)) {
        error_set(err, ERR_FORMAT, "action is damaged");
        return NULL;
    }
    struct action *action = action_new(stage, components, err);
    if (action == NULL)
        return NULL;
    action->seconds = json_number_value(json_object_get(json, "seconds"));
    action->threads = (int)json_integer_value(json_object_get(json, "threads"));
    if (!digest_from_hex(log, &action->log) ||
        replace_text(&action->host, json_object_get(json, "host"), err) < 0 ||
        replace_text(&action->device, json_object_get(json, "device"), err) < 0 ||
        replace_text(&action->started, json_object_get(json, "started"), err) < 0 ||
        parse_adopted(json, action, err) < 0 || parse_scratch(json, action, err) < 0 ||
        parse_outs(json_object_get(json, "outs"), action, err) < 0) {
        action_free(action);
        action = NULL;
    }
    return action;
}

int action_read(struct store *store, const struct digest *key, struct action **action,
                struct error *err)
{
    char path[STORE_PATH_SIZE], *data;
    size_t size;
    struct error why = {0};
    *action = NULL;
    store_action_path(store, key, path);
    if (file_read(path, ACTION_LIMIT, &data, &size, &why) == 0) {
        json_t *json =
            is_intact(data, size) ? json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
        if (json != NULL)
            *action = from_json(json, key, &why);
        json_decref(json);
        free(data);
    }
    if (*action == NULL && why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    return 0;
}
