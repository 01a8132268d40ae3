#include "report/report_html_lineage.h"

#include "base/number.h"
#include "page/escape.h"
#include "page/page.h"
#include "page/page_numbers.h"
#include "report/report_recipe.h"

#include <stdlib.h>
#include <string.h>

static void add_requirements(struct text *page, const json_t *stages)
{
    bool open = false;
    size_t i, j;
    json_t *stage, *requirement;
    json_array_foreach ((json_t *)stages, i, stage) {
        json_array_foreach (json_object_get(stage, "requirements"), j, requirement) {
            bool met = json_is_true(json_object_get(requirement, "met"));
            struct number bound = {0}, value;
            char shown[JSON_NUMBER_SIZE] = "\xe2\x80\x93", asked[JSON_NUMBER_SIZE];
            bool found = number_from_json(json_object_get(requirement, "value"), &value);
            if (!open)
                page_table(
                    page, "Requirements that pipeline.yaml makes",
                    "<th scope=\"col\">metric</th><th scope=\"col\" class=\"left\">asked</th>"
                    "<th scope=\"col\">found</th><th scope=\"col\" class=\"left\">met</th>");
            open = true;
            text_add(page, "<tr><th scope=\"row\"><code>");
            escape_html_metric(page, report_string(stage, "name"),
                               report_string(requirement, "metric"));
            text_add(page, "</code></th><td class=\"left\">");
            escape_html(page, report_string(requirement, "relation"));
            number_from_json(json_object_get(requirement, "bound"), &bound);
            number_text(&bound, asked);
            if (found)
                number_show_apart(&value, &bound, shown, asked);
            text_addf(page, " %s</td><td>%s", asked, shown);
            text_addf(page, "</td><td class=\"left\"><span class=\"chip %s\">%s</span></td></tr>\n",
                      met ? "good" : "bad", met ? "yes" : "no");
        }
    }
    if (open)
        page_table_end(page);
}

static void add_command(struct text *page, const json_t *words)
{
    size_t i;
    json_t *word;
    text_add(page, "<dt>Command</dt><dd><code>");
    json_array_foreach ((json_t *)words, i, word) {
        text_add(page, i > 0 ? " " : "");
        escape_html(page, json_string_value(word) != NULL ? json_string_value(word) : "");
    }
    text_add(page, "</code></dd>\n");
}

static void add_params(struct text *page, const json_t *params)
{
    struct error ignored;
    if (json_object_size(params) == 0)
        return;
    char *json = json_to_text(params, false, &ignored);
    text_add(page, "<p>Parameters</p>\n");
    page_lines(page, json != NULL ? json : "");
    page->failed |= json == NULL;
    free(json);
}

/* Deps (from) and outs (path, size) have one shape of table. jansson keeps members in the order of
 * the file, which the runner sorts. */
static void add_files(struct text *page, const char *caption, const char *stage, const char *column,
                      const char *member, const json_t *files)
{
    const char *name;
    json_t *file;
    bool sizes = strcmp(member, "path") == 0;
    struct text heads = {0}, title = {0};
    if (json_object_size(files) == 0)
        return;
    text_addf(&title, "%s %s", caption, stage);
    text_addf(&heads,
              "<th scope=\"col\">name</th><th scope=\"col\" class=\"left\">%s</th>%s"
              "<th scope=\"col\" class=\"left\">SHA-256</th>",
              column, sizes ? "<th scope=\"col\">size</th>" : "");
    page_table(page, text_string(&title), text_string(&heads));
    json_object_foreach ((json_t *)files, name, file) {
        text_add(page, "<tr>");
        page_text_cell(page, "th", name);
        page_text_cell(page, "td", report_string(file, member));
        if (sizes) {
            text_add(page, "<td>");
            page_size(page, json_integer_value(json_object_get(file, "size")));
            text_add(page, "</td>");
        }
        text_add(page, "<td class=\"left digest\">");
        escape_html(page, report_string(file, "digest"));
        text_add(page, "</td></tr>\n");
    }
    page_table_end(page);
    text_release(&heads);
    text_release(&title);
}

static void add_stage(struct text *page, const json_t *stage)
{
    const char *name = report_string(stage, "name");
    char key[13];
    snprintf(key, sizeof(key), "%s", report_string(stage, "key"));
    text_add(page, "<details class=\"stage\"><summary>");
    escape_html(page, name);
    text_add(page, "<span class=\"desc\">");
    escape_html(page, report_string(stage, "desc"));
    text_add(page, "</span> <code>");
    escape_html(page, key);
    text_add(page,
             "</code></summary>\n<dl class=\"facts wide\">\n<dt>Key</dt><dd class=\"digest\">");
    escape_html(page, report_string(stage, "key"));
    text_add(page, "</dd>\n");
    add_command(page, json_object_get(stage, "cmd"));
    text_add(page, "</dl>\n<div class=\"for-screens\">\n");
    add_params(page, json_object_get(stage, "params"));
    add_files(page, "What went into", name, "from", "from", json_object_get(stage, "deps"));
    add_files(page, "What came out of", name, "file", "path", json_object_get(stage, "outs"));
    text_add(page, "</div>\n</details>\n");
}

static void add_step(struct text *lines, const char *says,
                     void (*command)(struct text *, const json_t *), const json_t *lineage)
{
    struct text text = {0};
    command(&text, lineage);
    if (text.size > 0)
        text_addf(lines, "%s# %s\n%s", lines->size > 0 ? "\n" : "", says, text_string(&text));
    lines->failed |= text.failed;
    text_release(&text);
}

static void add_recipe(struct text *page, const json_t *lineage)
{
    struct text lines = {0};
    add_step(&lines, "in a clone: runs what is not cached", report_recipe_run, lineage);
    add_step(&lines, "compares every artifact with pipeline.lock", report_recipe_verify, lineage);
    add_step(&lines, "compares the metrics with those of this report", report_recipe_check,
             lineage);
    page_lines(page, text_string(&lines));
    page->failed |= lines.failed;
    text_release(&lines);
}

void page_lineage(struct text *page, const struct report_content *content)
{
    const json_t *stages = content->stages;
    size_t i;
    json_t *stage;
    if (content->lineage == NULL)
        return;
    page_section(page, "reproduce", "How to reproduce");
    text_add(page, "<p class=\"lead\">A stage\xe2\x80\x99s key is the SHA-256 of all that it "
                   "depends on: executable, "
                   "command, parameters and the contents that went in. The same key gives the same "
                   "outputs.</p>\n");
    add_recipe(page, content->lineage);
    add_requirements(page, stages);
    text_add(page, "<h3>Stages</h3>\n<p class=\"on-paper\">Parameters and the digests of files are "
                   "in <code>pipeline.lock</code> and, on a screen, in this page.</p>\n");
    json_array_foreach (stages, i, stage)
        add_stage(page, stage);
    text_add(page, "</section>\n");
}
