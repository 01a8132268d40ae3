/* The names of PyTorch's networks as data; for tensor_names.c. */
#ifndef NN_TENSOR_RULES_H
#define NN_TENSOR_RULES_H

#include <stdbool.h>
#include <stddef.h>

/* Ours is a layer of keras.applications, theirs the module without ".weight". In braces stand
 * places: {s} a stage, {b} a block, {i} a layer, {k} a block counted through, all numbers; {a} a
 * letter, "a" is 0. Theirs may add or subtract one: {s-1}, {k+1}. From {k}, or from {s} and {a},
 * follow {S} and {B}, stage and block of that stage from 0, and {K}, the block counted through from
 * 0. */
struct tensor_rule {
    const char *ours, *theirs;
};

struct tensor_dialect {
    const char *title;         /* "torchvision's and timm's ResNet" */
    const char *architectures; /* of ours, by how their names begin, or whole with a blank behind */
    const char *sizes;         /* blocks of each stage, as digits; "" where {k} is not used */
    int first;                 /* {k} of the first block */
    bool around;               /* zeros on all sides of strided convolutions; else as our graph */
    float epsilon;             /* of its batch norms */
    const char *file_part;     /* only where the name of the file holds it; NULL for all */
    const struct tensor_rule *rules;
    size_t count;
};

extern const struct tensor_dialect tensor_dialects[];
extern const size_t tensor_dialect_count;

#endif
