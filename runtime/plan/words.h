/* A command's text as words. Blanks separate them; quotes and backslashes
 * group and escape as in a POSIX shell (Shell Command Language, section 2.2).
 * No shell is run, so what only a shell could do (pipes, redirections, $x,
 * *.csv, ~/x) is an error unless it is quoted. */
#ifndef PLAN_WORDS_H
#define PLAN_WORDS_H

#include "plan/yaml_tree.h"

/* A list of texts, each with its place where it can be told. With
 * `expressions`, `${...}` and `\${` are left as they are for expand.c. */
int words_split(struct yaml_tree *tree, const struct yaml_node *command, bool expressions,
                struct yaml_node **words, struct error *err);

#endif
