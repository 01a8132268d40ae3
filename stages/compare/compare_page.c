#include "compare/compare_page.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/number.h"
#include "compare/compare_curves.h"
#include "figure/png_file.h"
#include "page/escape.h"
#include "page/page.h"
#include "page/page_difference.h"
#include "page/page_numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 24, CLASSES = 20, PICTURE_DPI = 72 };

/* clang-format off */
static const char style[] =
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}\n"
    ".plots figure{margin:.5rem 0}\n"
    ".plots svg{display:block;width:100%;height:auto}\n"
    ".plots text{fill:var(--soft);font:12px var(--sans);font-variant-numeric:tabular-nums}\n"
    "b.a{color:var(--warn)}b.b{color:var(--blue)}\n"
    ".flips{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:1rem;"
      "list-style:none;padding:0;margin:1rem 0}\n"
    ".flips li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.6rem;"
      "font-size:.84rem;line-height:1.4;overflow-wrap:anywhere;break-inside:avoid}\n"
    ".flips img{width:100%;height:auto;image-rendering:pixelated;border-radius:.3rem;display:block;"
      "margin-bottom:.4rem}\n"
    "td.good,td.bad{font-weight:600}\n";
/* clang-format on */

/* ---- top ---- */

static void add_side(struct text *page, const char *letter, const json_t *side)
{
    text_addf(page, "<dt><b class=\"%s\">%s</b></dt><dd>", letter, letter);
    escape_html(page, json_text(side, "name"));
    static const char *const more[] = {"profile", "started", NULL};
    for (size_t i = 0; more[i] != NULL; i++)
        if (json_text(side, more[i])[0] != '\0') {
            text_addf(page, " \xc2\xb7 %s", i == 0 ? "profile " : "");
            escape_html(page, json_text(side, more[i]));
        }
    page_sets(page, json_object_get(side, "sets"));
    text_add(page, "</dd>\n");
}

static void add_head(struct text *page, const json_t *difference)
{
    const json_t *a = json_object_get(difference, "a"), *b = json_object_get(difference, "b");
    struct text title = {0};
    text_addf(&title, "%s \xe2\x86\x92 %s", json_text(a, "name"), json_text(b, "name"));
    page_head(page, text_string(&title), style);
    text_add(page, "<header>\n<p class=\"eyebrow\">Reprise comparison</p>\n<h1>");
    escape_html(page, text_string(&title));
    text_release(&title);
    text_add(page, "</h1>\n");
    page_difference_verdict(page, difference);
    text_add(page, "<dl class=\"facts wide\">\n");
    add_side(page, "a", a);
    add_side(page, "b", b);
    text_add(page, "</dl>\n</header>\n<main>\n");
}

/* ---- what it did ---- */

struct changed {
    const json_t *metric;
    double by;
};

static int by_change(const void *left, const void *right)
{
    const struct changed *a = left, *b = right;
    return a->by != b->by ? (a->by > b->by ? -1 : 1)
                          : strcmp(json_text(a->metric, "metric"), json_text(b->metric, "metric"));
}

/* F1 of the classes, those first that changed most; those that one side lacks come last. */
static int add_classes(struct text *page, const json_t *metrics, struct error *err)
{
    struct changed *list = memory_new(json_array_size(metrics), sizeof(*list), err);
    size_t index, count = 0;
    json_t *metric;
    if (list == NULL)
        return -1;
    json_array_foreach ((json_t *)metrics, index, metric) {
        size_t size;
        double by;
        if (page_difference_class(metric, &size) != NULL && size > 0 &&
            !json_equal(json_object_get(metric, "a"), json_object_get(metric, "b")))
            list[count++] = (struct changed){
                metric, json_measurement(json_object_get(metric, "difference"), &by) && isfinite(by)
                            ? fabs(by)
                            : 0.0};
    }
    qsort(list, count, sizeof(*list), by_change);
    if (count > 0)
        page_table(page,
                   count > CLASSES ? "F1 of the 20 classes that changed most"
                                   : "F1 of the classes that changed, most first",
                   page_difference_heads);
    for (size_t i = 0; i < count && i < CLASSES; i++) {
        struct text name = {0};
        size_t size;
        const char *class = page_difference_class(list[i].metric, &size);
        text_append(&name, class, size);
        page_difference_row(page, text_string(&name), list[i].metric);
        text_release(&name);
    }
    if (count > 0)
        page_table_end(page);
    free(list);
    text_add(page, "</section>\n");
    return 0;
}

