/* cache/unchanged, in the byte order of the machine:
 *
 *   head     struct head
 *   lines    evidence, struct evidence_item each
 *   paths    of the evidence, a NUL after each
 *   texts    a NUL after each: the question; the values that the project is held with; of each
 *            variable its name, and the sha256 of its value or nothing where it was not set; the
 *            names of the stages; the lines about requirements
 *
 * and nothing after them. The question is plain text: an answer to another one is none.
 */
#include "runner/unchanged.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/answers.h"
#include "runner/rests_on.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "reprise-same 1";

struct head {
    char magic[16];
    uint64_t check;               /* memo_checksum of all that follows it */
    uint64_t items, paths, texts; /* lines, bytes, bytes */
    uint64_t variables, stages, lines, missed;
};

enum { CHECK_AT = 24 };
_Static_assert(offsetof(struct head, check) + sizeof(uint64_t) == CHECK_AT, "head of the file");

static const size_t size_limit = (size_t)1 << 32;

void unchanged_said_release(struct unchanged_said *said)
{
    text_release(&said->stages);
    text_release(&said->lines);
    *said = (struct unchanged_said){0};
}

static void add_text(struct text *texts, const char *text)
{
    text_append(texts, text, strlen(text) + 1);
}

/* ---- the question ---- */

/* The folder of the pipeline file, as it is named. */
static void folder_of(const char *file, char folder[PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash == NULL ? 1 : (int)(slash - file) + 1,
             slash == NULL ? "." : file);
}

