/* A run of the past in one line. */
#ifndef COMMAND_RUN_LINE_H
#define COMMAND_RUN_LINE_H

#include "base/text.h"

#include <jansson.h>

/* "ID  STARTED  OUTCOME  PROFILE  accuracy 0.9, 3 executed, 2 cached, 4.1 s  HOST  a=1", and a line
 * feed: of a record (runner/record.h). */
void run_line_add(const json_t *record, struct text *text);

#endif
