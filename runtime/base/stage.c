#include "base/stage.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/uses.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct stage {
    json_t *description; /* stage.json */
    json_t *read;        /* set of parameter names that were asked for */
    FILE *progress;      /* NULL where nobody listens */
    struct timespec last_progress;
};

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

bool stage_stop_requested(void)
{
    return stop_requested != 0;
}

int stage_interrupted(struct error *err)
{
    return error_set(err, ERR_INTERRUPTED, "interrupted");
}

/* ---- stage.json ---- */

static const char *text_member(const struct stage *stage, const char *name)
{
    return json_string_value(json_object_get(stage->description, name));
}

static const char *path_in(const struct stage *stage, const char *table, const char *name)
{
    return json_string_value(json_object_get(json_object_get(stage->description, table), name));
}

static const char *required_path(const struct stage *stage, const char *table, const char *name,
                                 struct error *err)
{
    const char *path = path_in(stage, table, name);
    if (path == NULL)
        error_set(err, ERR_USAGE, "no '%s' in %s: name it in pipeline.yaml", name, table);
    return path;
}

const char *stage_dep(const struct stage *stage, const char *name, struct error *err)
{
    return required_path(stage, "deps", name, err);
}

const char *stage_out(const struct stage *stage, const char *name, struct error *err)
{
    return required_path(stage, "outs", name, err);
}

bool stage_has_dep(const struct stage *stage, const char *name)
{
    return path_in(stage, "deps", name) != NULL;
}

bool stage_has_out(const struct stage *stage, const char *name)
{
    return path_in(stage, "outs", name) != NULL;
}

const char *stage_checkpoint(const struct stage *stage)
{
    return text_member(stage, "checkpoint");
}

const char *stage_project(const struct stage *stage)
{
    return text_member(stage, "project");
}

const char *stage_name(const struct stage *stage)
{
    const char *name = text_member(stage, "stage");
    return name != NULL ? name : "stage";
}

const char *stage_device(const struct stage *stage)
{
    const char *device = text_member(stage, "device");
    return device != NULL ? device : "auto";
}

int stage_threads(const struct stage *stage)
{
    json_int_t threads = json_integer_value(json_at(stage->description, "resources.threads"));
    return threads >= 1 && threads <= 4096 ? (int)threads : 1;
}

/* ---- parameters ---- */

static const json_t *look_up(struct stage *stage, const char *name, struct error *err)
{
    if (json_object_set_new(stage->read, name, json_true()) < 0) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    const json_t *value = json_at(json_object_get(stage->description, "params"), name);
    if (value == NULL)
        error_set(err, ERR_USAGE, "parameter '%s' is missing", name);
    return value;
}

static int wrong_type(const char *name, const char *expected, const json_t *value,
                      struct error *err)
{
    struct error ignored;
    char *text = json_to_text(value, true, &ignored);
    error_set(err, ERR_USAGE, "parameter '%s' must be %s, not %s", name, expected,
              text != NULL ? text : "that");
    free(text);
    return -1;
}

int stage_int(struct stage *stage, const char *name, int64_t low, int64_t high, int64_t *value,
              struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_integer(found))
        return wrong_type(name, "an integer", found, err);
    json_int_t number = json_integer_value(found);
    if (number < low || number > high)
        return error_set(err, ERR_USAGE, "parameter '%s' is %lld, outside %lld to %lld", name,
                         (long long)number, (long long)low, (long long)high);
    *value = number;
    return 0;
}

int stage_real(struct stage *stage, const char *name, double low, double high, double *value,
               struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_number(found))
        return wrong_type(name, "a number", found, err);
    double number = json_number_value(found);
    if (!(number >= low && number <= high))
        return error_set(err, ERR_USAGE, "parameter '%s' is %g, outside %g to %g", name, number,
                         low, high);
    *value = number;
    return 0;
}

int stage_bool(struct stage *stage, const char *name, bool *value, struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_boolean(found))
        return wrong_type(name, "true or false", found, err);
    *value = json_is_true(found);
    return 0;
}