/* What this program is: any other may find otherwise. */
static void add_program(struct text *text)
{
    struct stat st;
    if (stat("/proc/self/exe", &st) < 0)
        text->failed = true;
    else
        text_addf(text, "program %llx %llx %lld %lld.%09ld %lld.%09ld\n",
                  (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                  (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                  (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* Who asks, where, for what. Lengths, so that no two questions have one text. */
static int add_question(const struct project_settings *settings, const char *folder,
                        struct text *text, struct error *err)
{
    char real[PATH_MAX], *machine = answers_machine(err);
    if (machine == NULL)
        return -1;
    if (realpath(folder, real) == NULL) {
        free(machine);
        return error_errno(err, "cannot find '%s'", folder);
    }
    add_program(text);
    text_addf(text, "machine %zu %s\nuser %ld %ld\nfolder %zu %s\nfile %zu %s\ndevice %s\n",
              strlen(machine), machine, (long)geteuid(), (long)getegid(), strlen(real), real,
              strlen(settings->file), settings->file, settings->device);
    free(machine);
    if (settings->profile != NULL)
        text_addf(text, "profile %zu %s\n", strlen(settings->profile), settings->profile);
    for (size_t i = 0; i < settings->set_count; i++)
        text_addf(text, "set %zu %s\n", strlen(settings->sets[i]), settings->sets[i]);
    return text_check(text, err);
}

static bool variable_state(const char *name, char state[DIGEST_HEX_SIZE])
{
    struct digest digest;
    struct error ignored;
    const char *value = getenv(name);
    state[0] = '\0';
    if (value == NULL)
        return true;
    if (digest_of_bytes(value, strlen(value), &digest, &ignored) < 0)
        return false;
    digest_to_hex(&digest, state);
    return true;
}

/* ---- finding ---- */

/* What is being read: texts one after the other. */
struct reader {
    const char *at, *end;
};

/* "" at the end. */
static const char *next_text(struct reader *reader)
{
    const char *text = reader->at < reader->end ? reader->at : "";
    reader->at += reader->at < reader->end ? strlen(text) + 1 : 0;
    return text;
}

/* The parts of a file that is whole. */
struct parts {
    struct head head;
    struct evidence_data evidence;
    struct reader texts;
};

static bool take_apart(const char *data, size_t size, struct parts *parts)
{
    struct head *head = &parts->head;
    if (size < sizeof(*head))
        return false;
    memcpy(head, data, sizeof(*head));
    size_t rest = size - sizeof(*head);
    if (memcmp(head->magic, magic, sizeof(magic)) != 0 ||
        head->check != memo_checksum(data + CHECK_AT, size - CHECK_AT) ||
        head->items > rest / sizeof(struct evidence_item))
        return false;
    size_t items = (size_t)head->items * sizeof(struct evidence_item);
    rest -= items;
    if (head->paths > rest || head->texts != rest - head->paths || head->texts == 0 ||
        data[size - 1] != '\0')
        return false;
    const char *at = data + sizeof(*head);
    /* The head's size is a multiple of a line's alignment, as malloc's is. */
    parts->evidence = (struct evidence_data){.items = (const void *)at,
                                             .count = (size_t)head->items,
                                             .paths = at + items,
                                             .size = (size_t)head->paths};
    parts->texts = (struct reader){at + items + head->paths, data + size};
    return true;
}

_Static_assert(sizeof(struct head) % _Alignof(struct evidence_item) == 0, "lines are aligned");

static bool variables_stand(struct reader *texts, uint64_t count)
{
    char state[DIGEST_HEX_SIZE];
    for (; count > 0 && texts->at < texts->end; count--) {
        const char *name = next_text(texts), *known = next_text(texts);
        if (!variable_state(name, state) || strcmp(state, known) != 0)
            return false;
    }
    return count == 0;
}

static bool take_said(struct parts *parts, struct unchanged_said *said)
{
    const char *start = parts->texts.at;
    for (uint64_t i = 0; i < parts->head.stages; i++)
        if (*next_text(&parts->texts) == '\0')
            return false;
    text_append(&said->stages, start, (size_t)(parts->texts.at - start));
    start = parts->texts.at;
    uint64_t missed = 0;
    for (uint64_t i = 0; i < parts->head.lines; i++) {
        char sign = *next_text(&parts->texts);
        if (sign != UNCHANGED_MET && sign != UNCHANGED_MISSED)
            return false;
        missed += sign == UNCHANGED_MISSED;
    }
    text_append(&said->lines, start, (size_t)(parts->texts.at - start));
    said->stage_count = (size_t)parts->head.stages;
    said->line_count = (size_t)parts->head.lines;
    said->missed = (size_t)missed;
    return missed == parts->head.missed && parts->texts.at == parts->texts.end &&
           !said->stages.failed && !said->lines.failed;
}

/* What it said, where the data answers this question with variables as they are. */
static bool take_answer(const char *data, size_t size, const char *question, struct parts *parts,
                        const char **values, struct unchanged_said *said)
{
    if (!take_apart(data, size, parts) || strcmp(next_text(&parts->texts), question) != 0)
        return false;
    *values = next_text(&parts->texts);
    return strlen(*values) == HOLD_VALUES - 1 &&
           variables_stand(&parts->texts, parts->head.variables) && take_said(parts, said);
}

bool unchanged_answers(const char *data, size_t size, const char *folder, const char *question,
                       struct hold *hold, struct unchanged_said *said)
{
    struct parts parts;
    struct error ignored;
    const char *values;
    if (!take_answer(data, size, question, &parts, &values, said))
        return false;
    char *path = file_join(folder, "cache/run.lock", &ignored);
    bool held = path != NULL && hold_at_once(path, values, hold);
    free(path);
    if (!held)
        return false;
    if (evidence_stands(&parts.evidence, folder))
        return true;
    hold_release(hold, true);
    return false;
}

bool unchanged_find(const struct project_settings *settings, struct hold *hold,
                    struct unchanged_said *said)
{
    char folder[PATH_MAX], *data = NULL;
    size_t size;
    struct text question = {0};
    struct unchanged_said found = {0};
    struct error ignored;
    folder_of(settings->file, folder);
    char *path = file_join(folder, "cache/unchanged", &ignored);
    bool stands = path != NULL && file_exists(path) &&
                  file_read(path, size_limit, &data, &size, &ignored) == 0 &&
                  add_question(settings, folder, &question, &ignored) == 0 &&
                  unchanged_answers(data, size, folder, question.data, hold, &found);
    if (stands)
        *said = found;
    else
        unchanged_said_release(&found);
    text_release(&question);
    free(data);
    free(path);
    return stands;
}

/* ---- writing ---- */

/* The variables that stages declare, each once. */
static bool add_variables(const struct jobs *jobs, struct text *texts, uint64_t *count)
{
    struct table seen = {0};
    struct error ignored;
    bool good = true;
    for (size_t i = 0; i < jobs->count && good; i++) {
        const struct plan_stage *stage = jobs->list[i].stage;
        for (size_t e = 0; e < stage->env_count && good; e++) {
            char state[DIGEST_HEX_SIZE];
            char *name = stage->env[e];
            if (table_find(&seen, name, strlen(name)) != NULL)
                continue;
            good = variable_state(name, state) &&
                   table_set(&seen, name, strlen(name), name, &ignored) == 0;
            add_text(texts, name);
            add_text(texts, state);
            ++*count;
        }
    }
    table_release(&seen);
    return good;
}

static bool write_file(const char *path, struct head *head, const struct evidence_data *evidence,
                       const struct text *texts)
{
    struct text all = {0};
    struct error ignored;
    memcpy(head->magic, magic, sizeof(magic));
    head->items = evidence->count;
    head->paths = evidence->size;
    head->texts = texts->size;
    text_append(&all, (const char *)head, sizeof(*head));
    text_append(&all, (const char *)evidence->items, evidence->count * sizeof(*evidence->items));
    text_append(&all, evidence->paths, evidence->size);
    text_append(&all, text_string(texts), texts->size);
    bool good = !all.failed && !texts->failed;
    if (good) {
        head->check = memo_checksum(all.data + CHECK_AT, all.size - CHECK_AT);
        memcpy(all.data, head, sizeof(*head));
        good = file_write_unflushed(path, all.data, all.size, &ignored) == 0;
    }
    text_release(&all);
    return good;
}

/* False where there is no evidence for something, or no memory. */
static bool make(struct jobs *jobs, const struct unchanged_said *said, const struct timespec *start,
                 const char *path)
{
    const struct project *project = jobs->project;
    struct error ignored;
    struct text texts = {0};
    struct head head = {
        .stages = said->stage_count, .lines = said->line_count, .missed = said->missed};
    char values[HOLD_VALUES], folder[PATH_MAX];
    folder_of(project->settings.file, folder);
    struct evidence *evidence = evidence_new(project->plan->folder, start, &ignored);
    bool good = evidence != NULL &&
                add_question(&project->settings, folder, &texts, &ignored) == 0 &&
                hold_values(project, values, &ignored) == 0;
    text_append(&texts, "", 1);
    if (good) {
        add_text(&texts, values);
        good = add_variables(jobs, &texts, &head.variables);
    }
    text_append(&texts, text_string(&said->stages), said->stages.size);
    text_append(&texts, text_string(&said->lines), said->lines.size);
    if (good && rests_on(jobs, evidence) && evidence_settle(evidence)) {
        const struct evidence_data data = evidence_data(evidence);
        good = write_file(path, &head, &data, &texts);
    } else
        good = false;
    text_release(&texts);
    evidence_free(evidence);
    return good;
}

void unchanged_write(struct jobs *jobs, const struct unchanged_said *said,
                     const struct timespec *start)
{
    struct error ignored;
    char *path = file_join(store_folder(jobs->project->store), "unchanged", &ignored);
    if (path != NULL && !make(jobs, said, start, path) && file_exists(path))
        file_remove(path, &ignored);
    free(path);
}
