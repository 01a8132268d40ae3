#include "runner/answers.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/memo.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char uses[] = "uses ";

struct answers {
    char *path;
    pthread_mutex_t mutex;
    json_t *table; /* {"machine": text, "answers": {name: {"text": text, "uses": {path: state}}}} */
    bool changed;
};

char *answers_machine(struct error *err)
{
    struct text text = {0};
    struct stat st;
    char boot[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, boot, sizeof(boot) - 1);
        boot[got > 0 ? strcspn(boot, "\n") : 0] = '\0';
        close(fd);
    }
    text_addf(&text, "boot %s", boot);
    if (stat("/etc/ld.so.cache", &st) == 0)
        text_addf(&text, " libraries %lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec, (long long)st.st_ino);
    const char *devices = getenv("CUDA_VISIBLE_DEVICES");
    text_addf(&text, " devices %s", devices != NULL ? devices : "all");
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}

static json_t *read_table(const char *path, const char *machine)
{
    struct error ignored;
    json_t *table;
    if (json_read(path, &table, &ignored) < 0)
        table = NULL;
    const char *known = json_string_value(json_object_get(table, "machine"));
    if (known != NULL && strcmp(known, machine) == 0 &&
        json_is_object(json_object_get(table, "answers")))
        return table;
    json_decref(table);
    return json_pack("{s:s, s:{}}", "machine", machine, "answers");
}

int answers_open(struct store *store, struct answers **opened, struct error *err)
{
    struct answers *answers = memory_new(1, sizeof(*answers), err);
    if (answers == NULL)
        return -1;
    pthread_mutex_init(&answers->mutex, NULL);
    char *machine = answers_machine(err);
    if (machine == NULL ||
        (answers->path = file_join(store_folder(store), "answers.json", err)) == NULL)
        goto failed;
    if ((answers->table = read_table(answers->path, machine)) == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for answers of programs");
        goto failed;
    }
    free(machine);
    *opened = answers;
    return 0;
failed:
    free(machine);
    answers_close(answers);
    return -1;
}

void answers_close(struct answers *answers)
{
    struct error ignored;
    if (answers == NULL)
        return;
    if (answers->changed)
        json_write(answers->path, answers->table, &ignored);
    json_decref(answers->table);
    pthread_mutex_destroy(&answers->mutex);
    free(answers->path);
    free(answers);
}

/* `since` is NULL, or when an answer began to be sought that rests on the file. */
static void state_of(const char *path, const struct timespec *since, char state[128])
{
    struct stat st;
    if (stat(path, &st) < 0)
        snprintf(state, 128, "absent");
    else if (since != NULL && memo_is_racy_at(&st, since))
        snprintf(state, 128, "fresh"); /* no state of a file */
    else
        snprintf(state, 128, "%llx %llx %lld %lld.%09ld %lld.%09ld", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static bool still_stands(const json_t *answer)
{
    const char *path;
    json_t *known;
    char state[128];
    json_object_foreach (json_object_get(answer, "uses"), path, known) {
        state_of(path, NULL, state);
        if (json_string_value(known) == NULL || strcmp(json_string_value(known), state) != 0)
            return false;
    }
    return true;
}

void answers_each_use(struct answers *answers, void (*visit)(void *arg, const char *path),
                      void *arg)
{
    const char *name, *path;
    json_t *answer, *state;
    pthread_mutex_lock(&answers->mutex);
    json_object_foreach (json_object_get(answers->table, "answers"), name, answer)
        json_object_foreach (json_object_get(answer, "uses"), path, state)
            visit(arg, path);
    pthread_mutex_unlock(&answers->mutex);
}

int answers_find(struct answers *answers, const struct digest *name, char **answer,
                 struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    int result = 0;
    *answer = NULL;
    digest_to_hex(name, hex);
    pthread_mutex_lock(&answers->mutex);
    const json_t *known = json_object_get(json_object_get(answers->table, "answers"), hex);
    const char *text = json_string_value(json_object_get(known, "text"));
    if (text != NULL && still_stands(known) && (*answer = memory_copy_text(text, err)) == NULL)
        result = -1;
    pthread_mutex_unlock(&answers->mutex);
    return result;
}

/* Takes the lines "uses PATH" out of an answer, into an object of their files' states. */
static json_t *take_uses(char *answer, const struct timespec *start)
{
    char state[128], *to = answer;
    json_t *files = json_object();
    for (char *line = answer; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        size_t whole = length + (line[length] == '\n');
        if (strncmp(line, uses, sizeof(uses) - 1) == 0) {
            line[length] = '\0';
            state_of(line + sizeof(uses) - 1, start, state);
            json_object_set_new(files, line + sizeof(uses) - 1, json_string(state));
        } else {
            memmove(to, line, whole);
            to += whole;
        }
        line += whole;
    }
    *to = '\0';
    return files;
}

int answers_add(struct answers *answers, const struct digest *name, const struct timespec *start,
                char *answer, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(name, hex);
    json_t *files = take_uses(answer, start);
    json_t *entry = json_pack("{s:s, s:o}", "text", answer, "uses", files);
    pthread_mutex_lock(&answers->mutex);
    int result = json_object_set_new(json_object_get(answers->table, "answers"), hex, entry);
    answers->changed = true;
    pthread_mutex_unlock(&answers->mutex);
    return result == 0 ? 0 : error_set(err, ERR_MEMORY, "out of memory for answers of programs");
}
