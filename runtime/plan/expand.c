#include "plan/expand.h"

#include "plan/name.h"
#include "plan/suggest.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* One piece of a text: literal characters, or the name inside ${ }. */
struct piece {
    const char *start; /* in the text, where the piece begins */
    const char *data;
    size_t size;
    bool expression;
};

static int expand_memo(struct expand_scope *scope, struct yaml_node *node,
                       struct yaml_node **expanded, struct error *err);

/* Where in the file `at`, a position in the node's text, stands. */
static struct yaml_place place_in(const struct yaml_node *node, const char *at)
{
    struct yaml_place place = node->place;
    if (node->verbatim == 0 || place.line == 0)
        return place;
    place.column = node->verbatim;
    for (const char *p = node->text; p < at; p++)
        place.column += (*p & 0xC0) != 0x80;
    return place;
}

/* Reads "${ name }" at `text`. */
static int read_expression(const struct yaml_node *node, const char *text, const char **rest,
                           struct piece *piece, struct error *err)
{
    struct yaml_place place = place_in(node, text);
    const char *end = strchr(text, '}');
    if (end == NULL)
        return yaml_error(err, place, "'${' without '}'; '\\${' stands for the characters");
    const char *name = text + 2, *stop = end;
    while (*name == ' ')
        name++;
    while (stop > name && stop[-1] == ' ')
        stop--;
    if (!name_is_path(name, (size_t)(stop - name)))
        return yaml_error(err, place, "'%.*s' does not name a variable: ${a.b}",
                          (int)(end + 1 - text), text);
    *piece = (struct piece){text, name, (size_t)(stop - name), true};
    *rest = end + 1;
    return 0;
}

/* The piece that begins at `text`, which is not empty. */
static int next_piece(const struct yaml_node *node, const char *text, const char **rest,
                      struct piece *piece, struct error *err)
{
    if (strncmp(text, "${", 2) == 0)
        return read_expression(node, text, rest, piece, err);
    bool escaped = strncmp(text, "\\${", 3) == 0;
    const char *from = escaped ? text + 3 : text;
    const char *end = strstr(from, "${");
    if (end == NULL)
        end = text + strlen(text);
    else if (end[-1] == '\\' && end - 1 > text)
        end--;
    *piece = (struct piece){text, text + escaped, (size_t)(end - text - escaped), false};
    *rest = end;
    return 0;
}

bool expand_is_expression(const struct yaml_node *node)
{
    if (node->kind != YAML_KIND_TEXT || strncmp(node->text, "${", 2) != 0)
        return false;
    const char *end = strchr(node->text, '}');
    return end != NULL && end[1] == '\0';
}

static bool has_expression(const struct yaml_node *node)
{
    return node->kind == YAML_KIND_TEXT && node->expression;
}

bool expand_is_inner(const struct yaml_node *node)
{
    if (!expand_is_expression(node))
        return false;
    const char *name = node->text + 2 + strspn(node->text + 2, " ");
    return strncmp(name, "deps.", 5) == 0 || strncmp(name, "outs.", 5) == 0;
}

static int unknown_variable(const struct expand_scope *scope, struct yaml_place place,
                            const char *name, size_t size, struct error *err)
{
    char word[256], buffer[SUGGEST_SIZE];
    snprintf(word, sizeof(word), "%.*s", (int)size, name);
    bool local = strcmp(word, "item") == 0 || strcmp(word, "key") == 0 ||
                 strncmp(word, "item.", 5) == 0 || strncmp(word, "item[", 5) == 0;
    if (local && scope->item == NULL)
        return yaml_error(err, place, "'%s' has a value only inside foreach and matrix", word);
    if (local)
        return yaml_error(err, place, "'item' has no '%s'%s", word + 5,
                          suggest_variable(buffer, word + 5, scope->item));
    suggest_variable(buffer, word, scope->vars);
    bool environment = buffer[0] == '\0' && getenv(word) != NULL;
    return yaml_error(err, place, "unknown variable '%s'%s%s", word, buffer,
                      environment ? ": one of the environment is named under 'env', and the "
                                    "program reads it"
                                  : "");
}

