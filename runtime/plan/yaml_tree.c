#include "plan/yaml_tree.h"

#include "base/memory.h"
#include "base/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block is as large as all before it, within these bounds: small files stay small. */
enum { BLOCK_LEAST = 4096, BLOCK_MOST = 1 << 20, ALIGNMENT = 8 };

/* Maps with more pairs find keys by a table. */
enum { INDEX_LEAST = 16 };

/* Nodes and texts live in blocks, newest first, and are freed with the tree. */
struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) char bytes[];
};

/* The keys of a map's first `covered` pairs to their pairs. */
struct yaml_index {
    struct yaml_index *next;
    struct table table;
    size_t covered;
    const struct yaml_pair *duplicate;
};

struct yaml_tree {
    struct block *blocks;
    struct yaml_index *indexes;
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
    for (struct yaml_index *index = tree->indexes; index != NULL; index = index->next)
        table_release(&index->table);
    while (tree->blocks != NULL) {
        struct block *next = tree->blocks->next;
        free(tree->blocks);
        tree->blocks = next;
    }
    free(tree);
}

static struct block *new_block(struct yaml_tree *tree, size_t bytes, struct error *err)
{
    size_t room = tree->total < BLOCK_LEAST  ? BLOCK_LEAST
                  : tree->total < BLOCK_MOST ? tree->total
                                             : BLOCK_MOST;
    if (room < bytes)
        room = bytes;
    struct block *block = memory_new(1, sizeof(*block) + room, err);
    if (block == NULL)
        return NULL;
    block->size = room;
    block->next = tree->blocks;
    tree->blocks = block;
    tree->total += block->size;
    return block;
}

void *yaml_tree_memory(struct yaml_tree *tree, struct yaml_place place, size_t count, size_t size,
                       struct error *err)
{
    size_t bytes;
    struct block *block = tree->blocks;
    if (!memory_multiply(count, size, &bytes) || bytes > YAML_TREE_MEMORY_LIMIT ||
        tree->total > YAML_TREE_MEMORY_LIMIT - bytes) {
        yaml_error(err, place, "the file grows to more than %d MiB", YAML_TREE_MEMORY_LIMIT >> 20);
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if ((block == NULL || block->size - block->used < bytes) &&
        (block = new_block(tree, bytes, err)) == NULL)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

struct yaml_mark yaml_tree_mark(const struct yaml_tree *tree)
{
    return (struct yaml_mark){tree->blocks, tree->indexes,
                              tree->blocks == NULL ? 0 : tree->blocks->used};
}

void yaml_tree_rewind(struct yaml_tree *tree, struct yaml_mark mark)
{
    struct block *block = tree->blocks;
    if (block == NULL || block != mark.block || tree->indexes != mark.indexes)
        return;
    memset(block->bytes + mark.used, 0, block->used - mark.used);
    block->used = mark.used;
}

static struct yaml_node *new_node(struct yaml_tree *tree, struct yaml_place place,
                                  enum yaml_kind kind, size_t more, struct error *err)
{
    struct yaml_node *node = yaml_tree_memory(tree, place, 1, sizeof(*node) + more, err);
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
    struct yaml_node *node = new_node(tree, place, YAML_KIND_TEXT, size + 1, err);
    if (node == NULL)
        return NULL;
    char *copy = (char *)(node + 1);
    memcpy(copy, text, size);
    node->text = copy;
    for (size_t i = 0; i + 1 < size; i++) {
        node->expression |= copy[i] == '$' && copy[i + 1] == '{';
        node->url |= copy[i] == '/' && copy[i + 1] == '/';
    }
    return node;
}

/* Room for `capacity` items of `size` bytes; a node's count has 32 bits. */
static void *room_for(struct yaml_tree *tree, struct yaml_node *node, size_t capacity, size_t size,
                      struct error *err)
{
    if (capacity > YAML_TREE_NODE_LIMIT) {
        yaml_error(err, node->place, "more than %d values in one place", YAML_TREE_NODE_LIMIT);
        return NULL;
    }
    node->capacity = (uint32_t)capacity;
    return yaml_tree_memory(tree, node->place, capacity, size, err);
}

struct yaml_node *yaml_tree_list(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                 struct error *err)
{
    struct yaml_node *node = new_node(tree, place, YAML_KIND_LIST, 0, err);
    if (node == NULL)
        return NULL;
    node->items = room_for(tree, node, capacity, sizeof(*node->items), err);
    return node->items == NULL ? NULL : node;
}

struct yaml_node *yaml_tree_map(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                struct error *err)
{
    struct yaml_node *node = new_node(tree, place, YAML_KIND_MAP, 0, err);
    if (node == NULL ||
        (node->pairs = room_for(tree, node, capacity, sizeof(*node->pairs), err)) == NULL)
        return NULL;
    if (capacity > INDEX_LEAST) {
        if ((node->index = yaml_tree_memory(tree, place, 1, sizeof(*node->index), err)) == NULL)
            return NULL;
        node->index->next = tree->indexes;
        tree->indexes = node->index;
    }
    return node;
}

static int count_child(struct yaml_node *parent, const struct yaml_node *child, struct error *err)
{
    ASSERT(parent->count < parent->capacity);
    parent->expression |= child->expression;
    parent->url |= child->url;
    parent->size += child->size; /* two of the limit fit in 32 bits */
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
    map->expression |= key->expression;
    map->url |= key->url;
    map->pairs[map->count++] = (struct yaml_pair){key, value};
    return 0;
}

/* Brings the table up to the map's count; false where memory ran out. Of equal
 * keys the last counts; `duplicate` becomes the first pair whose key was there. */
static bool cover(const struct yaml_node *map)
{
    struct error ignored;
    struct yaml_index *index = map->index;
    if (table_reserve(&index->table, map->count, &ignored) < 0)
        return false;
    for (; index->covered < map->count; index->covered++) {
        struct yaml_pair *pair = &map->pairs[index->covered];
        size_t before = index->table.count;
        if (table_set(&index->table, pair->key->text, strlen(pair->key->text), pair, &ignored) < 0)
            return false;
        if (index->table.count == before && index->duplicate == NULL)
            index->duplicate = pair;
    }
    return true;
}

const struct yaml_pair *yaml_duplicate(const struct yaml_node *map)
{
    if (map->index != NULL && cover(map))
        return map->index->duplicate;
    for (size_t i = 1; i < map->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(map->pairs[i].key->text, map->pairs[j].key->text) == 0)
                return &map->pairs[i];
    return NULL;
}

struct yaml_pair *yaml_find(const struct yaml_node *map, const char *key, size_t size)
{
    if (map == NULL || map->kind != YAML_KIND_MAP)
        return NULL;
    if (map->index != NULL && cover(map))
        return table_find(&map->index->table, key, size);
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->pairs[i].key->text;
        if (*name == *key && strncmp(name, key, size) == 0 && name[size] == '\0')
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
