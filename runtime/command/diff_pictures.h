/* What a comparison needs data for, done by the stage `compare`: the pictures whose answer changed,
 * the curves of both trainings, the page. */
#ifndef COMMAND_DIFF_PICTURES_H
#define COMMAND_DIFF_PICTURES_H

#include "command/side.h"

/* Adds "pictures" to the difference (difference.h), as stages/compare/compare_pictures.h has it, or
 * {"note": why they were not compared}; writes the page to `html`, if not NULL. */
int diff_pictures(const struct project *project, const struct side *a, const struct side *b,
                  json_t *difference, const char *html, struct error *err);

#endif
