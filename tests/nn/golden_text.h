/* Arrays in text files of known answers: words, then numbers, separated by
 * blanks and line ends; lines that start with # are comments.
 */
#ifndef TESTS_GOLDEN_TEXT_H
#define TESTS_GOLDEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct golden {
    char *text;
    const char *at;
    char word[64];
};

/* A file that is not there fails the test. */
void golden_open(struct golden *golden, const char *path);
void golden_close(struct golden *golden);

/* The next word, NULL at the end; valid until the next one is read. */
const char *golden_word(struct golden *golden);
double golden_number(struct golden *golden);

/* Moves behind the given word. */
void golden_seek(struct golden *golden, const char *word);

/* The array `name count numbers...`, which must have `count` numbers. */
void golden_array(const char *path, const char *name, float *values, size_t count);

/* Fails, naming the place, where two arrays differ by more than `tolerance`. */
void golden_near(const float *values, const float *expected, size_t count, double tolerance);

#endif
