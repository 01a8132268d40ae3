/* Results side by side: a row each, with the parameters that set it apart and its numbers. */
#ifndef COMMAND_METRICS_TABLE_H
#define COMMAND_METRICS_TABLE_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>

/* {"rows": [{"name", "params": {name: value}, "metrics": {name: number}}], "means": [{"stage",
 * "params", "n", "mean": {name: number}, "deviation": {name: number}}]}
 *
 * of rows like these, with params that are the same for all left out, and of several that say the
 * same under one last name all but the first. Rows of one "stage", or without one, that differ in
 * nothing but seeds (a name that ends in "seed") are one entry of means, with the standard
 * deviation of n - 1; there is none of a row that is alone. Of rows without a stage that have the
 * same seeds, too, the last counts. `sort`, if not NULL, is a column, with a `-` in front for the
 * largest first; ERR_USAGE where there is none of that name, with the nearest. `rows` is let go. */
json_t *metrics_table_make(json_t *rows, const char *sort, struct error *err);

/* As aligned columns, as CSV (RFC 4180) or as a table of Markdown; means are rows named "mean of N"
 * and "deviation". */
enum metrics_form { METRICS_TABLE, METRICS_CSV, METRICS_MARKDOWN };
void metrics_table_text(const json_t *table, enum metrics_form form, struct text *text);

#endif
