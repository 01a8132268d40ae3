#include "plan/stage_draft.h"

#include "plan/name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stage_draft_release(struct stage_draft *draft)
{
    plan_stage_release(&draft->stage);
}

int stage_draft_error(const struct stage_draft *draft, struct yaml_place place, struct error *err,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = ERR_USAGE;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    error_prefix(err, "stage '%s': ", draft->source->name);
    return yaml_error_at(err, place);
}

int stage_draft_wrong_type(const struct stage_draft *draft, const char *what, const char *expected,
                           const struct yaml_node *node, struct error *err)
{
    char buffer[64];
    return stage_draft_error(draft, node->place, err, "%s must be %s, not %s", what, expected,
                             yaml_describe(node, buffer, sizeof(buffer)));
}

int stage_draft_check_name(const struct stage_draft *draft, const char *kind,
                           const struct yaml_node *name, struct error *err)
{
    if (name_is_good(name->text, '\0'))
        return 0;
    return stage_draft_error(
        draft, name->place, err, "'%.120s' cannot be the name of %s: %s", name->text, kind,
        strlen(name->text) > NAME_LIMIT ? "100 bytes at most" : "letters, digits, '_' and '-'");
}

struct place stage_draft_plan_place(struct yaml_place place)
{
    return (struct place){place.line, place.column};
}

struct yaml_place stage_draft_place(const struct stage_draft *draft, struct place place)
{
    return (struct yaml_place){draft->source->place.file, place.line, place.column};
}
