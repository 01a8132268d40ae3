#include "base/stage_parts.h"

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

const void *stage_own(const struct stage *stage)
{
    return stage->kind->own;
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

/* Also where a check is told the name without a path. */
static bool names(const struct stage *stage, const char *table, const char *name)
{
    return json_object_get(json_object_get(stage->description, table), name) != NULL;
}

bool stage_has_dep(const struct stage *stage, const char *name)
{
    return names(stage, "deps", name);
}

bool stage_has_out(const struct stage *stage, const char *name)
{
    return names(stage, "outs", name);
}

bool stage_lists_outs(const struct stage *stage)
{
    return json_object_get(stage->description, "outs") != NULL;
}

const char *stage_checkpoint(const struct stage *stage)
{
    return text_member(stage, "checkpoint");
}

const char *stage_scratch(const struct stage *stage)
{
    return text_member(stage, "scratch");
}

const char *stage_scratch_out(const struct stage *stage)
{
    return text_member(stage, "scratch_out");
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

size_t stage_memory(const struct stage *stage)
{
    json_int_t bytes = json_integer_value(json_at(stage->description, "resources.memory"));
    return bytes > 0 ? (size_t)bytes : 0;
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

/* By hand a stage.json of an older version may name outs that are another stage's today. */
static int drop_outs(struct stage *stage, const struct stage_kind *kind, struct error *err)
{
    struct text dropped = {0};
    int result = stage_document_drop_outs(stage->description, kind, &dropped, err);
    if (result == 0 && dropped.size > 0)
        stage_note(
            stage,
            "this program does not write %s: left out, as stage.json names no schema and may "
            "be of an older version",
            text_string(&dropped));
    text_release(&dropped);
    return result;
}

static int open_stage(struct stage *stage, const struct stage_kind *kind, const char *path,
                      bool to_check, struct error *err)
{
    stage->kind = kind;
    if (stage_document_read(path, to_check, &stage->description, err) < 0 ||
        (!to_check && drop_outs(stage, kind, err) < 0) ||
        stage_document_check_names(stage->description, kind, err) < 0)
        return -1;
    if ((stage->read = json_object()) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    const json_t *value = json_object_get(stage->description, "progress_fd");
    json_int_t fd = json_integer_value(value);
    /* By hand the descriptor is not there; then notes go to stderr. */
    if (!to_check && json_is_integer(value) && fd >= 0 && fd <= INT_MAX &&
        fcntl((int)fd, F_GETFD) >= 0)
        stage->progress = fdopen((int)fd, "w");
    return 0;
}

static void close_stage(struct stage *stage)
{
    if (stage->progress != NULL)
        fclose(stage->progress);
    json_decref(stage->read);
    json_decref(stage->description);
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
            "       %s --check STAGE.JSON\n"
            "       %s --fingerprint [DEVICE]\n",
            kind->name, kind->summary, kind->name, kind->name, kind->name, kind->name);
    if (kind->print_program != NULL)
        fprintf(stream, "       %s --print-program STAGE.JSON\n", kind->name);
    fprintf(stream, "`reprise run --keep-work` leaves a stage.json to try.\n");
    return stream == stdout ? 0 : 2;
}

static int fail(const char *name, struct error *err)
{
    error_prefix(err, "stage '%s': ", name);
    fprintf(stderr, "%s\n", err->message);
    return error_exit_status(err);
}

static int print_fingerprint(const struct stage_kind *kind, const char *device)
{
    struct error err = {0};
    if (kind->fingerprint != NULL) {
        if (kind->fingerprint(device, &err) < 0)
            return fail(kind->name, &err);
        uses_print_libraries(stdout);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* A line for each metric: the runner knows them before the stage has run. */
static void print_metrics(const char *metrics)
{
    while (*metrics != '\0') {
        size_t length = strcspn(metrics, " ");
        printf("metric %.*s\n", (int)length, metrics);
        metrics += length + (metrics[length] != '\0');
    }
}

static int check_parameters(const struct stage_kind *kind, const char *path)
{
    struct error err = {0};
    struct stage stage = {0};
    int status = 0;
    if (open_stage(&stage, kind, path, true, &err) < 0 ||
        (kind->check != NULL && kind->check(&stage, &err) < 0)) {
        fprintf(stderr, "%s\n", err.message); /* the runner knows which stage it asked for */
        status = error_exit_status(&err);
    } else if (kind->metrics != NULL) {
        print_metrics(kind->metrics);
    }
    close_stage(&stage);
    return fflush(stdout) == 0 || status != 0 ? status : 1;
}

static int run_stage(const struct stage_kind *kind, const char *path)
{
    struct sigaction action = {.sa_handler = request_stop};
    struct error err = {0};
    struct stage stage = {0};
    int status = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* the runner may be gone: then nobody reads progress */
    if (open_stage(&stage, kind, path, false, &err) < 0 || kind->run(&stage, &err) < 0 ||
        outs_exist(&stage, &err) < 0)
        status = fail(stage.description != NULL ? stage_name(&stage) : kind->name, &err);
    close_stage(&stage);
    return status;
}

static int print_program(const struct stage_kind *kind, const char *path)
{
    struct error err = {0};
    struct stage stage = {0};
    int status = 0;
    if (open_stage(&stage, kind, path, false, &err) < 0 || kind->print_program(&stage, &err) < 0)
        status = fail(stage.description != NULL ? stage_name(&stage) : kind->name, &err);
    close_stage(&stage);
    return fflush(stdout) == 0 || status != 0 ? status : 1;
}

int stage_main(int argc, char **argv, const struct stage_kind *kind)
{
    const char *given = getenv("REPRISE_STAGE"), *option = argc >= 2 ? argv[1] : "";
    if (strcmp(option, "--help") == 0)
        return usage(kind, stdout);
    if (strcmp(option, "--fingerprint") == 0)
        return argc <= 3 ? print_fingerprint(kind, argc == 3 ? argv[2] : "auto")
                         : usage(kind, stderr);
    if (strcmp(option, "--print-program") == 0 && kind->print_program != NULL)
        return argc == 3 ? print_program(kind, argv[2]) : usage(kind, stderr);
    bool to_check = strcmp(option, "--check") == 0;
    int words = argc - to_check;
    const char *path = words == 2 ? argv[argc - 1] : given;
    if (words > 2 || path == NULL)
        return usage(kind, stderr);
    return to_check ? check_parameters(kind, path) : run_stage(kind, path);
}
