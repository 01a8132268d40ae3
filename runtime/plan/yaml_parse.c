/* From libyaml's events to a tree: yaml_tree_parse(). */
#include "plan/yaml_scalar.h"
#include "plan/yaml_tree.h"

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { ANCHOR_LIMIT = 1000 };

struct anchor {
    struct yaml_node *node; /* NULL until its last event was seen */
};

struct composer {
    yaml_parser_t parser;
    struct yaml_tree *tree;
    const char *file, *data;
    size_t data_size;
    bool fragment;
    struct yaml_node **pending; /* children of the lists and maps that are still open */
    size_t pending_count, pending_capacity;
    struct table anchors; /* names to struct anchor, all owned by the tree */
    size_t anchor_count;
};

static struct yaml_place place_of(const struct composer *composer, yaml_mark_t mark)
{
    struct yaml_place place = {composer->file, 0, 0};
    if (!composer->fragment) {
        place.line = (int)mark.line + 1;
        place.column = (int)mark.column + 1;
    }
    return place;
}

/* libyaml's reader tells only an offset in bytes. */
static yaml_mark_t mark_of_offset(const struct composer *composer, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset && i < composer->data_size; i++) {
        unsigned char byte = (unsigned char)composer->data[i];
        if (byte == '\n') {
            mark.line++;
            mark.column = 0;
        } else if ((byte & 0xC0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* The way out of what people write most. In { } and [ ] the brace of an unquoted ${x} begins a map.
 */
static const char *hint(const struct composer *composer, yaml_mark_t mark, const char *problem)
{
    if (strstr(problem, "UTF-8") != NULL || strstr(problem, "UTF-16") != NULL)
        return composer->fragment ? "; write it in UTF-8" : "; save the file as UTF-8";
    const char *line = composer->data, *end = composer->data + composer->data_size;
    for (size_t i = 0; line != NULL && i < mark.line; i++) {
        line = memchr(line, '\n', (size_t)(end - line));
        line = line == NULL ? NULL : line + 1;
    }
    if (line == NULL)
        return "";
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t size = (size_t)((stop == NULL ? end : stop) - line);
    size_t blank = 0;
    while (blank < size && line[blank] == ' ')
        blank++;
    if (strstr(problem, " tab ") != NULL || (blank < size && line[blank] == '\t') ||
        (mark.column < size && line[mark.column] == '\t'))
        return "; a tab stands there, and YAML indents with blanks";
    if (strstr(problem, "mapping values are not allowed") != NULL)
        return "; a text that holds ': ' is written in quotes";
    if (mark.column < size && memchr("@`%*&!", line[mark.column], 6) != NULL)
        return "; a text that begins with such a sign is written in quotes";
    bool flow = memchr(line, '{', size) != NULL || memchr(line, '[', size) != NULL;
    return flow && memmem(line, size, "${", 2) != NULL
               ? "; inside { } and [ ], write \"${...}\" with quotes"
               : "";
}

static int parser_error(const struct composer *composer, struct error *err)
{
    const yaml_parser_t *parser = &composer->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(err, ERR_MEMORY, "out of memory for '%s'", composer->file);
    yaml_mark_t mark = parser->error == YAML_READER_ERROR
                           ? mark_of_offset(composer, parser->problem_offset)
                           : parser->problem_mark;
    const char *problem = parser->problem == NULL ? "not valid" : parser->problem;
    if (parser->context == NULL)
        return yaml_error(err, place_of(composer, mark), "YAML: %s%s", problem,
                          hint(composer, mark, problem));
    return yaml_error(err, place_of(composer, mark), "YAML: %s %s%s", problem, parser->context,
                      hint(composer, mark, problem));
}

static int next_event(struct composer *composer, yaml_event_t *event, struct error *err)
{
    return yaml_parser_parse(&composer->parser, event) ? 0 : parser_error(composer, err);
}

static int push(struct composer *composer, struct yaml_node *node, struct error *err)
{
    if (memory_grow(&composer->pending, &composer->pending_capacity, composer->pending_count + 1,
                    sizeof(*composer->pending), err) < 0)
        return -1;
    composer->pending[composer->pending_count++] = node;
    return 0;
}

/* *anchor is NULL where there is none. A name given again counts from here on. */
static int open_anchor(struct composer *composer, const yaml_char_t *name, struct yaml_place place,
                       struct anchor **anchor, struct error *err)
{
    *anchor = NULL;
    if (name == NULL)
        return 0;
    if (composer->anchor_count == ANCHOR_LIMIT)
        return yaml_error(err, place, "more than %d anchors", ANCHOR_LIMIT);
    const char *text = (const char *)name;
    size_t size = strlen(text);
    struct yaml_node *copy = yaml_tree_text(composer->tree, place, text, size, err);
    struct anchor *made = yaml_tree_memory(composer->tree, place, 1, sizeof(*made), err);
    if (copy == NULL || made == NULL ||
        table_set(&composer->anchors, copy->text, size, made, err) < 0)
        return -1;
    composer->anchor_count++;
    *anchor = made;
    return 0;
}

static int resolve_alias(const struct composer *composer, const yaml_event_t *event,
                         struct yaml_node **node, struct error *err)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct yaml_place place = place_of(composer, event->start_mark);
    const struct anchor *anchor = table_find(&composer->anchors, name, strlen(name));
    if (anchor == NULL)
        return yaml_error(err, place, "the alias '*%s' has no anchor '&%s' before it", name, name);
    if (anchor->node == NULL)
        return yaml_error(err, place, "the alias '*%s' stands inside its own anchor", name);
    *node = anchor->node;
    return 0;
}

static int refuse_tag(const struct composer *composer, const yaml_event_t *event,
                      const yaml_char_t *tag, struct error *err)
{
    static const char standard[] = "tag:yaml.org,2002:";
    if (tag == NULL)
        return 0;
    const char *text = (const char *)tag;
    bool is_standard = strncmp(text, standard, sizeof(standard) - 1) == 0;
    return yaml_error(err, place_of(composer, event->start_mark),
                      "tags such as '%s%s' are not used here; quote what is text",
                      is_standard ? "!!" : "", text + (is_standard ? sizeof(standard) - 1 : 0));
}

static int compose_scalar(struct composer *composer, const yaml_event_t *event,
                          struct yaml_node **node, struct error *err)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct yaml_place place = place_of(composer, event->start_mark);
    if (refuse_tag(composer, event, event->data.scalar.tag, err) < 0)
        return -1;
    if (memchr(value, '\0', length) != NULL)
        return yaml_error(err, place, "a text may not hold the character NUL");
    struct yaml_node *scalar = yaml_tree_text(composer->tree, place, value, length, err);
    if (scalar == NULL)
        return -1;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t quotes = plain ? 0 : 2, characters = 0;
    for (size_t i = 0; i < length; i++)
        characters += (value[i] & 0xC0) != 0x80;
    if (event->start_mark.line == event->end_mark.line &&
        event->end_mark.column - event->start_mark.column == characters + quotes)
        scalar->verbatim = place.column + !plain;
    if (plain && yaml_scalar_resolve(scalar, err) < 0)
        return -1;
    *node = scalar;
    return 0;
}

static int compose(struct composer *composer, const yaml_event_t *event, int depth,
                   struct yaml_node **node, struct error *err);

/* Composes what follows up to the event `end` and leaves it in `pending`. */
static int compose_children(struct composer *composer, yaml_event_type_t end, int depth,
                            struct error *err)
{
    for (;;) {
        yaml_event_t event;
        struct yaml_node *child = NULL;
        if (next_event(composer, &event, err) < 0)
            return -1;
        bool last = event.type == end;
        int result = last ? 0 : compose(composer, &event, depth, &child, err);
        yaml_event_delete(&event);
        if (result < 0 || last)
            return result;
        if (push(composer, child, err) < 0)
            return -1;
    }
}

static int compose_list(struct composer *composer, const yaml_event_t *event, int depth,
                        struct yaml_node **node, struct error *err)
{
    size_t first = composer->pending_count;
    if (refuse_tag(composer, event, event->data.sequence_start.tag, err) < 0 ||
        compose_children(composer, YAML_SEQUENCE_END_EVENT, depth + 1, err) < 0)
        return -1;
    size_t count = composer->pending_count - first;
    struct yaml_node *list =
        yaml_tree_list(composer->tree, place_of(composer, event->start_mark), count, err);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (yaml_list_add(list, composer->pending[first + i], err) < 0)
            return -1;
    composer->pending_count = first;
    *node = list;
    return list == NULL ? -1 : 0;
}

/* An unquoted << */
static bool is_merge(const struct yaml_node *key)
{
    return key->kind == YAML_KIND_TEXT && strcmp(key->text, "<<") == 0 &&
           key->verbatim == key->place.column;
}

static int check_key(const struct yaml_node *key, struct error *err)
{
    if (!yaml_is_scalar(key))
        return yaml_error(err, key->place, "a key must be text");
    if (*key->text == '\0')
        return yaml_error(err, key->place, "a key may not be empty");
    return 0;
}

static int merge_from(struct yaml_node *map, const struct yaml_node *base, struct yaml_place place,
                      struct error *err)
{
    if (base->kind != YAML_KIND_MAP)
        return yaml_error(err, place, "'<<' takes a map or a list of maps");
    for (size_t i = 0; i < base->count; i++) {
        struct yaml_pair *pair = &base->pairs[i];
        if (yaml_get(map, pair->key->text) == NULL &&
            yaml_map_add(map, pair->key, pair->value, err) < 0)
            return -1;
    }
    return 0;
}

/* The pairs of a value of `<<`; of several, the first that has a key wins. */
static int merge(struct yaml_node *map, const struct yaml_node *key, const struct yaml_node *value,
                 struct error *err)
{
    if (value->kind != YAML_KIND_LIST)
        return merge_from(map, value, key->place, err);
    for (size_t i = 0; i < value->count; i++)
        if (merge_from(map, value->items[i], key->place, err) < 0)
            return -1;
    return 0;
}

static size_t pairs_in(const struct yaml_node *value)
{
    size_t count = value->kind == YAML_KIND_MAP ? value->count : 0;
    if (value->kind == YAML_KIND_LIST)
        for (size_t i = 0; i < value->count; i++)
            count += value->items[i]->kind == YAML_KIND_MAP ? value->items[i]->count : 0;
    return count;
}

static int refuse_duplicates(const struct yaml_node *map, struct error *err)
{
    const struct yaml_pair *second = yaml_duplicate(map), *first = map->pairs;
    if (second == NULL)
        return 0;
    while (strcmp(first->key->text, second->key->text) != 0)
        first++;
    const struct yaml_node *key = second->key;
    if (key->place.line == 0)
        return yaml_error(err, key->place, "duplicate key '%s'", key->text);
    return yaml_error(err, key->place, "duplicate key '%s', first on line %d", key->text,
                      first->key->place.line);
}

/* `children` are keys and values in turn. */
static int fill_map(struct yaml_node *map, struct yaml_node *const *children, size_t count,
                    struct error *err)
{
    for (size_t i = 0; i < count; i += 2) {
        if (check_key(children[i], err) < 0)
            return -1;
        if (!is_merge(children[i]) && yaml_map_add(map, children[i], children[i + 1], err) < 0)
            return -1;
    }
    if (refuse_duplicates(map, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i += 2)
        if (is_merge(children[i]) && merge(map, children[i], children[i + 1], err) < 0)
            return -1;
    return 0;
}

static int compose_map(struct composer *composer, const yaml_event_t *event, int depth,
                       struct yaml_node **node, struct error *err)
{
    size_t first = composer->pending_count;
    if (refuse_tag(composer, event, event->data.mapping_start.tag, err) < 0 ||
        compose_children(composer, YAML_MAPPING_END_EVENT, depth + 1, err) < 0)
        return -1;
    size_t count = composer->pending_count - first, capacity = count / 2;
    /* Nothing is pending yet where the document is an empty map. */
    struct yaml_node **children = count > 0 ? composer->pending + first : NULL;
    for (size_t i = 0; i < count; i += 2)
        if (is_merge(children[i]))
            capacity += pairs_in(children[i + 1]);
    struct yaml_node *map =
        yaml_tree_map(composer->tree, place_of(composer, event->start_mark), capacity, err);
    if (map == NULL || fill_map(map, children, count, err) < 0)
        return -1;
    composer->pending_count = first;
    *node = map;
    return 0;
}

/* What kind of node an event begins, and its anchor. */
static int compose_kind(struct composer *composer, const yaml_event_t *event, int depth,
                        struct yaml_node **node, struct error *err)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return compose_scalar(composer, event, node, err);
    case YAML_SEQUENCE_START_EVENT: return compose_list(composer, event, depth, node, err);
    default: return compose_map(composer, event, depth, node, err);
    }
}

