#include "report/report_recipe.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* The words of RUN_FLAGS, for the shell that make starts; jansson keeps members in the order of the
 * file, which the runner sorts. */
static void add_sets(struct text *flags, const json_t *sets)
{
    struct error ignored;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)sets, name, value) {
        struct text word = {0};
        char *json = json_to_text(value, true, &ignored); /* which is YAML, too */
        text_addf(&word, "%s=%s", name, json != NULL ? json : "");
        text_add(flags, flags->size > 0 ? " --set " : "--set ");
        text_add_shell(flags, text_string(&word));
        flags->failed |= json == NULL || word.failed;
        text_release(&word);
        free(json);
    }
}

/* In double quotes, which people type, where no character has a meaning there. */
static void add_flags(struct text *text, const char *flags)
{
    struct text escaped = {0};
    for (; *flags != '\0'; flags++) /* make takes one of two */
        text_add(&escaped, *flags == '$' ? "$$" : (const char[]){*flags, '\0'});
    text_add(text, " RUN_FLAGS=");
    if (strpbrk(text_string(&escaped), "\"$`\\!") == NULL)
        text_addf(text, "\"%s\"", text_string(&escaped));
    else
        text_add_shell(text, text_string(&escaped));
    text->failed |= escaped.failed;
    text_release(&escaped);
}

/* A pipeline without profiles is not that of Reprise's own tree, whose Makefile builds the program:
 * it is one that `reprise init` wrote, for the program on the PATH. */
static bool is_of_own_tree(const json_t *lineage)
{
    return json_text(lineage, "profile")[0] != '\0';
}

void report_recipe_run(struct text *text, const json_t *lineage)
{
    struct text flags = {0};
    add_sets(&flags, json_object_get(lineage, "sets"));
    if (is_of_own_tree(lineage)) {
        text_add(text, "make pipeline PROFILE=");
        text_add_shell(text, json_text(lineage, "profile"));
        if (flags.size > 0)
            add_flags(text, text_string(&flags));
    } else
        text_addf(text, "reprise run%s%s", flags.size > 0 ? " " : "", text_string(&flags));
    text->failed |= flags.failed;
    text_release(&flags);
}

void report_recipe_verify(struct text *text, const json_t *lineage)
{
    text_add(text, is_of_own_tree(lineage) ? "build/reprise verify" : "reprise verify");
    if (json_object_size(json_object_get(lineage, "sets")) > 0)
        text_add(text, " --as-recorded");
}

void report_recipe_sets(struct text *text, const json_t *lineage)
{
    add_sets(text, json_object_get(lineage, "sets"));
}

void report_recipe_check(struct text *text, const json_t *lineage)
{
    size_t i;
    json_t *stage;
    json_array_foreach (json_object_get(lineage, "stages"), i, stage) {
        const json_t *metrics = json_at(stage, "outs.metrics");
        const char *path = json_string_value(json_object_get(metrics, "path"));
        const char *digest = json_string_value(json_object_get(metrics, "digest"));
        if (strcmp(json_text(stage, "name"), "evaluate") != 0 || path == NULL || digest == NULL)
            continue;
        struct text line = {0};
        text_addf(&line, "%s  artifacts/evaluate/%s", digest, path);
        text_add(text, "echo ");
        text_add_shell(text, text_string(&line));
        text_add(text, " | sha256sum -c");
        text->failed |= line.failed;
        text_release(&line);
    }
}
