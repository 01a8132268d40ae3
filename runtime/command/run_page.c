#include "command/run_page.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/number.h"
#include "command/difference.h"
#include "page/escape.h"
#include "page/page.h"
#include "page/page_difference.h"
#include "page/page_graph.h"
#include "page/page_numbers.h"
#include "runner/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_BACK = 4, LOOK_FAR_BACK = 64 }; /* records in which the run before is looked for */

/* clang-format off */
static const char style[] =
    ".graph{display:block;font:13px var(--sans);max-width:none}\n"
    ".graph path{fill:none;stroke:var(--soft);stroke-width:1.2}.graph marker path{fill:var(--soft);stroke:none}\n"
    ".graph rect{fill:var(--card);stroke:var(--line);stroke-width:1.5}\n"
    ".graph text{fill:var(--ink);text-anchor:middle}.graph .note{fill:var(--soft);font-size:11px}\n"
    ".graph .good rect{fill:var(--good-tint);stroke:var(--good)}.graph .bad rect{fill:var(--bad-tint);stroke:var(--bad)}"
    ".graph .warn rect{fill:var(--warn-tint);stroke:var(--warn)}\n"
    ".graph a{text-decoration:none}.graph a:hover rect{stroke-width:2.5}\n"
    "#stages table{width:100%}#stages td:nth-child(3){width:35%;min-width:8rem}\n"
    ".line{display:block;width:100%;height:.7rem;border-radius:.3rem;fill:var(--tint)}\n"
    ".line rect+rect{fill:var(--blue)}.bad+td .line rect+rect{fill:var(--bad)}\n"
    ".why{white-space:normal;min-width:14rem}tr:target>*{background:var(--warn-tint)}\n";
/* clang-format on */

static void add_seconds(struct text *page, double seconds)
{
    if (seconds < 60)
        text_addf(page, seconds < 0.95 ? "%.2f&nbsp;s" : "%.1f&nbsp;s", seconds);
    else if (seconds < 3600)
        text_addf(page, "%ld:%02ld&nbsp;min", (long)(seconds + 0.5) / 60,
                  (long)(seconds + 0.5) % 60);
    else
        text_addf(page, "%ld:%02ld&nbsp;h", (long)(seconds + 30) / 3600,
                  (long)(seconds + 30) / 60 % 60);
}

static double number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *mood_of(const char *state)
{
    if (strcmp(state, "executed") == 0)
        return "good";
    return strcmp(state, "cached") == 0 ? "" : strcmp(state, "failed") == 0 ? "bad" : "warn";
}

/* ---- top ---- */

static size_t count_state(const json_t *stages, const char *state)
{
    size_t index, count = 0;
    json_t *stage;
    json_array_foreach ((json_t *)stages, index, stage)
        count += strcmp(json_text(stage, "state"), state) == 0;
    return count;
}

static size_t count_missed(const json_t *requirements)
{
    size_t index, count = 0;
    json_t *requirement;
    json_array_foreach ((json_t *)requirements, index, requirement)
        count += !json_is_true(json_object_get(requirement, "met"));
    return count;
}

