/* One page with everything: result against target, training, confusions, Grad-CAM, data, and every
 * key and digest; and of the same the model's card. */
#include "base/file.h"
#include "base/json.h"
#include "base/stage.h"
#include "page/page_numbers.h"
#include "report/report_card.h"
#include "report/report_content.h"
#include "report/report_html.h"
#include "report/report_json.h"
#include "report/report_markdown.h"

#include <math.h>
#include <stdlib.h>

static int write_text(const char *folder, const char *name, const struct text *text,
                      struct error *err)
{
    if (text_check(text, err) < 0)
        return -1;
    char *path = file_join(folder, name, err);
    int result = path == NULL ? -1 : file_write(path, text_string(text), text->size, err);
    free(path);
    return result;
}

static int write_page(const char *folder, const char *name,
                      void (*write)(struct text *, const struct report_content *),
                      const struct report_content *content, struct error *err)
{
    struct text text = {0};
    write(&text, content);
    int result = write_text(folder, name, &text, err);
    text_release(&text);
    return result;
}

static int write_json(const char *folder, const struct report_content *content, struct error *err)
{
    char *path = file_join(folder, "report.json", err);
    json_t *report = path != NULL ? report_json(content, err) : NULL;
    int result = report != NULL ? json_write(path, report, err) : -1;
    json_decref(report);
    free(path);
    return result;
}

/* figures/, which report.md shows. */
static int write_figures(const char *folder, const struct report_content *content,
                         struct error *err)
{
    char *figures = file_join(folder, "figures", err);
    int result = figures == NULL ? -1 : file_make_folders(figures, err);
    for (int i = 0; result == 0 && i < REPORT_FIGURES; i++) {
        const struct report_figure *figure = &content->figures[i];
        if (figure->png == NULL)
            continue;
        char *path = file_join(figures, figure->file, err);
        result = path == NULL ? -1 : file_write(path, figure->png, figure->size, err);
        free(path);
    }
    free(figures);
    return result;
}

static int write_card(struct stage *stage, const struct report_content *content, struct error *err)
{
    struct text card = {0};
    if (!stage_has_out(stage, "card"))
        return 0;
    const char *path = stage_out(stage, "card", err);
    report_card(&card, content);
    int result = path == NULL || text_check(&card, err) < 0
                     ? -1
                     : file_write(path, text_string(&card), card.size, err);
    text_release(&card);
    return result;
}

static int run(struct stage *stage, struct error *err)
{
    struct report_content content;
    const char *folder = stage_out(stage, "report", err);
    if (folder == NULL || report_content_read(stage, &content, err) < 0)
        return -1;
    int result = -1;
    if (file_make_folders(folder, err) == 0 && write_figures(folder, &content, err) == 0 &&
        write_page(folder, "report.md", report_markdown, &content, err) == 0 &&
        write_json(folder, &content, err) == 0 &&
        write_page(folder, "index.html", report_html, &content, err) == 0 &&
        write_card(stage, &content, err) == 0) {
        const int digits = 2 + page_decimals_apart(content.accuracy, content.target);
        if (isnan(content.target))
            stage_note(stage, "test accuracy %.4f", content.accuracy);
        else
            stage_note(stage, "target %s: test accuracy %.*f, asked %.*f",
                       content.reached ? "reached" : "missed", digits, content.accuracy, digits,
                       content.target);
        result = 0;
    }
    report_content_release(&content);
    return result;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "report",
        .summary = "one page with everything",
        .run = run,
        .check = report_content_check,
        .deps = "metrics",
        .outs = "report card?",
    };
    return stage_main(argc, argv, &kind);
}