/* A member of a map or list by one step of a name, or NULL. */
static struct yaml_node *member(const struct yaml_node *node, const struct name_step *step)
{
    if (node->kind == YAML_KIND_LIST) {
        size_t index = 0;
        for (size_t i = 0; i < step->size; i++) {
            if (step->text[i] < '0' || step->text[i] > '9' || index > YAML_TREE_NODE_LIMIT)
                return NULL;
            index = index * 10 + (size_t)(step->text[i] - '0');
        }
        return index < node->count ? node->items[index] : NULL;
    }
    struct yaml_pair *pair = step->index ? NULL : yaml_find(node, step->text, step->size);
    return pair == NULL ? NULL : pair->value;
}

static int no_member(const struct expand_scope *scope, const struct piece *piece,
                     struct yaml_place place, const struct yaml_node *node,
                     const struct name_step *step, struct error *err)
{
    char buffer[64];
    const char *end = step->text - 1; /* the bracket */
    if (!step->index)
        return unknown_variable(scope, place, piece->data, piece->size, err);
    if (node->kind != YAML_KIND_LIST)
        return yaml_error(err, place, "'%.*s' is %s and has no [%.*s]", (int)(end - piece->data),
                          piece->data, yaml_describe(node, buffer, sizeof(buffer)), (int)step->size,
                          step->text);
    return yaml_error(err, place, "'%.*s' has %u item%s, counted from 0, and no [%.*s]",
                      (int)(end - piece->data), piece->data, node->count,
                      node->count == 1 ? "" : "s", (int)step->size, step->text);
}

static bool is_step(const struct name_step *step, const char *word)
{
    return strlen(word) == step->size && memcmp(step->text, word, step->size) == 0;
}

/* deps.x and outs.x */
static int look_inside(struct expand_scope *scope, const struct piece *piece,
                       struct yaml_place place, const char *rest, struct yaml_node **node,
                       struct error *err)
{
    struct name_step name;
    const char *end = piece->data + piece->size;
    bool out = piece->data[0] == 'o';
    if (scope->inner == NULL)
        return yaml_error(err, place, "'%.*s' has a value only in 'cmd'", (int)piece->size,
                          piece->data);
    if (rest == end || name_next_step(rest, end, &name) != end || name.index)
        return yaml_error(err, place, "'${%.*s}' names no single %s: ${%s.name}", (int)piece->size,
                          piece->data, out ? "out" : "dep", out ? "outs" : "deps");
    return scope->inner(scope->inner_context, out, name.text, name.size, place, node, err);
}

/* What the first step of a name stands for, or NULL. */
static struct yaml_node *first_of(const struct expand_scope *scope, const struct name_step *step,
                                  bool *final)
{
    *final = true;
    if (scope->item != NULL && is_step(step, "item"))
        return (struct yaml_node *)scope->item;
    if (scope->key != NULL && is_step(step, "key"))
        return (struct yaml_node *)scope->key;
    *final = scope->final;
    return scope->vars == NULL ? NULL : member(scope->vars, step);
}

/* Follows the name from its first step. While variables are being expanded,
 * a text on the way must be expanded before it can be entered. */
static int walk(struct expand_scope *scope, const struct piece *piece, struct yaml_place place,
                struct yaml_node **node, bool *final, struct error *err)
{
    const char *end = piece->data + piece->size;
    struct name_step step;
    const char *at = name_next_step(piece->data, end, &step);
    if (is_step(&step, "deps") || is_step(&step, "outs")) {
        *final = true;
        return look_inside(scope, piece, place, at, node, err);
    }
    struct yaml_node *reached = first_of(scope, &step, final);
    if (reached == NULL)
        return unknown_variable(scope, place, piece->data, piece->size, err);
    while (at < end) {
        if (!*final && has_expression(reached)) {
            if (expand_memo(scope, reached, &reached, err) < 0)
                return -1;
            *final = true;
        }
        at = name_next_step(at, end, &step);
        struct yaml_node *next = member(reached, &step);
        if (next == NULL)
            return no_member(scope, piece, place, reached, &step, err);
        reached = next;
    }
    *node = reached;
    return 0;
}

