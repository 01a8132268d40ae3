#include "runner/asked.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/answers.h"
#include "runner/environment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void add_digest(struct text *text, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    text_addf(text, " %s\n", hex);
}

static int name_of(const struct question *question, const struct invocation *invocation,
                   struct digest *name, struct error *err)
{
    struct text text = {0};
    text_addf(&text, "reprise-question 1\n%s %s\n", question->option, question->argument);
    const char *cudnn = question->project->plan->cudnn;
    text_addf(&text, "device %s\n", question->project->settings.device);
    if (cudnn != NULL)
        text_addf(&text, "cudnn %zu %s\n", strlen(cudnn), cudnn);
    add_digest(&text, &question->program->digest);
    for (size_t i = 0; i < invocation->file_count; i++)
        if (invocation->files[i].interpreter)
            add_digest(&text, &invocation->files[i].program->digest);
    for (size_t i = 0; i < question->stage->env_count; i++) {
        const char *value = environment_value(question->stage, question->stage->env[i]);
        text_addf(&text, "env %s %zu %s\n", question->stage->env[i],
                  value != NULL ? strlen(value) + 1 : 0, value != NULL ? value : "");
    }
    int result = 0;
    if (question->document != NULL) {
        char *document = json_to_text(question->document, true, err);
        text_add(&text, document != NULL ? document : "");
        result = document != NULL ? 0 : -1;
        free(document);
    }
    if (result == 0)
        result = text_check(&text, err);
    if (result == 0)
        result = digest_of_bytes(text.data, text.size, name, err);
    text_release(&text);
    return result;
}

int asked(const struct question *question, const struct invocation *invocation,
          enum store_depth depth,
          int (*is_valid)(const struct question *question, const char *answer, struct error *err),
          char **answer, struct error *err)
{
    struct digest name;
    struct timespec start;
    struct answers *answers = question->project->answers;
    if (name_of(question, invocation, &name, err) < 0 ||
        answers_find(answers, &name, answer, err) < 0)
        return -1;
    if (*answer != NULL)
        return 0;
    if (depth == STORE_BY_MEMO)
        return error_set(err, ERR_UNKNOWN, "'%s' was not asked", question->stage->argv[0]);
    clock_gettime(CLOCK_REALTIME, &start);
    if (!question_is_understood(question->program, question->option))
        *answer = memory_copy_text("", err);
    else if (question_ask(question, answer, err) == 0 && is_valid(question, *answer, err) < 0) {
        free(*answer);
        *answer = NULL;
    }
    if (*answer == NULL)
        return -1;
    if (answers_add(answers, &name, &start, *answer, err) == 0)
        return 0;
    free(*answer);
    *answer = NULL;
    return -1;
}
