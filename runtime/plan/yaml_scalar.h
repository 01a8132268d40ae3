/* The types of plain YAML scalars: null, true and false, integers (decimal,
 * 0o17, 0x1F) and reals of the core schema (YAML 1.2.2, section 10.3.2);
 * everything else is text. */
#ifndef PLAN_YAML_SCALAR_H
#define PLAN_YAML_SCALAR_H

#include "plan/yaml_tree.h"

/* Sets kind and value of a node from its text. ERR_USAGE for what has no JSON:
 * .inf and .nan, and numbers out of range. */
int yaml_scalar_resolve(struct yaml_node *node, struct error *err);

/* Whether plain text would be read as something other than text. */
bool yaml_scalar_is_special(const char *text);

#endif