/* The lookup on top of the chain came back to `node`: names the way round. */
static int cycle_error(const struct expand_scope *scope, const struct yaml_node *node,
                       struct error *err)
{
    ASSERT(scope->chain_count > 0);
    const struct expand_link *top = &scope->chain[scope->chain_count - 1];
    size_t first = 0;
    while (first + 1 < scope->chain_count && scope->chain[first].node != node)
        first++;
    struct text way = {0};
    if (scope->chain[first].node != node || first + 1 == scope->chain_count) {
        /* It was entered from the list of variables and not by its name. */
        text_addf(&way, "%s -> ", top->name);
        first = 0;
    }
    for (size_t i = first; i < scope->chain_count; i++)
        text_addf(&way, "%s%s", i == first ? "" : " -> ", scope->chain[i].name);
    yaml_error(err, top->place, "the variable '%s' refers to itself: %s", top->name,
               text_string(&way));
    text_release(&way);
    return -1;
}

static int follow(struct expand_scope *scope, const struct piece *piece, struct yaml_node **value,
                  struct error *err)
{
    struct expand_link *link = &scope->chain[scope->chain_count - 1];
    struct yaml_node *node = NULL;
    bool final = false;
    if (walk(scope, piece, link->place, &node, &final, err) < 0)
        return -1;
    if (final) {
        *value = node;
        return 0;
    }
    if (node->expanded == NULL && node->expanding)
        return cycle_error(scope, node, err);
    link->node = node;
    return expand_memo(scope, node, value, err);
}

static int look_up(struct expand_scope *scope, const struct yaml_node *user,
                   const struct piece *piece, struct yaml_node **value, struct error *err)
{
    struct yaml_place place = place_in(user, piece->start);
    if (scope->chain_count == EXPAND_CHAIN_LIMIT)
        return yaml_error(err, place, "more than %d variables refer to one another in a row",
                          EXPAND_CHAIN_LIMIT);
    struct yaml_node *name = yaml_tree_text(scope->tree, place, piece->data, piece->size, err);
    if (name == NULL)
        return -1;
    scope->chain[scope->chain_count++] = (struct expand_link){name->text, NULL, place};
    int result = follow(scope, piece, value, err);
    scope->chain_count--;
    return result;
}

static int insert_text(const struct yaml_node *user, const struct piece *piece,
                       const struct yaml_node *value, struct text *text, struct error *err)
{
    char buffer[64];
    if (!yaml_is_scalar(value) || value->kind == YAML_KIND_NULL)
        return yaml_error(err, place_in(user, piece->start),
                          "'%.*s' is %s and cannot stand inside a text", (int)piece->size,
                          piece->data, yaml_describe(value, buffer, sizeof(buffer)));
    text_add(text, value->text);
    return 0;
}

/* *null becomes a value of null that spreads over the whole text. */
static int expand_pieces(struct expand_scope *scope, const struct yaml_node *node,
                         struct text *text, const struct yaml_node **null, struct error *err)
{
    for (const char *at = node->text; *at != '\0';) {
        struct piece piece;
        struct yaml_node *value;
        if (next_piece(node, at, &at, &piece, err) < 0)
            return -1;
        if (!piece.expression)
            text_append(text, piece.data, piece.size);
        else if (look_up(scope, node, &piece, &value, err) < 0)
            return -1;
        else if (scope->null_spreads && value->kind == YAML_KIND_NULL)
            *null = value;
        else if (insert_text(node, &piece, value, text, err) < 0)
            return -1;
        if (text->size > EXPAND_TEXT_LIMIT)
            return yaml_error(err, place_in(node, piece.start), "a text of more than %d bytes",
                              EXPAND_TEXT_LIMIT);
    }
    return text_check(text, err);
}

