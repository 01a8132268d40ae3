/* reprise watch: follows the runs that are at work in the project, whoever started them, by what
 * their stages tell (runner/told.h). On a terminal a line and the curves of each running stage,
 * drawn in place; elsewhere a line for each part of its work. Ends with the last of the runs. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/growth.h"
#include "command/live.h"
#include "command/print.h"
#include "command/run_line.h"
#include "runner/attempt.h"
#include "runner/hold.h"
#include "runner/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLLOWED_LIMIT = 256, NAME_COLUMNS = 14 };

static const struct timespec pause_between = {0, 200 * 1000 * 1000};

/* One attempt at a stage. */
struct followed {
    char *stage, *key;
    int told; /* its file, open */
    ino_t file;
    struct told_reader reader;
    struct progress progress;
    struct growth growth;
    size_t lines; /* bytes of progress.lines that were shown */
    double begun; /* of attempt_now's clock */
    bool there;   /* at the last look */
};

struct watch {
    const struct project *project;
    struct live live;
    bool terminal, colour;
    bool lost; /* a stage ended without a result */
    struct followed followed[FOLLOWED_LIMIT];
    size_t count;
};

static void release(struct followed *one)
{
    close(one->told);
    progress_release(&one->progress);
    growth_release(&one->growth);
    free(one->stage);
    free(one->key);
}

/* ---- what is running ---- */

static void hear(void *self, double when, const char *line)
{
    struct followed *one = self;
    if (one->begun <= 0.0)
        one->begun = when;
    progress_feed(&one->progress, line, strlen(line), when);
    growth_take(&one->growth, &one->progress);
}

/* The name is in the work folder's stage.json. NULL where it is not there any more, or not yet. */
static char *read_stage(const char *home)
{
    struct error ignored;
    json_t *json = NULL;
    char *path = file_join(home, "run/stage.json", &ignored), *stage = NULL;
    if (path != NULL && json_read(path, &json, &ignored) == 0 &&
        json_text(json, "stage")[0] != '\0')
        stage = memory_copy_text(json_text(json, "stage"), &ignored);
    json_decref(json);
    free(path);
    return stage;
}

static struct followed *find(struct watch *watch, ino_t file)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->followed[i].file == file)
            return &watch->followed[i];
    return NULL;
}

static void follow(struct watch *watch, const char *home, const char *key)
{
    struct error ignored;
    struct stat st;
    char *path = file_join(home, "told", &ignored);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    free(path);
    if (fd < 0)
        return;
    struct followed *one = fstat(fd, &st) < 0 ? NULL : find(watch, st.st_ino);
    if (one != NULL)
        one->there = true;
    char *stage = one != NULL || watch->count == FOLLOWED_LIMIT ? NULL : read_stage(home);
    char *name = stage == NULL ? NULL : memory_copy_text(key, &ignored);
    if (name == NULL) {
        free(stage);
        close(fd);
        return;
    }
    watch->followed[watch->count++] = (struct followed){.stage = stage,
                                                        .key = name,
                                                        .told = fd,
                                                        .file = st.st_ino,
                                                        .begun = attempt_now(),
                                                        .there = true};
}

/* Looks at all work folders, and reads what is new in each. False where nothing is at work. */
static bool look(struct watch *watch)
{
    struct error ignored;
    char **keys = NULL;
    size_t count = 0, there = 0;
    const char *store = store_folder(watch->project->store);
    bool taken = hold_is_taken(store);
    char *work = file_join(store, "work", &ignored);
    for (size_t i = 0; i < watch->count; i++)
        watch->followed[i].there = false;
    if (work != NULL && taken && file_list(work, &keys, &count, &ignored) == 0)
        for (size_t i = 0; i < count; i++) {
            char *home = file_join(work, keys[i], &ignored);
            if (home != NULL)
                follow(watch, home, keys[i]);
            free(home);
        }
    file_free_names(keys, count);
    free(work);
    /* The file's end can be read though it has no name any more. */
    for (size_t i = 0; i < watch->count; i++) {
        told_read(&watch->followed[i].reader, watch->followed[i].told, hear, &watch->followed[i]);
        there += watch->followed[i].there;
    }
    return taken || there > 0;
}

/* ---- what is shown ---- */

static void add_stage(struct watch *watch, const struct followed *one, struct text *to,
                      const struct live_size *size)
{
    struct text name = {0}, state = {0}, rest = {0}, plots = {0};
    text_add_clean(&name, one->stage, strlen(one->stage));
    live_add_state(&state, &one->progress, attempt_now() - one->begun,
                   live_room(size, text_string(&name), NAME_COLUMNS));
    text_add_clean(&rest, text_string(&state), state.size);
    live_add(&watch->live, to, size, watch->colour ? "\033[1;36m" : NULL, text_string(&name),
             NAME_COLUMNS, text_string(&rest));
    growth_draw(&one->growth, size->columns, &plots);
    char *saved = NULL;
    for (char *line = plots.size == 0 ? NULL : strtok_r(plots.data, "\n", &saved); line != NULL;
         line = strtok_r(NULL, "\n", &saved))
        live_add(&watch->live, to, size, NULL, "", 0, line);
    text_release(&name);
    text_release(&state);
    text_release(&rest);
    text_release(&plots);
}

