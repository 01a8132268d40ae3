/* `${a.b}` in the pipeline file.
 *
 * A text that is one expression becomes the variable's value with its type; in
 * longer text the value is inserted as it is spelt. `\${` stands for the two
 * characters. A name is parts of letters, digits, _ and - with dots between;
 * [0], or a number as a part, selects from a list. Variables may refer to
 * variables. In a command, `deps.x` and `outs.x` are where these lie.
 */
#ifndef PLAN_EXPAND_H
#define PLAN_EXPAND_H

#include "plan/yaml_tree.h"

enum {
    EXPAND_CHAIN_LIMIT = 64,      /* variables that refer to one another in a row */
    EXPAND_TEXT_LIMIT = 64 << 10, /* bytes of one text */
};

/* What the name after "deps." or "outs." stands for: a text, or an error at `place`. */
typedef int expand_inner_fn(void *context, bool out, const char *name, size_t size,
                            struct yaml_place place, struct yaml_node **value, struct error *err);

/* What names stand for. Set tree and vars, and what else is known; zero the rest. */
struct expand_scope {
    struct yaml_tree *tree;
    struct yaml_node *vars;       /* a map, or NULL */
    const struct yaml_node *item; /* inside foreach and matrix, else NULL */
    const struct yaml_node *key;
    expand_inner_fn *inner; /* in a command, else NULL */
    void *inner_context;
    bool null_spreads; /* a text with null inside becomes null; else it is an error */
    bool final;        /* vars went through expand_vars */
    struct expand_link {
        const char *name;
        const struct yaml_node *node;
        struct yaml_place place;
    } chain[EXPAND_CHAIN_LIMIT]; /* the lookups under way */
    size_t chain_count;
};

/* Expands every variable; later lookups then give final values. A variable
 * that refers to itself is an error that names the way round. */
int expand_vars(struct expand_scope *scope, struct error *err);

/* A node with all below it expanded; what has no expression is shared. Keys of
 * maps are not expanded: an expression there is an error. A value keeps the
 * place where it is used. */
int expand(struct expand_scope *scope, struct yaml_node *node, struct yaml_node **expanded,
           struct error *err);

/* Whether the text is one expression and nothing else. */
bool expand_is_expression(const struct yaml_node *node);
/* The same, and it begins with "deps." or "outs.". */
bool expand_is_inner(const struct yaml_node *node);

#endif