static int compose(struct composer *composer, const yaml_event_t *event, int depth,
                   struct yaml_node **node, struct error *err)
{
    struct yaml_place place = place_of(composer, event->start_mark);
    const yaml_char_t *name = NULL;
    struct anchor *anchor;
    if (depth > YAML_TREE_DEPTH_LIMIT)
        return yaml_error(err, place, "lists and maps are more than %d deep",
                          YAML_TREE_DEPTH_LIMIT);
    switch (event->type) {
    case YAML_ALIAS_EVENT: return resolve_alias(composer, event, node, err);
    case YAML_SCALAR_EVENT: name = event->data.scalar.anchor; break;
    case YAML_SEQUENCE_START_EVENT: name = event->data.sequence_start.anchor; break;
    case YAML_MAPPING_START_EVENT: name = event->data.mapping_start.anchor; break;
    default: return yaml_error(err, place, "YAML: a value is missing");
    }
    if (open_anchor(composer, name, place, &anchor, err) < 0 ||
        compose_kind(composer, event, depth, node, err) < 0)
        return -1;
    if (anchor != NULL)
        anchor->node = *node;
    return 0;
}

static int empty_document(struct composer *composer, struct yaml_node **root, struct error *err)
{
    struct yaml_place place = {composer->file, composer->fragment ? 0 : 1, 1};
    *root = yaml_tree_text(composer->tree, place, "", 0, err);
    return *root == NULL ? -1 : yaml_scalar_resolve(*root, err);
}

