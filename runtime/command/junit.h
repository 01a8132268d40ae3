/* What `verify` checked as JUnit's XML, which CI servers show: a test suite for each level, a test
 * case for each stage, out, copy and requirement. */
#ifndef COMMAND_JUNIT_H
#define COMMAND_JUNIT_H

#include "base/error.h"

#include <jansson.h>

/* Of cases as struct verification keeps them, or NULL. `stopped`, if not NULL, is why there are no
 * more: one case more, which is an error. */
int junit_write(const char *path, const json_t *cases, const struct error *stopped,
                struct error *err);

#endif
