/* Functions that lose errors or overflow buffers: using one does not compile. Included by the build
 * before every source (-include), after the standard headers that declare them. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol atoll atof

#endif
