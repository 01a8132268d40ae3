#include "known_text.h"

#include "base/file.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

void known_open(struct known_text *known, const char *path)
{
    struct error err;
    size_t size;
    if (file_read(path, 1 << 24, &known->text, &size, &err) < 0)
        fail_msg("%s", err.message);
    known->at = known->text;
}

void known_close(struct known_text *known)
{
    free(known->text);
}

const char *known_word(struct known_text *known)
{
    char *word = known->word;
    size_t size = 0;
    for (;;) {
        while (isspace((unsigned char)*known->at))
            known->at++;
        if (*known->at != '#')
            break;
        while (*known->at != '\0' && *known->at != '\n')
            known->at++;
    }
    while (*known->at != '\0' && !isspace((unsigned char)*known->at) &&
           size + 1 < sizeof(known->word))
        word[size++] = *known->at++;
    word[size] = '\0';
    return size > 0 ? word : NULL;
}

double known_number(struct known_text *known)
{
    const char *word = known_word(known);
    char *end;
    if (word == NULL)
        fail_msg("the file ends where a number should be");
    double value = strtod(word, &end);
    if (*end != '\0')
        fail_msg("'%s' is no number", word);
    return value;
}

void known_find(struct known_text *known, const char *word)
{
    const char *found;
    do
        found = known_word(known);
    while (found != NULL && strcmp(found, word) != 0);
    if (found == NULL)
        fail_msg("no '%s' in the file", word);
}

void known_array(const char *path, const char *name, float *values, size_t count)
{
    struct known_text known;
    known_open(&known, path);
    known_find(&known, name);
    assert_int_equal((size_t)known_number(&known), count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)known_number(&known);
    known_close(&known);
}

void known_near(const float *values, const float *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)values[i] - (double)expected[i]) <= tolerance))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)values[i], (double)expected[i]);
}
