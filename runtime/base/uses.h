/* What a fingerprint rests on: lines `uses PATH` beside its `name value` lines. The runner
 * remembers a fingerprint only as long as these files stand as they were; one that is absent may
 * appear, and is named, too. They are in no key.
 */
#ifndef BASE_USES_H
#define BASE_USES_H

#include <stdio.h>

/* An absolute path. */
void uses_print(FILE *stream, const char *path);

/* Every shared object that this process has loaded, also by dlopen(). */
void uses_print_libraries(FILE *stream);

#endif
