#include "command/display.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "command/live.h"
#include "runner/sandbox.h"
#include "runner/stage_log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_LINES = 20, LOG_BLOCK = 16384, LINE_LIMIT = 1024 };

static const double redraw_seconds = 0.1; /* at most so often on a terminal */
static const double life_seconds = 30.0;  /* elsewhere, a line after so long a silence */

/* What was shown of one stage. */
struct shown {
    size_t lines;    /* bytes of progress.lines */
    double last;     /* when a line was printed */
    long log_offset; /* bytes of its log */
};

struct display {
    bool live, colour, quiet, verbose;
    bool terminal; /* which is given no controls of stages */
    int name_width;
    struct shown *shown; /* by index of the job */
    struct live lines;
    double last_draw;
};

static int longest_name(const struct jobs *jobs)
{
    size_t longest = 0;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state != JOB_OUTSIDE && strlen(jobs->list[i].stage->name) > longest)
            longest = strlen(jobs->list[i].stage->name);
    return longest > 40 ? 40 : (int)longest;
}

struct display *display_new(const struct options *options, const struct jobs *jobs,
                            struct error *err)
{
    struct display *display = memory_new(1, sizeof(*display), err);
    if (display == NULL)
        return NULL;
    if ((display->shown = memory_new(jobs->count, sizeof(*display->shown), err)) == NULL) {
        free(display);
        return NULL;
    }
    display->lines.fd = STDERR_FILENO;
    display->quiet = options->quiet;
    display->terminal = isatty(STDERR_FILENO);
    display->verbose = options->verbose;
    display->live = !options->quiet && live_is_possible(STDERR_FILENO);
    display->colour = display->live && live_has_colours();
    display->name_width = longest_name(jobs);
    return display;
}

/* What stages say and are called: a terminal obeys none of it, files and pipes get it as it is. */
static void add_shown(const struct display *display, struct text *to, const char *bytes,
                      size_t size)
{
    if (display->terminal)
        text_add_clean(to, bytes, size);
    else
        text_append(to, bytes, size);
}

/* ---- live lines ---- */

void display_free(struct display *display)
{
    struct text text = {0};
    if (display == NULL)
        return;
    live_erase(&display->lines, &text);
    live_write(&display->lines, &text);
    text_release(&text);
    free(display->shown);
    free(display);
}

static void draw_line(struct display *display, struct text *to, const struct attempt *attempt,
                      const struct live_size *size)
{
    struct text rest = {0}, state = {0}, stage = {0};
    add_shown(display, &stage, attempt->job->stage->name, strlen(attempt->job->stage->name));
    live_add_state(&state, &attempt->progress, attempt_now() - attempt->start,
                   live_room(size, text_string(&stage), display->name_width));
    add_shown(display, &rest, text_string(&state), state.size);
    live_add(&display->lines, to, size, display->colour ? "\033[1;36m" : NULL, text_string(&stage),
             display->name_width, text_string(&rest));
    text_release(&stage);
    text_release(&state);
    text_release(&rest);
}

static void draw(struct display *display, struct attempt *const *attempts, size_t count)
{
    struct text text = {0};
    const struct live_size size = live_size(&display->lines);
    live_erase(&display->lines, &text);
    for (size_t i = 0; i < count; i++)
        draw_line(display, &text, attempts[i], &size);
    live_write(&display->lines, &text);
    text_release(&text);
}

/* ---- lines that stay ---- */

static void say(struct display *display, const struct text *line)
{
    struct text text = {0};
    live_erase(&display->lines, &text);
    text_append(&text, text_string(line), line->size);
    text_add(&text, "\n");
    live_write(&display->lines, &text);
    text_release(&text);
    display->last_draw = 0.0;
}

static void say_formatted(struct display *display, const struct job *job, const char *format,
                          va_list args) __attribute__((format(printf, 3, 0)));

static void say_formatted(struct display *display, const struct job *job, const char *format,
                          va_list args)
{
    struct text line = {0}, shown = {0};
    char message[2048];
    vsnprintf(message, sizeof(message), format, args);
    url_put_stars(message);
    if (job != NULL) {
        stage_log_mask(job->stage, message, strlen(message));
        text_addf(&line, "%-*s  ", display->name_width, job->stage->name);
    }
    text_add(&line, message);
    add_shown(display, &shown, text_string(&line), line.size);
    say(display, &shown);
    text_release(&shown);
    text_release(&line);
}

void display_say(struct display *display, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_formatted(display, NULL, format, args);
    va_end(args);
}