/* The stream must be: start, one document, end. */
static int compose_stream(struct composer *composer, struct yaml_node **root, struct error *err)
{
    static const yaml_event_type_t around[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                               YAML_NO_EVENT, YAML_DOCUMENT_END_EVENT,
                                               YAML_STREAM_END_EVENT};
    for (size_t i = 0; i < sizeof(around) / sizeof(*around); i++) {
        yaml_event_t event;
        int result = 0;
        if (next_event(composer, &event, err) < 0)
            return -1;
        bool ended = event.type == YAML_STREAM_END_EVENT && i == 1;
        if (ended)
            result = empty_document(composer, root, err);
        else if (around[i] == YAML_NO_EVENT)
            result = compose(composer, &event, 0, root, err);
        else if (event.type != around[i])
            result = yaml_error(err, place_of(composer, event.start_mark),
                                "a second document begins here; one is enough");
        yaml_event_delete(&event);
        if (result < 0 || ended)
            return result;
    }
    return 0;
}

int yaml_tree_parse(struct yaml_tree *tree, const char *file, bool fragment, const char *data,
                    size_t size, struct yaml_node **root, struct error *err)
{
    struct composer composer = {
        .tree = tree, .data = data, .data_size = size, .fragment = fragment};
    struct yaml_place start = {file, fragment ? 0 : 1, 1};
    if (size > YAML_TREE_FILE_LIMIT)
        return yaml_error(err, start, "%zu bytes, more than the %d allowed", size,
                          YAML_TREE_FILE_LIMIT);
    struct yaml_node *name = yaml_tree_text(tree, start, file, strlen(file), err);
    if (name == NULL)
        return -1;
    composer.file = name->text;
    if (!yaml_parser_initialize(&composer.parser))
        return error_set(err, ERR_MEMORY, "out of memory for '%s'", file);
    yaml_parser_set_encoding(&composer.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&composer.parser, (const unsigned char *)data, size);
    struct yaml_node *parsed = NULL;
    int result = compose_stream(&composer, &parsed, err);
    if (result == 0)
        *root = parsed;
    yaml_parser_delete(&composer.parser);
    free(composer.pending);
    table_release(&composer.anchors);
    return result;
}
