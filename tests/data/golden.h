/* Reads the golden files: `key=value` lines or rows of numbers. Test code:
 * anything wrong fails the running test.
 */
#ifndef TESTS_DATA_GOLDEN_H
#define TESTS_DATA_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

/* The whole of tests/golden/<name>; free() it. */
char *golden_read(const char *name);

/* What follows `key` on the first line that begins with it ("" is never
 * found); free() it. NULL if there is none. */
char *golden_find(const char *text, const char *key);
int64_t golden_int(const char *text, const char *key);

/* Integers separated by anything else; free() *values. */
size_t golden_ints(const char *text, int64_t **values);

#endif