int stage_text(struct stage *stage, const char *name, const char **value, struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_string(found))
        return wrong_type(name, "a text", found, err);
    *value = json_string_value(found);
    return 0;
}

static bool is_null(struct stage *stage, const char *name)
{
    struct error ignored;
    const json_t *found = look_up(stage, name, &ignored);
    return found == NULL || json_is_null(found);
}

int stage_int_or_null(struct stage *stage, const char *name, int64_t low, int64_t high,
                      int64_t *value, struct error *err)
{
    return is_null(stage, name) ? 0 : stage_int(stage, name, low, high, value, err);
}

int stage_text_or_null(struct stage *stage, const char *name, const char **value, struct error *err)
{
    return is_null(stage, name) ? 0 : stage_text(stage, name, value, err);
}

int stage_choice(struct stage *stage, const char *name, const char *const *choices, size_t count,
                 int *value, struct error *err)
{
    const char *text = NULL;
    if (stage_text(stage, name, &text, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0) {
            *value = (int)i;
            return 0;
        }
    struct text list = {0};
    for (size_t i = 0; i < count; i++)
        text_addf(&list, "%s%s", i ? ", " : "", choices[i]);
    error_set(err, ERR_USAGE, "parameter '%s' is '%s', not one of %s", name, text,
              text_string(&list));
    text_release(&list);
    return -1;
}

const json_t *stage_value(struct stage *stage, const char *name, struct error *err)
{
    return look_up(stage, name, err);
}

/* Walks the parameters; `prefix` is the dotted name of `object`. */
static int check_read(struct stage *stage, const char *prefix, const json_t *object,
                      struct error *err)
{
    const char *key;
    json_t *value;
    int result = 0;
    json_object_foreach ((json_t *)object, key, value) {
        struct text name = {0};
        text_addf(&name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_object_get(stage->read, text_string(&name)) != NULL) {
            /* it or, for a whole map, all it holds was read */
        } else if (json_is_object(value) && json_object_size(value) > 0) {
            result = check_read(stage, text_string(&name), value, err);
        } else {
            const char *known[128];
            size_t count = 0;
            const char *read;
            json_t *mark;
            json_object_foreach (stage->read, read, mark)
                if (count < sizeof(known) / sizeof(known[0]))
                    known[count++] = read;
            const char *nearest = text_nearest(text_string(&name), known, count);
            result = error_set(err, ERR_USAGE, "unknown parameter '%s'%s%s%s", text_string(&name),
                               nearest ? ", did you mean '" : "", nearest ? nearest : "",
                               nearest ? "'?" : "");
        }
        text_release(&name);
        if (result < 0)
            return -1;
    }
    return 0;
}

int stage_params_done(struct stage *stage, struct error *err)
{
    return check_read(stage, "", json_object_get(stage->description, "params"), err);
}

/* ---- progress ---- */

static void send_event(struct stage *stage, json_t *event)
{
    struct error ignored;
    char *line = json_to_text(event, true, &ignored);
    if (line != NULL && stage->progress != NULL) {
        fprintf(stage->progress, "%s\n", line);
        fflush(stage->progress);
    }
    free(line);
    json_decref(event);
}

void stage_progress(struct stage *stage, const char *what, int64_t done, int64_t total,
                    const char *unit)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - stage->last_progress.tv_sec) +
                     1e-9 * (double)(now.tv_nsec - stage->last_progress.tv_nsec);
    if (stage->progress == NULL || (seconds < 0.05 && done < total))
        return;
    stage->last_progress = now;
    send_event(stage,
               json_pack("{s:s, s:s, s:I, s:I, s:s}", "event", "progress", "what", what, "done",
                         (json_int_t)done, "total", (json_int_t)total, "unit", unit));
}

void stage_metric(struct stage *stage, const char *name, double value, int64_t step)
{
    send_event(stage, json_pack("{s:s, s:s, s:o, s:I}", "event", "metric", "name", name, "value",
                                json_measured(value), "step", (json_int_t)step));
}

