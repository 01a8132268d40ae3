#include "report/report_page.h"

#include "report/report_escape.h"
#include "report/report_numbers.h"

#include <math.h>
#include <string.h>

void page_section(struct text *page, const char *id, const char *title)
{
    text_addf(page, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">", id,
              id, id);
    escape_html(page, title);
    text_add(page, "</h2>\n");
}

/* PNGs have two pixels to the unit: shown at half their size where there is room. */
void page_figure(struct text *page, const struct report_content *content, int id)
{
    const struct report_figure *figure = &content->figures[id];
    if (figure->png == NULL)
        return;
    text_addf(page, "<figure>\n<img width=\"%u\" height=\"%u\" alt=\"", (figure->width + 1) / 2,
              (figure->height + 1) / 2);
    escape_html(page, text_string(&figure->alt));
    text_add(page, "\" src=\"data:image/png;base64,");
    escape_base64(page, figure->png, figure->size);
    text_add(page, "\">\n<figcaption>");
    escape_html(page, text_string(&figure->caption));
    text_add(page, "</figcaption>\n</figure>\n");
}

void page_table(struct text *page, const char *caption, const char *heads)
{
    text_add(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    escape_html(page, caption);
    text_add(page, "\">\n<table>\n<caption>");
    escape_html(page, caption);
    text_addf(page, "</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n", heads);
}

void page_table_end(struct text *page)
{
    text_add(page, "</tbody>\n</table>\n</div>\n");
}

void page_percent_cell(struct text *page, double fraction)
{
    text_add(page, "<td>");
    report_percent(page, fraction);
    text_add(page, "</td>");
}

void page_bar_cell(struct text *page, double fraction, double full)
{
    double share = isfinite(fraction) && full > 0 ? fmin(fmax(fraction / full, 0), 1) : 0;
    text_add(page, "<td>");
    report_percent(page, fraction);
    text_addf(page, "<span class=\"track\" style=\"--v:%.4f\"></span></td>", share);
}

void page_count_cell(struct text *page, int64_t number)
{
    text_add(page, "<td>");
    report_count(page, number);
    text_add(page, "</td>");
}

void page_text_cell(struct text *page, const char *tag, const char *content)
{
    bool row_head = strcmp(tag, "th") == 0;
    text_addf(page, "<%s%s>", tag, row_head ? " scope=\"row\"" : " class=\"left\"");
    escape_html(page, content);
    text_addf(page, "</%s>", tag);
}
