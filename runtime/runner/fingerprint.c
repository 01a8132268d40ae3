#include "runner/fingerprint.h"

#include "base/memory.h"
#include "runner/asked.h"

#include <string.h>

/* Lines of a name and a value, and nothing else. */
static int is_valid(const struct question *question, const char *text, struct error *err)
{
    size_t size = strlen(text);
    bool good = size == 0 || text[size - 1] == '\n';
    while (good && *text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_.-");
        good = name > 0 && text[name] == ' ' && name + 1 < length;
        for (size_t i = 0; i < length && good; i++)
            good = (unsigned char)text[i] >= ' ';
        text += length + 1;
    }
    return good ? 0
                : error_set(err, ERR_STAGE, "'%s %s': a line is not a name and a value",
                            question->stage->argv[0], question->option);
}

int fingerprint_of(const struct project *project, const struct plan_stage *stage,
                   const struct invocation *invocation, enum store_depth depth, char **lines,
                   struct error *err)
{
    if (!invocation->by_path) {
        *lines = memory_copy_text("", err);
        return *lines == NULL ? -1 : 0;
    }
    const struct question question = {.project = project,
                                      .stage = stage,
                                      .invocation = invocation,
                                      .program = invocation->program,
                                      .option = "--fingerprint",
                                      .argument = project->settings.device};
    return asked(&question, invocation, depth, is_valid, lines, err);
}
