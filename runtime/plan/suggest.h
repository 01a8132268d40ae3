/* ", did you mean 'epochs'?" for messages about unknown names. */
#ifndef PLAN_SUGGEST_H
#define PLAN_SUGGEST_H

#include "plan/yaml_tree.h"

#include <stddef.h>

enum { SUGGEST_SIZE = 128 };

/* Each writes a suggestion, or nothing where no candidate is near, and returns
 * `buffer`. */
const char *suggest_word(char buffer[SUGGEST_SIZE], const char *word, const char *const *candidates,
                         size_t count);
const char *suggest_key(char buffer[SUGGEST_SIZE], const char *word, const struct yaml_node *map);

/* Among all variables by their dotted names; also one that ends in `.word`. */
const char *suggest_variable(char buffer[SUGGEST_SIZE], const char *word,
                             const struct yaml_node *vars);

#endif
