/* Arrays in text files of known answers: words, then numbers, separated by
 * blanks and line ends; lines that start with # are comments.
 */
#ifndef TESTS_KNOWN_TEXT_H
#define TESTS_KNOWN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known_text {
    char *text;
    const char *at;
    char word[64];
};

/* A file that is not there fails the test. */
void known_open(struct known_text *known, const char *path);
void known_close(struct known_text *known);

/* The next word, NULL at the end; valid until the next one is read. */
const char *known_word(struct known_text *known);
double known_number(struct known_text *known);

/* Moves behind the given word. */
void known_find(struct known_text *known, const char *word);

/* The array `name count numbers...`, which must have `count` numbers. */
void known_array(const char *path, const char *name, float *values, size_t count);

/* Fails, naming the place, where two arrays differ by more than `tolerance`. */
void known_near(const float *values, const float *expected, size_t count, double tolerance);

#endif
