#include "plan/yaml_tree.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 4096, ALIGNMENT = 16 };

/* Nodes and texts live in blocks, newest first, and are freed with the tree. */
struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) char bytes[];
};

struct yaml_tree {
    struct block *blocks;
    size_t total;
};

struct yaml_tree *yaml_tree_new(struct error *err)
{
    return memory_new(1, sizeof(struct yaml_tree), err);
}

void yaml_tree_free(struct yaml_tree *tree)
{
    if (tree == NULL)
        return;
    while (tree->blocks != NULL) {
        struct block *next = tree->blocks->next;
        free(tree->blocks);
        tree->blocks = next;
    }
    free(tree);
}

void *yaml_tree_memory(struct yaml_tree *tree, struct yaml_place place, size_t count, size_t size,
                       struct error *err)
{
    size_t bytes;
    if (!memory_multiply(count, size, &bytes) ||
        bytes > (size_t)YAML_TREE_MEMORY_LIMIT - tree->total) {
        yaml_error(err, place, "the file grows to more than %d MiB", YAML_TREE_MEMORY_LIMIT >> 20);
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = tree->blocks;
    if (block == NULL || block->size - block->used < bytes) {
        size_t room = bytes > BLOCK_SIZE ? bytes : BLOCK_SIZE;
        if ((block = memory_new(1, sizeof(*block) + room, err)) == NULL)
            return NULL;
        block->size = room;
        block->next = tree->blocks;
        tree->blocks = block;
        tree->total += room < YAML_TREE_MEMORY_LIMIT - tree->total
                           ? room
                           : YAML_TREE_MEMORY_LIMIT - tree->total;
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

static struct yaml_node *new_node(struct yaml_tree *tree, struct yaml_place place,
                                  enum yaml_kind kind, struct error *err)
{
    struct yaml_node *node = yaml_tree_memory(tree, place, 1, sizeof(*node), err);
    if (node != NULL) {
        node->kind = kind;
        node->place = place;
        node->size = 1;
    }
    return node;
}

struct yaml_node *yaml_tree_text(struct yaml_tree *tree, struct yaml_place place, const char *text,
                                 size_t size, struct error *err)
{
    struct yaml_node *node = new_node(tree, place, YAML_KIND_TEXT, err);
    char *copy = node == NULL ? NULL : yaml_tree_memory(tree, place, size + 1, 1, err);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, size);
    node->text = copy;
    return node;
}

struct yaml_node *yaml_tree_list(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                 struct error *err)
{
    struct yaml_node *node = new_node(tree, place, YAML_KIND_LIST, err);
    if (node == NULL)
        return NULL;
    node->capacity = capacity;
    node->items = yaml_tree_memory(tree, place, capacity, sizeof(*node->items), err);
    return node->items == NULL ? NULL : node;
}

struct yaml_node *yaml_tree_map(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                struct error *err)
{
    struct yaml_node *node = new_node(tree, place, YAML_KIND_MAP, err);
    if (node == NULL)
        return NULL;
    node->capacity = capacity;
    node->pairs = yaml_tree_memory(tree, place, capacity, sizeof(*node->pairs), err);
    return node->pairs == NULL ? NULL : node;
}

static int count_child(struct yaml_node *parent, const struct yaml_node *child, struct error *err)
{
    ASSERT(parent->count < parent->capacity);
    parent->size += child->size;
    if (parent->size > YAML_TREE_NODE_LIMIT)
        return yaml_error(err, child->place, "more than %d values in one place",
                          YAML_TREE_NODE_LIMIT);
    if (child->depth + 1 > parent->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > YAML_TREE_DEPTH_LIMIT)
        return yaml_error(err, child->place, "lists and maps are more than %d deep",
                          YAML_TREE_DEPTH_LIMIT);
    return 0;
}

int yaml_list_add(struct yaml_node *list, struct yaml_node *item, struct error *err)
{
    if (count_child(list, item, err) < 0)
        return -1;
    list->items[list->count++] = item;
    return 0;
}

int yaml_map_add(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value,
                 struct error *err)
{
    if (count_child(map, value, err) < 0)
        return -1;
    map->pairs[map->count++] = (struct yaml_pair){key, value};
    return 0;
}

struct yaml_pair *yaml_find(const struct yaml_node *map, const char *key, size_t size)
{
    if (map == NULL || map->kind != YAML_KIND_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->pairs[i].key->text;
        if (strncmp(name, key, size) == 0 && name[size] == '\0')
            return &map->pairs[i];
    }
    return NULL;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    struct yaml_pair *pair = yaml_find(map, key, strlen(key));
    return pair == NULL ? NULL : pair->value;
}

bool yaml_is_scalar(const struct yaml_node *node)
{
    return node->kind != YAML_KIND_LIST && node->kind != YAML_KIND_MAP;
}

const char *yaml_describe(const struct yaml_node *node, char *buffer, size_t size)
{
    switch (node->kind) {
    case YAML_KIND_NULL: return "null";
    case YAML_KIND_LIST: return "a list";
    case YAML_KIND_MAP: return "a map";
    case YAML_KIND_BOOL: return node->boolean ? "true" : "false";
    case YAML_KIND_INTEGER:
    case YAML_KIND_REAL: snprintf(buffer, size, "the number %.40s", node->text); break;
    case YAML_KIND_TEXT: snprintf(buffer, size, "the text '%.40s'", node->text); break;
    }
    return buffer;
}

/* "file:line:col: ", or "file: " for a fragment. */
static void place_text(char *buffer, size_t size, struct yaml_place place)
{
    if (place.line == 0)
        snprintf(buffer, size, "%s: ", place.file);
    else
        snprintf(buffer, size, "%s:%d:%d: ", place.file, place.line, place.column);
}

int yaml_error_at(struct error *err, struct yaml_place place)
{
    char prefix[512];
    place_text(prefix, sizeof(prefix), place);
    error_prefix(err, "%s", prefix);
    return -1;
}

int yaml_error(struct error *err, struct yaml_place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = ERR_USAGE;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return yaml_error_at(err, place);
}

static int fill_json_list(const struct yaml_node *node, json_t *list, struct error *err)
{
    for (size_t i = 0; i < node->count; i++) {
        json_t *item = yaml_to_json(node->items[i], err);
        if (item == NULL)
            return -1;
        if (json_array_append_new(list, item) < 0)
            return error_set(err, ERR_MEMORY, "out of memory for a list");
    }
    return 0;
}

static int fill_json_map(const struct yaml_node *node, json_t *map, struct error *err)
{
    for (size_t i = 0; i < node->count; i++) {
        json_t *value = yaml_to_json(node->pairs[i].value, err);
        if (value == NULL)
            return -1;
        if (json_object_set_new(map, node->pairs[i].key->text, value) < 0)
            return error_set(err, ERR_MEMORY, "out of memory for a map");
    }
    return 0;
}

static json_t *scalar_to_json(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_KIND_NULL: return json_null();
    case YAML_KIND_BOOL: return json_boolean(node->boolean);
    case YAML_KIND_INTEGER: return json_integer(node->integer);
    case YAML_KIND_REAL: return json_real(node->real);
    case YAML_KIND_TEXT: return json_string(node->text);
    case YAML_KIND_LIST: return json_array();
    case YAML_KIND_MAP: return json_object();
    }
    return NULL;
}

json_t *yaml_to_json(const struct yaml_node *node, struct error *err)
{
    json_t *json = scalar_to_json(node);
    if (json == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for a JSON value");
        return NULL;
    }
    if ((node->kind == YAML_KIND_LIST && fill_json_list(node, json, err) < 0) ||
        (node->kind == YAML_KIND_MAP && fill_json_map(node, json, err) < 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}
