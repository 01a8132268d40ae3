/* `reprise __complete WORD... CURRENT`: what may stand in place of the last word, one a line, for
 * the shells' completions. What the pipeline file offers is left out where the file is wrong. */
#include "base/file.h"
#include "command/commands.h"
#include "plan/plan_expand.h"
#include "plan/plan_read.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 64 << 20 };

static void offer(const char *current, const char *before, const char *word, const char *after)
{
    char text[512];
    int size = snprintf(text, sizeof(text), "%s%s%s", before, word, after);
    if (size > 0 && size < (int)sizeof(text) && strpbrk(text, " \t\n\r\"'\\$`") == NULL &&
        strncmp(text, current, strlen(current)) == 0)
        printf("%s\n", text);
}

/* The leaves of `vars` under their dotted names. */
static void offer_vars(const char *current, const char *before, const char *prefix,
                       const struct yaml_node *node)
{
    for (size_t i = 0; node->kind == YAML_KIND_MAP && i < node->count; i++) {
        char name[256];
        const struct yaml_node *value = node->pairs[i].value;
        int size = snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                            node->pairs[i].key->text);
        if (size < 0 || size >= (int)sizeof(name))
            continue;
        if (value->kind == YAML_KIND_MAP)
            offer_vars(current, before, name, value);
        else
            offer(current, before, name, "=");
    }
}

/* What of the pipeline file is asked for. */
enum wanted { WANTED_STAGES, WANTED_PROFILES, WANTED_VARS };

static void offer_file(const char *current, const char *before, enum wanted wanted)
{
    struct error ignored;
    struct expanded_plan *expanded = NULL;
    struct plan *plan = NULL;
    char *data = NULL, *file = plan_find_file("pipeline.yaml", &ignored);
    size_t size;
    if (file == NULL)
        return;
    if (wanted == WANTED_VARS) {
        if (file_read(file, FILE_LIMIT, &data, &size, &ignored) == 0 &&
            plan_expand(file, data, size, NULL, NULL, 0, &expanded, &ignored) == 0) {
            if (expanded->vars != NULL)
                offer_vars(current, before, "", expanded->vars);
            plan_expand_free(expanded);
        }
    } else if (plan_read(file, NULL, NULL, 0, &plan, &ignored) == 0) {
        for (size_t i = 0; i < plan->profile_count && wanted == WANTED_PROFILES; i++)
            offer(current, before, plan->profiles[i], "");
        for (size_t i = 0; i < plan->count && wanted == WANTED_STAGES; i++)
            offer(current, before, plan->stages[i].name, "");
        for (size_t i = 0; i < plan->group_count && wanted == WANTED_STAGES; i++)
            offer(current, before, plan->groups[i], "");
        plan_free(plan);
    }
    free(data);
    free(file);
}

/* The values of an option; `before` stands in front of each. False where any file may be meant. */
static bool offer_values(const char *option, const char *before, const char *current)
{
    if (strcmp(option, "--profile") == 0)
        offer_file(current, before, WANTED_PROFILES);
    else if (strcmp(option, "--set") == 0)
        offer_file(current, before, WANTED_VARS);
    for (const char *const *value = options_values(option); *value != NULL; value++)
        offer(current, before, *value, "");
    return options_has_value(option);
}

void command_complete(int count, char **words)
{
    const struct command *command = NULL;
    const char *current = count > 0 ? words[count - 1] : "";
    const char *previous = count > 1 ? words[count - 2] : "", *equals = strchr(current, '=');
    char option[64] = "";
    for (int i = 0; i < count - 1 && command == NULL; i++)
        for (const struct command *each = commands; each->name != NULL; each++)
            if (strcmp(each->name, words[i]) == 0)
                command = each;
    if (strncmp(current, "--", 2) == 0 && equals != NULL) {
        char before[66];
        snprintf(option, sizeof(option), "%.*s", (int)(equals - current), current);
        snprintf(before, sizeof(before), "%s=", option);
        offer_values(option, before, current);
        return;
    }
    if (offer_values(previous, "", current))
        return;
    if (current[0] == '-')
        options_each(command, current, offer);
    else if (command == NULL)
        for (command = commands; command->name != NULL; command++)
            offer(current, "", command->name, "");
    else if (strstr(command->words, "STAGE") != NULL)
        offer_file(current, "", WANTED_STAGES);
}
