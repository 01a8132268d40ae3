#include "runner/progress.h"

#include "base/json.h"
#include "runner/line_feed.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_LIMIT = 512, LINES_LIMIT = 1 << 20 };

/* Control bytes would play tricks with the terminal, and so would C2 80 to C2 9F, the C1 controls
 * in UTF-8. */
static void copy_clean(char *to, size_t size, const json_t *value)
{
    const char *from = json_string_value(value);
    snprintf(to, size, "%s", from != NULL ? from : "");
    for (unsigned char *at = (unsigned char *)to; *at != '\0'; at++) {
        if (*at < ' ' || *at == 127)
            *at = ' ';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
            at[0] = at[1] = ' ';
    }
}

bool progress_part(const char *what, int *part, int *parts)
{
    int used = 0;
    size_t length = strcspn(what, ",");
    const char *number = memrchr(what, ' ', length);
    return number != NULL && sscanf(number, " %9d/%9d%n", part, parts, &used) == 2 &&
           number + used == what + length && *part >= 1 && *parts >= *part;
}

static void estimate(struct progress *progress, double now)
{
    int part, parts;
    double fraction = progress->total > 0 ? (double)progress->done / (double)progress->total : -1.0;
    double seconds = now - progress->what_start;
    double done = (double)progress->done - (double)progress->first_done;
    if (done > 0.0 && seconds > 0.05)
        progress->rate = done / seconds;
    bool behind = strchr(progress->what, ',') != NULL; /* what follows a part is short */
    if (progress_part(progress->what, &part, &parts))
        fraction = (part - 1 + (behind ? 1.0 : fraction > 0.0 ? fraction : 0.0)) / parts;
    if (fraction > 1.0)
        fraction = 1.0;
    if (progress->fraction < 0.0 || fraction < progress->fraction) {
        progress->whole_start = now;
        progress->whole_first = fraction;
    }
    progress->fraction = fraction;
    double gained = fraction - progress->whole_first;
    progress->eta_seconds =
        gained > 0.0 ? (now - progress->whole_start) * (1.0 - fraction) / gained : -1.0;
}

/* Metrics come one by one when a part is over; "epoch 3/20, validation" belongs
 * to epoch 3. */
void progress_end(struct progress *progress)
{
    struct text line = {0};
    for (int i = 0; i < progress->metric_count; i++) {
        struct progress_metric *metric = &progress->metrics[i];
        if (!metric->told)
            text_addf(&line, "  %s %.4g", metric->name, metric->value);
        metric->told = true;
    }
    if (line.size > 0 && progress->lines.size < LINES_LIMIT)
        text_addf(&progress->lines, "%c%.*s%s\n", PROGRESS_RESULT,
                  (int)strcspn(progress->metric_what, ","), progress->metric_what,
                  text_string(&line));
    text_release(&line);
}

static void take_progress(struct progress *progress, const json_t *event, double now)
{
    char what[sizeof(progress->what)];
    copy_clean(what, sizeof(what), json_object_get(event, "what"));
    progress->done = json_integer_value(json_object_get(event, "done"));
    progress->total = json_integer_value(json_object_get(event, "total"));
    copy_clean(progress->unit, sizeof(progress->unit), json_object_get(event, "unit"));
    if (strcmp(what, progress->what) != 0) {
        progress_end(progress);
        if (progress->turns == 0)
            progress->fraction = -1.0;
        memcpy(progress->what, what, sizeof(what));
        progress->turns++;
        progress->what_start = now;
        progress->first_done = progress->done;
        progress->rate = 0.0;
    }
    estimate(progress, now);
}

static void take_metric(struct progress *progress, const json_t *event)
{
    char name[PROGRESS_NAME];
    int at = 0;
    double value;
    copy_clean(name, sizeof(name), json_object_get(event, "name"));
    while (at < progress->metric_count && strcmp(progress->metrics[at].name, name) != 0)
        at++;
    if (at == PROGRESS_METRICS || !json_measurement(json_object_get(event, "value"), &value))
        return;
    struct progress_metric *metric = &progress->metrics[at];
    if (at == progress->metric_count)
        progress->metric_count++;
    else if (!metric->told)
        progress_end(progress); /* the next round of them begins */
    memcpy(metric->name, name, sizeof(name));
    metric->value = value;
    metric->told = false;
    memcpy(progress->metric_what, progress->what, sizeof(progress->what));
}

static void take_note(struct progress *progress, const json_t *event)
{
    char note[NOTE_LIMIT];
    copy_clean(note, sizeof(note), json_object_get(event, "text"));
    progress_end(progress); /* what the note is about came before it */
    if (progress->lines.size < LINES_LIMIT)
        text_addf(&progress->lines, "%s\n", note);
}

struct feeding {
    struct progress *progress;
    double now;
};

static void take_line(void *self, char *line, size_t size)
{
    const struct feeding *feeding = self;
    json_t *json = json_loadb(line, size, 0, NULL);
    const char *event = json_string_value(json_object_get(json, "event"));
    if (event == NULL)
        ;
    else if (strcmp(event, "progress") == 0)
        take_progress(feeding->progress, json, feeding->now);
    else if (strcmp(event, "metric") == 0)
        take_metric(feeding->progress, json);
    else if (strcmp(event, "note") == 0)
        take_note(feeding->progress, json);
    json_decref(json);
}

void progress_feed(struct progress *progress, const char *bytes, size_t size, double now)
{
    struct feeding feeding = {progress, now};
    line_feed(&progress->partial, bytes, size, take_line, &feeding);
}

const char *progress_next(const struct progress *progress, size_t *at, size_t *length, bool *result)
{
    if (*at >= progress->lines.size)
        return NULL;
    const char *line = progress->lines.data + *at;
    *at += strcspn(line, "\n") + 1;
    *result = *line == PROGRESS_RESULT;
    line += *result;
    *length = strcspn(line, "\n");
    return line;
}

void progress_release(struct progress *progress)
{
    text_release(&progress->partial);
    text_release(&progress->lines);
}
