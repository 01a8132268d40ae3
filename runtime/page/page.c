#include "page/page.h"

#include "base/json.h"
#include "page/escape.h"
#include "page/page_numbers.h"
#include "page/page_style.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* On paper what is closed is shown all the same. In a style sheet of its own, as the checker of the
 * other does not know that part of <details> yet, and neither do browsers of before 2025, which
 * print it closed. */
static const char opened_on_paper[] =
    "<link rel=\"stylesheet\" media=\"print\" "
    "href=\"data:text/css,details::details-content%7Bcontent-visibility:visible%7D\">\n";

void page_head(struct text *page, const char *title, const char *style)
{
    text_add(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" "
                   "href=\"data:,\">\n<title>");
    escape_html(page, title);
    text_addf(page, "</title>\n<style>\n%s%s</style>\n%s</head>\n<body>\n", page_style, style,
              opened_on_paper);
}

void page_sets(struct text *page, const json_t *sets)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)sets, name, value) {
        struct error ignored;
        char *json = json_to_text(value, true, &ignored);
        text_add(page, " <code>--set ");
        escape_html(page, name);
        text_add(page, "=");
        escape_html(page, json != NULL ? json : "?");
        text_add(page, "</code>");
        free(json);
    }
}

void page_section(struct text *page, const char *id, const char *title)
{
    text_addf(page, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">", id,
              id, id);
    escape_html(page, title);
    text_add(page, "</h2>\n");
}

/* Columns that fit a phone, where none is a digest. */
enum { NARROW_COLUMNS = 5 };

static bool is_wide(const char *heads)
{
    size_t columns = 0;
    for (const char *at = heads; (at = strstr(at, "<th")) != NULL; at++)
        columns++;
    return columns > NARROW_COLUMNS || strstr(heads, "SHA-256") != NULL;
}

static void open_table(struct text *page, const char *caption, const char *heads, bool wide)
{
    const char *hint = wide ? "<span class=\"hint\"> \xc2\xb7 scrolls sideways</span>" : "";
    text_add(page, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"");
    escape_html(page, caption);
    text_add(page, "\">\n<table>\n<caption><span>");
    escape_html(page, caption);
    text_addf(page, "%s</span></caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n", hint, heads);
}

void page_table(struct text *page, const char *caption, const char *heads)
{
    open_table(page, caption, heads, is_wide(heads));
}

void page_wide_table(struct text *page, const char *caption, const char *heads)
{
    open_table(page, caption, heads, true);
}

void page_table_end(struct text *page)
{
    text_add(page, "</tbody>\n</table>\n</div>\n");
}

void page_percent_cell(struct text *page, double fraction)
{
    text_add(page, "<td>");
    page_percent(page, fraction);
    text_add(page, "</td>");
}

void page_bar_cell(struct text *page, double fraction)
{
    double share = isfinite(fraction) ? fmin(fmax(fraction, 0), 1) : 0;
    text_add(page, "<td>");
    page_percent(page, fraction);
    text_addf(page,
              "<svg class=\"track\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" "
              "aria-hidden=\"true\"><rect width=\"100\" height=\"8\" fill=\"var(--line)\"/>"
              "<rect width=\"%.2f\" height=\"8\" fill=\"var(--blue)\"/></svg></td>",
              100 * share);
}

void page_count_cell(struct text *page, int64_t number)
{
    text_add(page, "<td>");
    page_count(page, number);
    text_add(page, "</td>");
}

void page_text_cell(struct text *page, const char *tag, const char *content)
{
    bool row_head = strcmp(tag, "th") == 0;
    text_addf(page, "<%s%s>", tag, row_head ? " scope=\"row\"" : " class=\"left\"");
    escape_html(page, content);
    text_addf(page, "</%s>", tag);
}

void page_lines(struct text *page, const char *content)
{
    text_add(page, "<pre tabindex=\"0\">");
    escape_html(page, content);
    text_add(page, "</pre>\n");
}
