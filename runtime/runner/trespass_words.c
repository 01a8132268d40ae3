#include "runner/trespass.h"

#include "base/json.h"
#include "runner/tried.h"

#include <ctype.h>
#include <string.h>

enum { NAMED = 5 };

/* A value that YAML could take for something else is quoted. */
void trespass_entry(const char *name, const char *value, struct text *line)
{
    const bool plain = isalnum((unsigned char)value[0]) || strchr("/._", value[0]) != NULL;
    const size_t length =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"
                      "789/._+@-");
    if (plain && value[length] == '\0')
        text_addf(line, "%s: %s", name, value);
    else {
        text_addf(line, "%s: '", name);
        for (; *value != '\0'; value++)
            text_add(line, *value == '\'' ? "''" : (char[]){*value, '\0'});
        text_add(line, "'");
    }
}

void trespass_explain(const struct attempt *attempt, const struct trespass *trespass,
                      struct text *line)
{
    const struct plan_stage *stage = attempt->job->stage;
    const bool temporary = tried_below(trespass->path, "/tmp") != NULL;
    text_addf(line, "%s:%d:%d: stage '%s' %s '%s', ", attempt->jobs->project->plan->file,
              stage->place.line, stage->place.column, stage->name,
              trespass->wrote ? "wrote to" : "read", trespass->path);
    if (trespass->wrote && temporary)
        text_add(line, "and may write in its own folder alone: there is $TMPDIR");
    else if (trespass->wrote && trespass->path[0] == '/' &&
             tried_allows(attempt->tried, trespass->path, false)) /* a place of the system */
        text_add(line, "and may write in its own folder alone");
    else if (trespass->wrote) {
        text_add(line, "and may write in its own folder alone: add to its outs: \"");
        trespass_entry(trespass->name,
                       strrchr(trespass->path, '/') != NULL ? strrchr(trespass->path, '/') + 1
                                                            : trespass->path,
                       line);
        text_addf(line, "\", and write to ${outs.%s}", trespass->name);
    } else if (trespass->dep != NULL)
        text_addf(line, "which it declares as '%s': read it as ${deps.%s}", trespass->dep,
                  trespass->dep);
    else if (trespass->value != NULL) {
        text_add(line, "which it does not declare: add to its deps: \"");
        trespass_entry(trespass->name, trespass->value, line);
        text_add(line, "\"");
    } else
        text_addf(line, "which it does not declare: %s",
                  trespass->other != NULL ? trespass->other : "it cannot be a dep");
}

static json_t *entry_json(const struct attempt *attempt, const struct trespass *trespass)
{
    struct text help = {0};
    json_t *json = json_object_with(json_object(), "path", json_clean(trespass->path));
    json = json_object_with(json, "access", json_string(trespass->wrote ? "write" : "read"));
    if (trespass->dep != NULL)
        json = json_object_with(json, "declared_as", json_string(trespass->dep));
    else if (trespass->value != NULL && !trespass->wrote)
        json = json_object_with(
            json, "add",
            json_object_with(json_object(), trespass->name, json_clean(trespass->value)));
    trespass_explain(attempt, trespass, &help);
    json = json_object_with(json, "help", json_clean(text_string(&help)));
    text_release(&help);
    return json;
}

json_t *trespass_json(const struct attempt *attempt, const struct trespasses *found)
{
    const struct plan_stage *stage = attempt->job->stage;
    json_t *undeclared = json_array(), *unread = json_array();
    for (size_t i = 0; i < found->count; i++)
        undeclared = json_list_with(undeclared, entry_json(attempt, &found->list[i]));
    for (size_t i = 0; i < stage->dep_count; i++)
        if (!found->read[i])
            unread = json_list_with(unread, json_string(stage->deps[i].name));
    json_t *json = json_object_with(json_object(), "undeclared", undeclared);
    json = json_object_with(json, "unread", unread);
    return json_object_with(json, "whole", json_boolean(found->whole));
}

static void add_to_message(const struct trespasses *found, struct error *why)
{
    const size_t used = strlen(why->message);
    struct text path = {0};
    text_add_clean(&path, found->list[0].path, strlen(found->list[0].path));
    snprintf(why->message + used, sizeof(why->message) - used, "; it %s '%s', undeclared",
             found->list[0].wrote ? "wrote to" : "read", text_string(&path));
    text_release(&path);
}

void trespass_note(struct attempt *attempt, struct error *why)
{
    struct trespasses found;
    struct error ignored;
    bool heard;
    const bool tracing = attempt->jobs->project->sandbox == SANDBOX_TRACE;
    const bool failed = why != NULL && why->kind == ERR_STAGE;
    if ((!tracing && !failed) || trespass_find(attempt, &found, &heard, &ignored) < 0 || !heard)
        return;
    for (size_t i = 0; i < found.count && i < NAMED && failed; i++) {
        trespass_explain(attempt, &found.list[i], &attempt->trespasses);
        text_add(&attempt->trespasses, "\n");
    }
    if (found.count > NAMED && failed)
        text_addf(&attempt->trespasses, "... and %zu more\n", found.count - NAMED);
    if (found.count > 0 && failed && !tracing)
        add_to_message(&found, why);
    if (tracing) {
        json_decref(attempt->job->trace);
        attempt->job->trace = trespass_json(attempt, &found);
    }
    trespass_release(&found);
}
