/* Passwords and tokens in URLs do not belong in a pipeline file: what stands there
 * is hashed, recorded and shown. */
#ifndef PLAN_SECRET_URL_H
#define PLAN_SECRET_URL_H

#include "plan/yaml_tree.h"

/* ERR_USAGE with the node's place where a text in it or below it holds a URL with a user's name,
 * password or token; the message does not show it. */
int secret_url_refuse(const struct yaml_node *node, struct error *err);

#endif
