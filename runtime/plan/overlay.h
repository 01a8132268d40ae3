/* Changes over `vars`: a profile's values, then those of --set. Only what is
 * declared may be changed. Maps are merged, lists and scalars replaced; null
 * may become a map, of whatever keys in whichever layer, and a map null. The trees given are not
 * changed. */
#ifndef PLAN_OVERLAY_H
#define PLAN_OVERLAY_H

#include "plan/yaml_tree.h"

#include <jansson.h>

/* `over` is what `profiles` holds for `profile`: a map or null. */
int overlay_profile(struct yaml_tree *tree, struct yaml_node *vars, const char *profile,
                    struct yaml_node *over, struct yaml_node **result, struct error *err);

/* `declared` is `vars` of the file, without any layer. `set` is "a.b=value", the value YAML. It is
 * also put into `sets`: "a.b" to the value as JSON. */
int overlay_set(struct yaml_tree *tree, const struct yaml_node *declared, struct yaml_node *vars,
                const char *set, struct yaml_node **result, json_t *sets, struct error *err);

#endif