static void display_of(struct display *display, const struct job *job, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void display_of(struct display *display, const struct job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_formatted(display, job, format, args);
    va_end(args);
}

static const char *colour_of(enum job_state state)
{
    switch (state) {
    case JOB_EXECUTED: return "\033[32m";
    case JOB_FAILED: return "\033[1;31m";
    case JOB_CACHED: return "\033[2m";
    default: return "\033[33m";
    }
}

static void add_reason(const struct display *display, struct text *line, const struct text *reason)
{
    text_add(line, ": ");
    add_shown(display, line, text_string(reason), reason->size);
}

void display_ended(struct display *display, const struct job *job)
{
    struct text line = {0}, name = {0};
    if (display->quiet && job->state != JOB_FAILED)
        return;
    add_shown(display, &name, job->stage->name, strlen(job->stage->name));
    text_addf(&line, "%s%-*s  %s%s", display->colour ? colour_of(job->state) : "",
              display->name_width, text_string(&name), job_state_name(job->state),
              display->colour ? "\033[0m" : "");
    text_release(&name);
    if (job->state == JOB_EXECUTED)
        text_addf(&line, " in %.1f s", job->seconds);
    if (job->repaired && job->state == JOB_CACHED)
        text_add(&line, ", artifacts brought back");
    if (job->failure.size > 0)
        add_reason(display, &line, &job->failure);
    if (job->state == JOB_STALE || job->state == JOB_UNKNOWN)
        add_reason(display, &line, &job->reason);
    say(display, &line);
    text_release(&line);
}

void display_sandbox(struct display *display, const struct project *project)
{
    struct text missing = {0};
    if (project->sandbox == SANDBOX_AUTO)
        sandbox_missing(project, &missing);
    if (missing.size > 0)
        display_say(display, "note: of the sandbox is missing here: %s", text_string(&missing));
    text_release(&missing);
}

static void started(void *self, const struct attempt *attempt)
{
    struct display *display = self;
    const struct job *job = attempt->job;
    display->shown[job->index] = (struct shown){0};
    if (!display->quiet && !display->live)
        display_of(display, job, "running (%s)", text_string(&job->reason));
}

static void say_life(struct display *display, const struct attempt *attempt)
{
    struct text line = {0};
    struct text shown = {0};
    text_addf(&line, "%-*s", display->name_width, attempt->job->stage->name);
    live_add_state(&line, &attempt->progress, attempt_now() - attempt->start, INT_MAX);
    add_shown(display, &shown, text_string(&line), line.size);
    say(display, &shown);
    text_release(&shown);
    text_release(&line);
    display->shown[attempt->job->index].last = attempt_now();
}

/* Where nothing is redrawn, results stay as lines. */
static void say_progress(struct display *display, const struct attempt *attempt)
{
    struct shown *shown = &display->shown[attempt->job->index];
    size_t length;
    bool result;
    for (const char *line;
         (line = progress_next(&attempt->progress, &shown->lines, &length, &result)) != NULL;) {
        if (display->quiet || (result && display->live))
            continue;
        display_of(display, attempt->job, "%.*s", (int)length, line);
        shown->last = attempt_now();
    }
}

/* Where to begin in the last part of a log: so many lines before its end. */
static size_t last_lines(const char *data, size_t size)
{
    int lines = 0;
    for (size_t at = size; at > 0; at--)
        if (data[at - 1] == '\n' && at < size && ++lines == LOG_LINES)
            return at;
    return 0;
}

static void say_lines(struct display *display, const struct job *job, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        size_t shown = length > 0 && data[at + length - 1] == '\r' ? length - 1 : length;
        display_of(display, job, "| %.*s", (int)(shown > LINE_LIMIT ? LINE_LIMIT : shown),
                   data + at);
        at += length + 1;
    }
}

static void show_log(struct display *display, const struct attempt *attempt, bool only_end)
{
    struct shown *shown = &display->shown[attempt->job->index];
    struct stat st;
    char data[LOG_BLOCK];
    int fd = attempt->log_fd;
    if (fd < 0)
        return;
    if (only_end && fstat(fd, &st) == 0 && st.st_size - shown->log_offset > LOG_BLOCK)
        shown->log_offset = st.st_size - LOG_BLOCK;
    ssize_t got;
    while ((got = pread(fd, data, sizeof(data), shown->log_offset)) > 0) {
        size_t size = (size_t)got, start = only_end ? last_lines(data, size) : 0;
        /* While the stage runs, only lines that are complete. */
        const char *last = memrchr(data, '\n', size);
        if (!only_end && last != NULL)
            size = (size_t)(last - data) + 1;
        else if (!only_end && size < sizeof(data))
            break;
        say_lines(display, attempt->job, data + start, size - start);
        shown->log_offset += (long)size;
    }
}

static void finished(void *self, struct attempt *attempt)
{
    struct display *display = self;
    progress_end(&attempt->progress);
    say_progress(display, attempt);
    if (display->verbose)
        show_log(display, attempt, false);
}

static void update_stage(struct display *display, const struct attempt *attempt, double now)
{
    double last = display->shown[attempt->job->index].last;
    say_progress(display, attempt);
    if (display->verbose)
        show_log(display, attempt, false);
    if (!display->live && !display->quiet &&
        now - (last > attempt->start ? last : attempt->start) >= life_seconds)
        say_life(display, attempt);
}

static void updated(void *self, struct attempt *const *attempts, size_t count)
{
    struct display *display = self;
    double now = attempt_now();
    for (size_t i = 0; i < count; i++)
        update_stage(display, attempts[i], now);
    if (display->live && now - display->last_draw >= redraw_seconds) {
        draw(display, attempts, count);
        display->last_draw = now;
    }
}

static void say_trespasses(struct display *display, const struct attempt *attempt)
{
    for (const char *line = text_string(&attempt->trespasses); *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        display_of(display, attempt->job, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void failed(void *self, const struct attempt *attempt)
{
    struct display *display = self;
    show_log(display, attempt, true);
    if (attempt->log_path != NULL)
        display_of(display, attempt->job, "its log: %s", attempt->log_path);
    say_trespasses(display, attempt);
    if (attempt->undeclared != NULL)
        display_of(display, attempt->job,
                   "note: %s'%s' is not there for this stage: declare it, as in deps: {code: %s}",
                   attempt->undeclared[0] == '/' ? "" : "the project's ", attempt->undeclared,
                   attempt->undeclared);
}

static void ended(void *self, const struct job *job)
{
    display_ended(self, job);
}

static void noted(void *self, const struct job *job, const char *line)
{
    struct display *display = self;
    if (job == NULL)
        display_say(display, "%s", line);
    else if (!display->quiet)
        display_of(display, job, "%s", line);
}

struct watcher display_watcher(struct display *display)
{
    return (struct watcher){.self = display,
                            .started = started,
                            .updated = updated,
                            .finished = finished,
                            .failed = failed,
                            .ended = ended,
                            .noted = noted};
}