void stage_note(struct stage *stage, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (stage->progress == NULL)
        fprintf(stderr, "%s: %s\n", stage_name(stage), text);
    else
        send_event(stage, json_pack("{s:s, s:s}", "event", "note", "text", text));
}

/* ---- main ---- */

/* Objects that say what the stage gets; deps and outs are paths. */
static int check_tables(const struct stage *stage, const char *path, struct error *err)
{
    static const char *const tables[] = {"params", "deps", "outs"};
    const char *name;
    json_t *value;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        json_t *table = json_object_get(stage->description, tables[i]);
        if (!json_is_object(table))
            return error_set(err, ERR_FORMAT, "%s: '%s' must be an object", path, tables[i]);
        json_object_foreach (table, name, value)
            if (i > 0 && !json_is_string(value))
                return error_set(err, ERR_FORMAT, "%s: '%s' of '%s' must be a path", path, name,
                                 tables[i]);
    }
    return 0;
}

static int open_stage(struct stage *stage, const char *path, struct error *err)
{
    if (json_read(path, &stage->description, err) < 0 || check_tables(stage, path, err) < 0)
        return -1;
    if ((stage->read = json_object()) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    const json_t *value = json_object_get(stage->description, "progress_fd");
    json_int_t fd = json_integer_value(value);
    /* By hand the descriptor is not there; then notes go to stderr. */
    if (json_is_integer(value) && fd >= 0 && fd <= INT_MAX && fcntl((int)fd, F_GETFD) >= 0)
        stage->progress = fdopen((int)fd, "w");
    return 0;
}

static int outs_exist(const struct stage *stage, struct error *err)
{
    const char *name;
    json_t *path;
    json_object_foreach (json_object_get(stage->description, "outs"), name, path)
        if (!file_exists(json_string_value(path)))
            return error_set(err, ERR_STAGE, "out '%s' was not written", name);
    return 0;
}

static int usage(const struct stage_kind *kind, FILE *stream)
{
    fprintf(stream,
            "%s: %s\n"
            "usage: %s STAGE.JSON       (or REPRISE_STAGE=STAGE.JSON %s)\n"
            "       %s --fingerprint [DEVICE]\n"
            "`reprise run --keep-work` leaves a stage.json to try.\n",
            kind->name, kind->summary, kind->name, kind->name, kind->name);
    return stream == stdout ? 0 : 2;
}

static int fail(const char *name, struct error *err)
{
    error_prefix(err, "stage '%s': ", name);
    fprintf(stderr, "%s\n", err->message);
    return error_exit_status(err);
}

int stage_main(int argc, char **argv, const struct stage_kind *kind)
{
    struct error err = {0};
    if (argc >= 2 && strcmp(argv[1], "--help") == 0)
        return usage(kind, stdout);
    if (argc >= 2 && strcmp(argv[1], "--fingerprint") == 0) {
        if (kind->fingerprint != NULL) {
            if (kind->fingerprint(argc >= 3 ? argv[2] : "auto", &err) < 0)
                return fail(kind->name, &err);
            uses_print_libraries(stdout);
        }
        return fflush(stdout) == 0 ? 0 : 1;
    }
    const char *path = argc == 2 ? argv[1] : getenv("REPRISE_STAGE");
    if (argc > 2 || path == NULL)
        return usage(kind, stderr);

    struct sigaction action = {.sa_handler = request_stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* the runner may be gone: then nobody reads progress */
    struct stage stage = {0};
    int status = 0;
    if (open_stage(&stage, path, &err) < 0 || kind->run(&stage, &err) < 0 ||
        outs_exist(&stage, &err) < 0)
        status = fail(stage.description != NULL ? stage_name(&stage) : kind->name, &err);
    if (stage.progress != NULL)
        fclose(stage.progress);
    json_decref(stage.read);
    json_decref(stage.description);
    return status;
}