static void add_trainings(struct text *page, const struct comparison *comparison)
{
    if (comparison->training_count == 0)
        return;
    page_section(page, "training", "Training");
    for (size_t i = 0; i < comparison->training_count; i++) {
        const struct compared_training *training = &comparison->trainings[i];
        text_add(page, "<h3>");
        escape_html(page, training->name);
        text_add(page, "</h3>\n");
        compare_curves(page, training->name, &training->a, &training->b);
    }
    text_add(page, "</section>\n");
}

/* ---- pictures ---- */

static int add_picture(struct text *page, const struct dataset *dataset, int64_t picture,
                       struct error *err)
{
    const size_t height = (size_t)dataset->height, width = (size_t)dataset->width;
    const uint8_t *rgb =
        (const uint8_t *)dataset->test_images.data + (size_t)picture * height * width * 3;
    uint32_t *words = memory_new(height * width, sizeof(*words), err);
    char *png = NULL;
    size_t size = 0;
    FILE *stream = words == NULL ? NULL : open_memstream(&png, &size);
    for (size_t i = 0; stream != NULL && i < height * width; i++)
        words[i] = (uint32_t)rgb[3 * i] << 16 | (uint32_t)rgb[3 * i + 1] << 8 | rgb[3 * i + 2];
    int result = words == NULL    ? -1
                 : stream == NULL ? error_set(err, ERR_MEMORY, "out of memory for a picture")
                                  : png_file_encode(stream, "picture", words, width, height, width,
                                                    PICTURE_DPI, err);
    if (stream != NULL && fclose(stream) != 0 && result == 0)
        result = error_set(err, ERR_MEMORY, "out of memory for a picture");
    if (result == 0)
        base64_add(page, (const uint8_t *)png, size);
    free(words);
    free(png);
    return result;
}

static void add_answer(struct text *page, const char *letter, const char *class, float probability)
{
    text_addf(page, "<br><b class=\"%s\">%s</b> ", letter, letter);
    escape_html(page, class);
    text_addf(page, " %.0f%%", 100 * (double)probability);
}

static int add_flip(struct text *page, const struct flips *flips, const struct flip *flip,
                    struct error *err)
{
    char **names = flips->dataset.classes;
    text_addf(page, "<li><img width=\"%lld\" height=\"%lld\" alt=\"test picture %lld, ",
              (long long)flips->dataset.width, (long long)flips->dataset.height,
              (long long)flip->picture);
    escape_html(page, names[flip->truth]);
    text_add(page, "\" src=\"data:image/png;base64,");
    if (add_picture(page, &flips->dataset, flip->picture, err) < 0)
        return -1;
    text_add(page, "\"><strong>");
    escape_html(page, names[flip->truth]);
    text_add(page, "</strong>");
    add_answer(page, "a", names[flip->a], flip->says_a);
    add_answer(page, "b", names[flip->b], flip->says_b);
    text_add(page, "</li>\n");
    return 0;
}

static int add_kind(struct text *page, const struct flips *flips, enum flip_kind kind,
                    struct error *err)
{
    static const char *const titles[] = {"Right only in b", "Right only in a",
                                         "Wrong in both, in different ways"};
    size_t shown = 0;
    if (flips->counts[kind] == 0)
        return 0;
    text_addf(page, "<h3>%s: %zu</h3>\n", titles[kind], flips->counts[kind]);
    if (flips->counts[kind] > SHOWN)
        text_addf(page, "<p>Here are the %d whose true class gained or lost most.</p>\n", SHOWN);
    text_add(page, "<ul class=\"flips\">\n");
    for (size_t i = 0; i < flips->count && shown < SHOWN; i++)
        if (flips->list[i].kind == kind) {
            shown++;
            if (add_flip(page, flips, &flips->list[i], err) < 0)
                return -1;
        }
    text_add(page, "</ul>\n");
    return 0;
}

