#include "figure/extreme.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const extreme_words[EXTREME_KINDS] = {"short",   "late",  "middle", "longest",
                                                  "scripts", "alike", "tall"};

static void fill_scripts(char *name, size_t size, size_t i)
{
    static const char *const words[] = {"harbour seal",
                                        "\xce\xb8\xce\xac\xce\xbb\xce\xb1\xcf\x83\xcf\x83\xce\xb1",
                                        "\xd0\xbf\xd0\xb5\xd1\x80\xd0\xb5\xd0\xbf\xd1\x91\xd0\xbb",
                                        "\xd5\xac\xd5\xb8\xd6\x82\xd5\xbd",
                                        "\xe6\x97\xa5\xe6\x9c\xac",
                                        "\xd9\x82\xd8\xb7\xd8\xa9",
                                        "\xe0\xb9\x81\xe0\xb8\xa1\xe0\xb8\xa7",
                                        "\xed\x95\x9c\xea\xb5\xad",
                                        "\xf0\x9f\x90\x88",
                                        "\xc3\x9cnic\xc3\xb6 \xc3\xa9t\xc3\xa9"};
    size_t count = sizeof(words) / sizeof(words[0]);
    if (i < count)
        snprintf(name, size, "%s", words[i]);
    else
        snprintf(name, size, "%s %zu", words[i % count], i / count);
}

/* Each of some letters as Latin or as Cyrillic: the bits of i choose. */
static void fill_alike(char *name, size_t size, size_t i)
{
    static const char *const letters[][2] = {{"c", "\xd1\x81"}, {"a", "\xd0\xb0"},
                                             {"p", "\xd1\x80"}, {"e", "\xd0\xb5"},
                                             {"x", "\xd1\x85"}, {"o", "\xd0\xbe"}};
    if (i % 9 == 8) {
        snprintf(name, size, i % 2 ? "#%zu" : "capexo #%zu", i / 2);
        return;
    }
    name[0] = '\0';
    for (size_t bit = 0; bit < 6; bit++)
        snprintf(name + strlen(name), size - strlen(name), "%s", letters[bit][i >> bit & 1]);
    if (i >= 64)
        snprintf(name + strlen(name), size - strlen(name), " %zu", i / 64);
}

static void fill_name(enum extreme_kind kind, size_t i, char *name, size_t size)
{
    switch (kind) {
    case EXTREME_SHORT: snprintf(name, size, "c%zu", i); break;
    case EXTREME_LATE:
        snprintf(name, size, "a very long class name of number %zu that goes on", i);
        break;
    case EXTREME_MIDDLE:
        snprintf(name, size,
                 "species of the northern hemisphere, variety %zu, observed by day and from afar "
                 "with a lens that nobody has calibrated since",
                 i);
        break;
    case EXTREME_LONGEST:
        memset(name, 'W', 235);
        snprintf(name + 235, size - 235, "%06zu", i);
        break;
    case EXTREME_SCRIPTS: fill_scripts(name, size, i); break;
    case EXTREME_ALIKE: fill_alike(name, size, i); break;
    default: snprintf(name, size, "\xc3\x82\xc3\x91gj\xc3\x85py \xe1\xba\xa4q %zu", i); break;
    }
}

char **extreme_names(enum extreme_kind kind, size_t count)
{
    char **names = calloc(count, sizeof(*names));
    assert_non_null(names);
    for (size_t i = 0; i < count; i++) {
        names[i] = malloc(256);
        assert_non_null(names[i]);
        fill_name(kind, i, names[i], 256);
    }
    return names;
}

void extreme_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Numerical Recipes' generator: no two runs differ. */
static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

int64_t *extreme_confusion(size_t count)
{
    uint32_t state = 1;
    int64_t *confusion = calloc(count * count, sizeof(*confusion));
    assert_non_null(confusion);
    for (size_t t = 0; t < count; t++) {
        confusion[t * count + t] = t % 7 == 3 ? 1234567 : 80 + next(&state) % 20;
        for (int mistakes = 0; mistakes < 5; mistakes++)
            confusion[t * count + next(&state) % count] += next(&state) % (t % 11 == 0 ? 40 : 4);
    }
    return confusion;
}

int64_t *extreme_counts(size_t count, uint32_t seed)
{
    int64_t *counts = calloc(count, sizeof(*counts));
    assert_non_null(counts);
    for (size_t i = 0; i < count; i++)
        counts[i] = i % 17 == 5 ? 0 : (int64_t)(20000 / (i + 1)) + next(&seed) % 90;
    return counts;
}
