/* Does a JSON keep to its schema? As much of JSON Schema 2020-12 as docs/schemas needs: a schema
 * with any other keyword is refused, so that none is passed over.
 *
 *   struct json_schema *schema = json_schema_open("docs/schemas/run.json", &err);
 *   if (schema == NULL || json_schema_check(schema, value, &err) < 0) ...
 *   json_schema_free(schema);
 *
 * `$ref` names a place in the same file, "#/$defs/stage", a file beside it, "run.json", or a place
 * there. make oracle holds it against the library jsonschema.
 */
#ifndef TESTS_JSON_SCHEMA_H
#define TESTS_JSON_SCHEMA_H

#include "base/error.h"

#include <jansson.h>

struct json_schema;

/* NULL with an error where it can't be read, or is none: a keyword that is not known, or whose
 * value is of another kind. */
struct json_schema *json_schema_open(const char *path, struct error *err);
void json_schema_free(struct json_schema *schema);

/* ERR_FORMAT, with the place and what is wrong there, where the value does not keep to it;
 * ERR_USAGE where a `$ref` leads nowhere. */
int json_schema_check(struct json_schema *schema, const json_t *value, struct error *err);

#endif