static void add_verdict(struct text *page, const json_t *record)
{
    static const char *const states[] = {"executed", "cached", "failed", "skipped"};
    const char *outcome = json_text(record, "outcome");
    const json_t *stages = json_object_get(record, "stages");
    const size_t missed = count_missed(json_object_get(record, "requirements"));
    const bool done = strcmp(outcome, "done") == 0;
    text_addf(page, "<div class=\"verdict %s\">\n<p><strong>",
              !done        ? "bad"
              : missed > 0 ? "warn"
                           : "good");
    for (size_t i = 0, shown = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (i < 2 || count_state(stages, states[i]) > 0)
            text_addf(page, "%s%zu %s", shown++ > 0 ? ", " : "", count_state(stages, states[i]),
                      states[i]);
    text_add(page, " in ");
    add_seconds(page, number_of(record, "seconds"));
    text_add(page, "</strong><span>");
    if (!done)
        text_addf(page, "The run %s. ",
                  strcmp(outcome, "failed") == 0 ? "failed" : "was interrupted");
    if (json_array_size(json_object_get(record, "requirements")) > 0)
        text_addf(page,
                  missed == 0 ? "All that is required is met." : "Missed of what is required: %zu.",
                  missed);
    text_add(page, "</span></p>\n</div>\n");
}

static void add_fact(struct text *page, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    text_addf(page, "<dt>%s</dt><dd>", name);
    escape_html(page, value);
    text_add(page, "</dd>\n");
}

static void add_sets(struct text *page, const json_t *sets)
{
    if (json_object_size(sets) == 0)
        return;
    text_add(page, "<dt>Set</dt><dd>");
    page_sets(page, sets);
    text_add(page, "</dd>\n");
}

static void add_machine(struct text *page, const json_t *machine)
{
    const double memory = number_of(machine, "memory");
    text_add(page, "<dt>Machine</dt><dd>");
    escape_html(page, json_text(machine, "processor"));
    text_addf(page, "%s%lld processors", json_text(machine, "processor")[0] != '\0' ? ", " : "",
              (long long)json_integer_value(json_object_get(machine, "processors")));
    if (isfinite(memory)) {
        text_add(page, ", ");
        page_size(page, (int64_t)memory);
    }
    text_add(page, "</dd>\n");
    add_fact(page, "System", json_text(machine, "system"));
}

static void add_head(struct text *page, const json_t *record)
{
    struct text title = {0};
    text_addf(&title, "Run %s", json_text(record, "id"));
    page_head(page, text_string(&title), style);
    text_add(page, "<header>\n<p class=\"eyebrow\">Reprise run</p>\n<h1>");
    escape_html(page, text_string(&title));
    text_release(&title);
    text_add(page, "</h1>\n");
    add_verdict(page, record);
    text_add(page, "<dl class=\"facts wide\">\n");
    add_fact(page, "Started", json_text(record, "started"));
    add_fact(page, "Profile", json_text(record, "profile"));
    add_sets(page, json_object_get(record, "sets"));
    add_fact(page, "Device", json_text(record, "device"));
    add_fact(page, "Host", json_text(record, "host"));
    add_machine(page, json_object_get(record, "machine"));
    add_fact(page, "Sandbox", json_text(record, "sandbox"));
    text_add(page, "</dl>\n</header>\n<main>\n");
}

/* ---- stages ---- */

/* Cached results have no part in this run's time. */
static void add_line(struct text *page, const json_t *stage, double whole)
{
    const double began = number_of(stage, "began"), seconds = number_of(stage, "seconds");
    text_add(page, "<td>");
    if (isfinite(began) && isfinite(seconds) && whole > 0)
        text_addf(page,
                  "<svg class=\"line\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" "
                  "aria-hidden=\"true\"><rect width=\"100\" height=\"8\"/>"
                  "<rect x=\"%.2f\" width=\"%.2f\" height=\"8\"/></svg>",
                  100 * fmin(fmax(began / whole, 0), 0.995),
                  100 * fmax(fmin(seconds / whole, 1 - fmin(fmax(began / whole, 0), 1)), 0.005));
    text_add(page, "</td>");
}

/* Why it ran; what went wrong; or when the result was made that was there. */
static void add_why(struct text *page, const json_t *stage)
{
    const char *failure = json_text(stage, "failure"), *reason = json_text(stage, "reason");
    const double seconds = number_of(stage, "seconds");
    text_add(page, "<td class=\"left why\">");
    if (failure[0] != '\0')
        escape_html(page, failure);
    else if (strcmp(json_text(stage, "state"), "cached") == 0) {
        text_add(page, "the same key: made ");
        escape_html(page, json_text(stage, "started"));
        text_add(page, " in ");
        add_seconds(page, isfinite(seconds) ? seconds : 0);
    } else
        escape_html(page, reason);
    text_add(page, "</td>");
}

static void add_stage(struct text *page, const json_t *stage, double whole)
{
    const char *state = json_text(stage, "state");
    const double seconds = number_of(stage, "seconds");
    text_add(page, "<tr id=\"stage-");
    escape_html(page, json_text(stage, "name"));
    text_add(page, "\">");
    page_text_cell(page, "th", json_text(stage, "name"));
    text_addf(page, "<td class=\"left %s\">%s</td>", mood_of(state), state);
    add_line(page, stage, whole);
    text_add(page, "<td>");
    if (isfinite(number_of(stage, "began")) && isfinite(seconds))
        add_seconds(page, seconds);
    text_add(page, "</td>");
    add_why(page, stage);
    text_add(page, "</tr>\n");
}

static void add_stages(struct text *page, const json_t *record)
{
    size_t index;
    json_t *stage;
    page_section(page, "stages", "What ran when, and why");
    page_wide_table(page, "Stages in order; the bar is the time of the whole run",
                    "<th scope=\"col\">Stage</th><th class=\"left\" scope=\"col\">State</th>"
                    "<th class=\"left\" scope=\"col\">When</th><th scope=\"col\">Time</th>"
                    "<th class=\"left\" scope=\"col\">Why</th>");
    json_array_foreach (json_object_get(record, "stages"), index, stage)
        add_stage(page, stage, number_of(record, "seconds"));
    page_table_end(page);
    text_add(page, "</section>\n");
}

static void node_of(const struct job *job, struct page_node *node, char note[32])
{
    const char *state = job->state == JOB_OUTSIDE ? "not asked for" : job_state_name(job->state);
    snprintf(note, 32, "%s", state);
    *node =
        (struct page_node){job->stage->name, job->state == JOB_OUTSIDE ? "" : mood_of(state), note};
}

static void add_edges(const struct plan *plan, size_t stage, struct page_graph *graph,
                      struct page_edge *edges)
{
    for (size_t i = 0; i < plan->stages[stage].dep_count; i++) {
        const struct plan_dep *dep = &plan->stages[stage].deps[i];
        for (size_t m = 0; m < dep->member_count; m++)
            edges[graph->edge_count++] = (struct page_edge){dep->members[m].stage, stage};
        if (dep->path == NULL && dep->member_count == 0)
            edges[graph->edge_count++] = (struct page_edge){dep->stage, stage};
    }
}

static size_t most_edges(const struct plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        for (size_t d = 0; d < plan->stages[i].dep_count; d++)
            count += 1 + plan->stages[i].deps[d].member_count;
    return count;
}

static int add_graph(struct text *page, const struct jobs *jobs, struct error *err)
{
    const struct plan *plan = jobs->project->plan;
    int result = -1;
    page_section(page, "graph", "The pipeline");
    if (jobs->count > PAGE_GRAPH_NODES) {
        text_addf(page,
                  "<p>%zu stages are too many for a drawing; <code>reprise dag</code> prints "
                  "them for Graphviz.</p>\n</section>\n",
                  jobs->count);
        return 0;
    }
    struct page_node *nodes = memory_new(jobs->count, sizeof(*nodes), err);
    char(*notes)[32] = memory_new(jobs->count, sizeof(*notes), err);
    struct page_edge *edges = memory_new(most_edges(plan), sizeof(*edges), err);
    if (nodes != NULL && notes != NULL && edges != NULL) {
        struct page_graph graph = {.nodes = nodes, .node_count = jobs->count, .edges = edges};
        for (size_t i = 0; i < jobs->count; i++) {
            node_of(&jobs->list[i], &nodes[i], notes[i]);
            add_edges(plan, i, &graph, edges);
        }
        text_add(page, "<p class=\"hint\">Scrolls sideways</p>\n"
                       "<div class=\"scroll\" role=\"group\" tabindex=\"0\" "
                       "aria-label=\"Graph of the pipeline\">\n");
        result = page_graph(page, &graph, "What is made from what", err);
        text_add(page, "</div>\n</section>\n");
    }
    free(nodes);
    free(notes);
    free(edges);
    return result;
}

/* ---- what is required, and what changed ---- */

static void add_requirements(struct text *page, const json_t *requirements)
{
    size_t index;
    json_t *requirement;
    if (json_array_size(requirements) == 0)
        return;
    page_section(page, "required", "What is required");
    page_table(page, "Bounds of the pipeline file",
               "<th scope=\"col\">Metric</th><th scope=\"col\">Value</th>"
               "<th class=\"left\" scope=\"col\">Bound</th><th class=\"left\" "
               "scope=\"col\">Outcome</th>");
    json_array_foreach ((json_t *)requirements, index, requirement) {
        const bool met = json_is_true(json_object_get(requirement, "met"));
        struct number value, bound = {0};
        char shown[JSON_NUMBER_SIZE] = "", asked[JSON_NUMBER_SIZE];
        number_from_json(json_object_get(requirement, "bound"), &bound);
        number_show(&bound, asked);
        if (number_from_json(json_object_get(requirement, "value"), &value))
            number_show_apart(&value, &bound, shown, asked);
        text_add(page, "<tr><th scope=\"row\">");
        escape_html_metric(page, json_text(requirement, "stage"), json_text(requirement, "metric"));
        text_addf(page, "</th><td>%s</td><td class=\"left\">", shown);
        escape_html(page, json_text(requirement, "relation"));
        text_addf(page, " %s</td><td class=\"left %s\">%s</td></tr>\n", asked, met ? "good" : "bad",
                  met ? "met" : "missed");
    }
    page_table_end(page);
    text_add(page, "</section>\n");
}

/* Most runs follow one of their kind; *before is one of the records, or NULL. */
static json_t *read_before(const struct project *project, const json_t *record,
                           const json_t **before, struct error *err)
{
    json_t *records = record_read_latest(project, LOOK_BACK, err);
    if (records == NULL ||
        (*before = record_find_done(records, json_text(record, "profile"),
                                    json_text(record, "id"))) != NULL ||
        json_array_size(records) < LOOK_BACK)
        return records;
    json_decref(records);
    records = record_read_latest(project, LOOK_FAR_BACK, err);
    *before = record_find_done(records, json_text(record, "profile"), json_text(record, "id"));
    return records;
}

static json_t *compare(const struct project *project, const json_t *records, const char *before,
                       const char *now, struct error *err)
{
    struct side a = {0}, b = {0};
    json_t *difference = NULL;
    if (side_open(project, records, before, &a, err) == 0 &&
        side_open(project, records, now, &b, err) == 0)
        difference = difference_make(project->plan, &a, &b, err);
    side_release(&b);
    side_release(&a);
    return difference;
}

/* Its file beside this page, or nothing. */
static void add_file(struct text *page, const struct project *project, const json_t *record,
                     const char *ending, const char *words)
{
    struct text path = {0};
    record_path(project, record, ending, &path);
    const char *name = strrchr(text_string(&path), '/');
    const bool there = name != NULL && file_exists(path.data);
    if (there) {
        text_add(page, "<a href=\"");
        escape_html(page, name + 1);
        text_add(page, "\">");
    }
    escape_html(page, words);
    text_add(page, there ? "</a>" : "");
    text_release(&path);
}

static int add_changes(struct text *page, const struct project *project, const json_t *record,
                       struct error *err)
{
    const json_t *before = NULL;
    json_t *records = read_before(project, record, &before, err);
    records = json_list_with(records, json_incref((json_t *)record)); /* of one second are many */
    page_section(page, "changed", "Since the run before");
    int result = records == NULL ? -1 : 0;
    if (before == NULL)
        text_add(page, "<p>There is no earlier run of this profile that came to its end.</p>\n");
    else {
        json_t *difference =
            compare(project, records, json_text(before, "id"), json_text(record, "id"), err);
        text_add(page, "<p>a is run ");
        add_file(page, project, before, ".html", json_text(before, "id"));
        text_addf(page,
                  " of %s, b is this one. <code>reprise diff %s %s --html FILE</code> compares "
                  "curves and pictures, too.</p>\n",
                  json_text(before, "started"), json_text(before, "id"), json_text(record, "id"));
        if (difference != NULL) {
            page_difference_verdict(page, difference);
            page_difference_params(page, json_object_get(difference, "params"));
            page_difference_metrics(page, json_object_get(difference, "metrics"));
        } else
            result = -1;
        json_decref(difference);
    }
    text_add(page, "</section>\n");
    json_decref(records);
    return result;
}

int run_page_write(const struct jobs *jobs, const json_t *record, struct error *err)
{
    struct text page = {0}, path = {0};
    record_path(jobs->project, record, ".html", &path);
    add_head(&page, record);
    add_stages(&page, record);
    int result = add_graph(&page, jobs, err);
    add_requirements(&page, json_object_get(record, "requirements"));
    if (result == 0)
        result = add_changes(&page, jobs->project, record, err);
    text_add(&page, "</main>\n<footer><p>For programs: ");
    add_file(&page, jobs->project, record, ".json", "the same as JSON");
    text_add(&page, ". What a stage printed: <code>reprise log STAGE</code>.</p></footer>\n"
                    "</body>\n</html>\n");
    if (result == 0 && (result = text_check(&page, err)) == 0 &&
        (result = text_check(&path, err)) == 0)
        result = file_write_unflushed(path.data, page.data, page.size, err);
    text_release(&path);
    text_release(&page);
    return result;
}