/* A copy of the value that stands where it is used. */
static int place_value(struct expand_scope *scope, const struct yaml_node *user,
                       const struct yaml_node *value, struct yaml_node **expanded,
                       struct error *err)
{
    struct yaml_node *copy = yaml_tree_memory(scope->tree, user->place, 1, sizeof(*copy), err);
    if (copy == NULL)
        return -1;
    *copy = *value;
    copy->place = user->place;
    copy->verbatim = 0;
    copy->expanded = NULL;
    copy->expanding = false;
    *expanded = copy;
    return 0;
}

static int expand_text(struct expand_scope *scope, struct yaml_node *node,
                       struct yaml_node **expanded, struct error *err)
{
    if (expand_is_expression(node)) {
        struct piece piece;
        const char *rest;
        struct yaml_node *value;
        if (next_piece(node, node->text, &rest, &piece, err) < 0 ||
            look_up(scope, node, &piece, &value, err) < 0)
            return -1;
        return place_value(scope, node, value, expanded, err);
    }
    struct text text = {0};
    struct yaml_node *made = NULL;
    const struct yaml_node *null = NULL;
    int status = expand_pieces(scope, node, &text, &null, err);
    if (status == 0 && null != NULL)
        status = place_value(scope, node, null, &made, err);
    else if (status == 0)
        made = yaml_tree_text(scope->tree, node->place, text_string(&text), text.size, err);
    text_release(&text);
    *expanded = made;
    return made == NULL ? -1 : 0;
}

static int expand_child(struct expand_scope *scope, struct yaml_node *node,
                        struct yaml_node **expanded, struct error *err)
{
    return scope->final ? expand(scope, node, expanded, err)
                        : expand_memo(scope, node, expanded, err);
}

static int expand_list(struct expand_scope *scope, struct yaml_node *node,
                       struct yaml_node **expanded, struct error *err)
{
    struct yaml_node *list = yaml_tree_list(scope->tree, node->place, node->count, err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        struct yaml_node *item;
        if (expand_child(scope, node->items[i], &item, err) < 0 ||
            yaml_list_add(list, item, err) < 0)
            return -1;
    }
    *expanded = list;
    return 0;
}

static int expand_map(struct expand_scope *scope, struct yaml_node *node,
                      struct yaml_node **expanded, struct error *err)
{
    struct yaml_node *map = yaml_tree_map(scope->tree, node->place, node->count, err);
    if (map == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        struct yaml_node *key = node->pairs[i].key, *value;
        const char *expression = strstr(key->text, "${");
        if (expression != NULL)
            return yaml_error(err, place_in(key, expression), "a key is not expanded");
        if (expand_child(scope, node->pairs[i].value, &value, err) < 0 ||
            yaml_map_add(map, key, value, err) < 0)
            return -1;
    }
    *expanded = map;
    return 0;
}

int expand(struct expand_scope *scope, struct yaml_node *node, struct yaml_node **expanded,
           struct error *err)
{
    if (has_expression(node))
        return expand_text(scope, node, expanded, err);
    if (node->expression && !yaml_is_scalar(node))
        return (node->kind == YAML_KIND_LIST ? expand_list : expand_map)(scope, node, expanded,
                                                                         err);
    *expanded = node;
    return 0;
}

/* Of a variable: once, and never from inside itself. */
static int expand_memo(struct expand_scope *scope, struct yaml_node *node,
                       struct yaml_node **expanded, struct error *err)
{
    if (node->expanded == NULL) {
        if (node->expanding)
            return cycle_error(scope, node, err);
        node->expanding = true;
        if (expand(scope, node, &node->expanded, err) < 0)
            return -1;
    }
    *expanded = node->expanded;
    return 0;
}

int expand_vars(struct expand_scope *scope, struct error *err)
{
    if (scope->vars != NULL && expand_memo(scope, scope->vars, &scope->vars, err) < 0)
        return -1;
    scope->final = true;
    return 0;
}
