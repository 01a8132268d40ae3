#include "golden_text.h"

#include "base/file.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

void golden_open(struct golden *golden, const char *path)
{
    struct error err;
    size_t size;
    if (file_read(path, 1 << 24, &golden->text, &size, &err) < 0)
        fail_msg("%s", err.message);
    golden->at = golden->text;
}

void golden_close(struct golden *golden)
{
    free(golden->text);
}

const char *golden_word(struct golden *golden)
{
    char *word = golden->word;
    size_t size = 0;
    for (;;) {
        while (isspace((unsigned char)*golden->at))
            golden->at++;
        if (*golden->at != '#')
            break;
        while (*golden->at != '\0' && *golden->at != '\n')
            golden->at++;
    }
    while (*golden->at != '\0' && !isspace((unsigned char)*golden->at) &&
           size + 1 < sizeof(golden->word))
        word[size++] = *golden->at++;
    word[size] = '\0';
    return size > 0 ? word : NULL;
}

double golden_number(struct golden *golden)
{
    const char *word = golden_word(golden);
    char *end;
    if (word == NULL)
        fail_msg("the file ends where a number should be");
    double value = strtod(word, &end);
    if (*end != '\0')
        fail_msg("'%s' is no number", word);
    return value;
}

void golden_seek(struct golden *golden, const char *word)
{
    const char *found;
    do
        found = golden_word(golden);
    while (found != NULL && strcmp(found, word) != 0);
    if (found == NULL)
        fail_msg("no '%s' in the file", word);
}

void golden_array(const char *path, const char *name, float *values, size_t count)
{
    struct golden golden;
    golden_open(&golden, path);
    golden_seek(&golden, name);
    assert_int_equal((size_t)golden_number(&golden), count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)golden_number(&golden);
    golden_close(&golden);
}

void golden_near(const float *values, const float *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)values[i] - (double)expected[i]) <= tolerance))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)values[i], (double)expected[i]);
}
