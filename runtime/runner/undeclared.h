/* A stage that failed because it looked for a file of the project that it did
 * not declare: found in what it printed.
 */
#ifndef RUNNER_UNDECLARED_H
#define RUNNER_UNDECLARED_H

#include "base/text.h"
#include "runner/attempt.h"

/* The path in the project of the first file or folder that the end of a log names, that is there,
 * and that the stage could not see; in fresh memory, or NULL. A Python module counts by its file.
 */
char *undeclared_find(const struct attempt *attempt, const struct text *log);

#endif
