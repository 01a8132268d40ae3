/* A YAML document as a tree, by libyaml's events. Every node knows its place,
 * so that any complaint can point at it. Scalars have the types of YAML 1.2's
 * core schema (https://yaml.org/spec/1.2.2/, section 10.3.2): `yes` is text,
 * and what is quoted is text. Numbers must be finite and integers fit in 64 bits.
 *
 * Refused: duplicate keys, tags, several documents, an alias inside its own
 * anchor, and what is larger, deeper or (through aliases) more than the limits
 * below. A merge key (`<<: *base`) adds the pairs that the map lacks.
 *
 * A tree owns its nodes and their texts; all go with yaml_tree_free().
 */
#ifndef PLAN_YAML_TREE_H
#define PLAN_YAML_TREE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    YAML_TREE_FILE_LIMIT = 64 << 20,  /* bytes of a file */
    YAML_TREE_DEPTH_LIMIT = 64,       /* lists and maps inside each other */
    YAML_TREE_NODE_LIMIT = 4000000,   /* nodes under one node, aliases counted each time */
    YAML_TREE_MEMORY_LIMIT = 1 << 30, /* bytes of all nodes and texts of a tree */
};

enum yaml_kind {
    YAML_KIND_NULL,
    YAML_KIND_BOOL,
    YAML_KIND_INTEGER,
    YAML_KIND_REAL,
    YAML_KIND_TEXT,
    YAML_KIND_LIST,
    YAML_KIND_MAP,
};

/* A line of 0 means that `file` alone names the place: "--set a.b". */
struct yaml_place {
    const char *file;
    int line, column; /* 1-based; columns count characters */
};

struct yaml_pair {
    struct yaml_node *key; /* a text */
    struct yaml_node *value;
};

/* What has a count is a list or a map, what has a text is anything else. */
struct yaml_node {
    enum yaml_kind kind : 8;
    bool expanding : 1;  /* for expand.c: its value is being looked for */
    bool expression : 1; /* "${" stands in it, or in a key or value below it */
    bool url : 1;        /* "//" does, as in a URL */
    unsigned depth : 8;  /* of the deepest node below; 0 for a scalar */
    int verbatim; /* of a text that stands in the file as it is: column of its first character; else
                     0 */
    struct yaml_place place;
    uint32_t size;            /* nodes here and below */
    uint32_t count, capacity; /* of a list or a map */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct yaml_index *index; /* of a large map: finds its keys */
    };
    union {
        const char *text;         /* of a scalar: as spelt in the file */
        struct yaml_node **items; /* of a list */
        struct yaml_pair *pairs;  /* of a map */
    };
    struct yaml_node *expanded; /* for expand.c: a variable's value once it is known */
};

struct yaml_tree;
struct yaml_tree *yaml_tree_new(struct error *err);
void yaml_tree_free(struct yaml_tree *tree);

/* Parses one document into *root. `file` is what messages call it; with
 * `fragment`, places have no lines and an empty document is null. */
int yaml_tree_parse(struct yaml_tree *tree, const char *file, bool fragment, const char *data,
                    size_t size, struct yaml_node **root, struct error *err);

/* New nodes. A text is copied; `capacity` is how many items or pairs will be
 * added. All return NULL with an error, ERR_USAGE where a limit is reached. */
struct yaml_node *yaml_tree_text(struct yaml_tree *tree, struct yaml_place place, const char *text,
                                 size_t size, struct error *err);
struct yaml_node *yaml_tree_list(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                 struct error *err);
struct yaml_node *yaml_tree_map(struct yaml_tree *tree, struct yaml_place place, size_t capacity,
                                struct error *err);
/* Memory that lives as long as the tree, zeroed. */
void *yaml_tree_memory(struct yaml_tree *tree, struct yaml_place place, size_t count, size_t size,
                       struct error *err);

/* Lets go of what was made since the mark, as far as that is simple. */
struct yaml_mark {
    void *block, *indexes;
    size_t used;
};
struct yaml_mark yaml_tree_mark(const struct yaml_tree *tree);
void yaml_tree_rewind(struct yaml_tree *tree, struct yaml_mark mark);

/* Adding a child checks the limits; there must be room for it. A map's keys
 * are the caller's to keep unique. */
int yaml_list_add(struct yaml_node *list, struct yaml_node *item, struct error *err);
int yaml_map_add(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value,
                 struct error *err);

/* The value of a key, or NULL; also NULL where `map` is not a map. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
struct yaml_pair *yaml_find(const struct yaml_node *map, const char *key, size_t size);

/* The first pair whose key one before it has, too; or NULL. */
const struct yaml_pair *yaml_duplicate(const struct yaml_node *map);

bool yaml_is_scalar(const struct yaml_node *node);
/* "a map", "a number", "the text 'yes'", ... for messages. */
const char *yaml_describe(const struct yaml_node *node, char *buffer, size_t size);

/* ERR_USAGE with `file:line:col: ` in front. Returns -1. */
int yaml_error(struct error *err, struct yaml_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts the place before a message that is already there, and keeps its kind. */
int yaml_error_at(struct error *err, struct yaml_place place);

/* A node with all below it as JSON; json_decref() it. */
json_t *yaml_to_json(const struct yaml_node *node, struct error *err);

#endif
