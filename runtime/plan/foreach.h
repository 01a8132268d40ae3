/* The variants of a stage under `foreach` and `matrix`, named as DVC names them.
 *
 *   foreach: [a, b]                       item a: name@a
 *   foreach: [{x: 1}, {x: 2}]             item {x: 1}: name@0 (lists or maps among the items)
 *   foreach: {uk: {x: 1}, us: {x: 2}}     item {x: 1}, key uk: name@uk
 *   matrix: {lr: [0.1, 0.2], net: [{x: 1}]}   item {lr: 0.1, net: {x: 1}}: name@0.1-net0
 */
#ifndef PLAN_FOREACH_H
#define PLAN_FOREACH_H

#include "plan/yaml_tree.h"

enum { FOREACH_LIMIT = 100000 }; /* variants of one stage */

/* Both take what stands under the key, expanded, and give a map: what follows
 * the @ to the item. `stage` is for messages. */
int foreach_items(struct yaml_tree *tree, const char *stage, struct yaml_node *over,
                  struct yaml_node **items, struct error *err);
int matrix_items(struct yaml_tree *tree, const char *stage, struct yaml_node *dimensions,
                 struct yaml_node **items, struct error *err);

#endif