/* "phase1  epoch 3/20  loss 0.5": as the run itself says them where nothing is drawn in place. */
static void add_lines(const struct watch *watch, struct followed *one, struct text *to)
{
    size_t length;
    bool result;
    for (const char *line;
         (line = progress_next(&one->progress, &one->lines, &length, &result)) != NULL;) {
        if (result && watch->terminal)
            continue; /* the curves have it */
        text_add_clean(to, one->stage, strlen(one->stage));
        text_add(to, "  ");
        text_add_clean(to, line, length);
        text_add(to, "\n");
    }
}

/* Its last curves stay on the screen. */
static void add_end(struct watch *watch, struct followed *one, const struct live_size *size,
                    struct text *to)
{
    struct digest key;
    struct error ignored;
    struct action *action = NULL;
    progress_end(&one->progress);
    add_lines(watch, one, to);
    if (watch->terminal)
        growth_draw(&one->growth, size->columns, to);
    text_add_clean(to, one->stage, strlen(one->stage));
    if (digest_from_hex(one->key, &key) &&
        action_read(watch->project->store, &key, &action, &ignored) == 0 && action != NULL)
        text_addf(to, "  executed in %.1f s\n", action->seconds);
    else {
        watch->lost = true;
        text_addf(to, "  ended without a result that is stored\n");
    }
    action_free(action);
}

static int show(struct watch *watch, struct error *err)
{
    struct text text = {0};
    const struct live_size size = live_size(&watch->live);
    live_erase(&watch->live, &text);
    size_t kept = 0;
    for (size_t i = 0; i < watch->count; i++)
        if (watch->followed[i].there) {
            watch->followed[kept++] = watch->followed[i];
        } else {
            add_end(watch, &watch->followed[i], &size, &text);
            release(&watch->followed[i]);
        }
    watch->count = kept;
    for (size_t i = 0; i < watch->count; i++)
        add_lines(watch, &watch->followed[i], &text);
    for (size_t i = 0; i < watch->count && watch->terminal; i++)
        add_stage(watch, &watch->followed[i], &text, &size);
    int result = live_write(&watch->live, &text) ? 0 : error_errno(err, "cannot write to stdout");
    text_release(&text);
    return result;
}

/* ---- the run ---- */

static int judge(const json_t *record, struct error *err)
{
    const char *outcome = json_text(record, "outcome");
    if (strcmp(outcome, "interrupted") == 0)
        return error_set(err, ERR_INTERRUPTED, "the run was interrupted");
    if (strcmp(outcome, "done") != 0)
        return error_set(err, ERR_STAGE, "the run failed: see reprise log %s",
                         json_text(record, "id"));
    return 0;
}

/* The runs that have a record since. One that found all as it was left none, and so did one that
 * was killed. */
static int tell_runs(const struct watch *watch, const json_t *before, struct error *err)
{
    size_t index, count = 0;
    json_t *record, *records = record_read_all(watch->project, err);
    const json_t *known;
    int result = records == NULL ? -1 : 0;
    json_array_foreach (records, index, record) {
        struct text line = {0};
        if (record_find(before, json_text(record, "id"), &known, err) < 0 || known != NULL)
            continue;
        count++;
        run_line_add(record, &line);
        if (print_text(&line, err) < 0 || (result == 0 && judge(record, err) < 0))
            result = -1;
    }
    json_decref(records);
    return result == 0 && count == 0 && watch->lost
               ? error_set(err, ERR_STAGE,
                           "the run left no record, as one that was killed: the next run goes on "
                           "from what is stored")
               : result;
}

static int follow_all(struct watch *watch, struct error *err)
{
    int result = 0;
    json_t *before = record_read_all(watch->project, err);
    if (before == NULL)
        return -1;
    if (!look(watch)) {
        json_decref(before);
        fprintf(stderr, "nothing is running here: reprise log lists the runs\n");
        return 0;
    }
    do {
        result = show(watch, err);
        nanosleep(&pause_between, NULL);
    } while (look(watch) && result == 0);
    if (result == 0 && (result = show(watch, err)) == 0)
        result = tell_runs(watch, before, err);
    json_decref(before);
    return result;
}

int command_watch(const struct options *options, struct error *err)
{
    struct project project;
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0)
        return -1;
    struct watch *watch = memory_new(1, sizeof(*watch), err);
    int result = -1;
    if (watch != NULL) {
        watch->project = &project;
        watch->live.fd = STDOUT_FILENO;
        watch->terminal = live_is_possible(STDOUT_FILENO);
        watch->colour = watch->terminal && live_has_colours();
        result = follow_all(watch, err);
        for (size_t i = 0; i < watch->count; i++)
            release(&watch->followed[i]);
    }
    free(watch);
    project_close(&project);
    return result;
}
