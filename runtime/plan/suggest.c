#include "plan/suggest.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for any file that people write; bounds the work for others. */
enum { CANDIDATE_LIMIT = 1000 };

static const char *write_suggestion(char *buffer, const char *nearest)
{
    buffer[0] = '\0';
    if (nearest != NULL)
        snprintf(buffer, SUGGEST_SIZE, ", did you mean '%.100s'?", nearest);
    return buffer;
}

const char *suggest_word(char buffer[SUGGEST_SIZE], const char *word, const char *const *candidates,
                         size_t count)
{
    return write_suggestion(buffer, text_nearest(word, candidates, count));
}

const char *suggest_key(char buffer[SUGGEST_SIZE], const char *word, const struct yaml_node *map)
{
    const char *keys[CANDIDATE_LIMIT];
    size_t count = 0;
    for (; map != NULL && count < map->count && count < CANDIDATE_LIMIT; count++)
        keys[count] = map->pairs[count].key->text;
    return suggest_word(buffer, word, keys, count);
}

/* Appends the dotted names of all variables in `map`. Out of memory only makes
 * the list shorter: a suggestion is a courtesy. */
static void collect(const struct yaml_node *map, const char *prefix, char **names, size_t *count)
{
    for (size_t i = 0; i < map->count && *count < CANDIDATE_LIMIT; i++) {
        const struct yaml_pair *pair = &map->pairs[i];
        struct text name = {0};
        text_addf(&name, "%s%s%s", prefix, *prefix == '\0' ? "" : ".", pair->key->text);
        if (name.failed) {
            text_release(&name);
            return;
        }
        names[(*count)++] = name.data;
        if (pair->value->kind == YAML_KIND_MAP)
            collect(pair->value, name.data, names, count);
    }
}

static const char *with_last_part(const char *word, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *dot = strrchr(names[i], '.');
        if (dot != NULL && strcmp(dot + 1, word) == 0)
            return names[i];
    }
    return NULL;
}

const char *suggest_variable(char buffer[SUGGEST_SIZE], const char *word,
                             const struct yaml_node *vars)
{
    char *names[CANDIDATE_LIMIT] = {0};
    size_t count = 0;
    if (vars != NULL && vars->kind == YAML_KIND_MAP)
        collect(vars, "", names, &count);
    const char *nearest = with_last_part(word, names, count);
    if (nearest == NULL)
        nearest = text_nearest(word, (const char *const *)names, count);
    write_suggestion(buffer, nearest);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return buffer;
}