static int add_pictures(struct text *page, const struct comparison *comparison, struct error *err)
{
    const struct flips *flips = comparison->flips;
    page_section(page, "pictures", "Pictures whose answer changed");
    if (flips == NULL) {
        text_add(page, "<p>Not compared: ");
        escape_html(page, comparison->note);
        text_add(page, ".</p>\n</section>\n");
        return 0;
    }
    text_add(page, "<p>Of ");
    page_count(page, flips->tested);
    text_add(page, " test pictures, a has ");
    page_count(page, flips->right_a);
    text_add(page, " right and b ");
    page_count(page, flips->right_b);
    text_add(page, ".</p>\n");
    for (int kind = 0; kind < FLIP_KINDS; kind++)
        if (add_kind(page, flips, (enum flip_kind)kind, err) < 0)
            return -1;
    text_add(page, "</section>\n");
    return 0;
}

/* ---- stages ---- */

static void add_time(struct text *page, const json_t *stage, const char *side)
{
    double seconds;
    const json_t *json = json_object_get(json_object_get(stage, "seconds"), side);
    text_add(page, "<td>");
    if (json_is_null(json) || !json_measurement(json, &seconds))
        text_add(page, "\xe2\x80\x93");
    else
        text_addf(page, "%.1f s", seconds);
    if (json_is_true(json_object_get(json_object_get(stage, "cached"), side)))
        text_add(page, ", cached");
    text_add(page, "</td>");
}

static void add_changes(struct text *page, const json_t *stage)
{
    size_t index;
    json_t *change;
    text_add(page, "<td class=\"wrap\">");
    if (!json_is_true(json_object_get(stage, "known")))
        text_add(page, "what its key was made of is not in the cache");
    json_array_foreach (json_object_get(stage, "changes"), index, change) {
        text_add(page, index > 0 ? ", " : "");
        escape_html(page, json_text(change, "component"));
    }
    text_add(page, "</td><td class=\"wrap\">");
    size_t differ = 0;
    json_array_foreach (json_object_get(stage, "outs"), index, change)
        if (!json_is_true(json_object_get(change, "equal"))) {
            text_add(page, differ++ > 0 ? ", " : "");
            escape_html(page, json_text(change, "name"));
        }
    text_add(page, differ == 0 ? "none</td>" : "</td>");
}

static void add_stages(struct text *page, const json_t *stages)
{
    size_t index;
    json_t *stage;
    page_section(page, "stages", "Stages");
    page_table(page, "Each stage: its key, the time that making its result took, what differs",
               "<th scope=\"col\">Stage</th><th class=\"left\" scope=\"col\">Key</th>"
               "<th scope=\"col\">a</th><th scope=\"col\">b</th>"
               "<th class=\"left\" scope=\"col\">Differs in the key</th>"
               "<th class=\"left\" scope=\"col\">Outs that differ</th>");
    json_array_foreach ((json_t *)stages, index, stage) {
        text_add(page, "<tr>");
        page_text_cell(page, "th", json_text(stage, "name"));
        page_text_cell(page, "td", json_text(stage, "state"));
        add_time(page, stage, "a");
        add_time(page, stage, "b");
        add_changes(page, stage);
        text_add(page, "</tr>\n");
    }
    page_table_end(page);
    text_add(page, "</section>\n");
}

int compare_page(struct text *page, const struct comparison *comparison, struct error *err)
{
    const json_t *difference = comparison->difference;
    add_head(page, difference);
    page_section(page, "changed", "What was changed");
    page_difference_params(page, json_object_get(difference, "params"));
    text_add(page, "</section>\n");
    page_section(page, "result", "What it did");
    page_difference_metrics(page, json_object_get(difference, "metrics"));
    if (add_classes(page, json_object_get(difference, "metrics"), err) < 0)
        return -1;
    add_trainings(page, comparison);
    if (add_pictures(page, comparison, err) < 0)
        return -1;
    add_stages(page, json_object_get(difference, "stages"));
    text_add(page, "</main>\n</body>\n</html>\n");
    return 0;
}
