#include "report/report_classes.h"

#include "base/json.h"
#include "csv.h"

static const json_t *score_of(const struct report_content *content, int64_t class)
{
    return json_array_get(json_object_get(content->metrics, "per_class"), (size_t) class);
}

static void add_score(struct text *csv, const json_t *score, const char *name)
{
    char number[JSON_NUMBER_SIZE];
    text_addf(csv, ",%s", json_number_text(report_number(score, name), number) ? number : "");
}

static void add_count(struct text *csv, const json_t *counts, int64_t class)
{
    const json_t *count = json_array_get(counts, (size_t) class);
    text_add(csv, ",");
    if (json_is_integer(count))
        text_addf(csv, "%lld", (long long)json_integer_value(count));
}

void report_classes_csv(struct text *csv, const struct report_content *content)
{
    text_add(csv, "class,precision,recall,f1,train,validation,test");
    csv_end_line(csv);
    for (int64_t c = 0; c < content->classes; c++) {
        const json_t *score = score_of(content, c);
        csv_add(csv, report_class(content, c));
        add_score(csv, score, "precision");
        add_score(csv, score, "recall");
        add_score(csv, score, "f1");
        add_count(csv, json_object_get(content->split, "train_counts"), c);
        add_count(csv, json_object_get(content->split, "val_counts"), c);
        text_addf(csv, ",%lld", (long long)json_integer_value(json_object_get(score, "support")));
        csv_end_line(csv);
    }
}

void report_cells_csv(struct text *csv, const struct report_content *content)
{
    const json_t *confusion = json_object_get(content->metrics, "confusion");
    text_add(csv, "true class,predicted class,images");
    csv_end_line(csv);
    for (int64_t t = 0; t < content->classes; t++)
        for (int64_t p = 0; p < content->classes; p++) {
            const json_t *row = json_array_get(confusion, (size_t)t);
            long long count = json_integer_value(json_array_get(row, (size_t)p));
            if (count == 0)
                continue;
            csv_add(csv, report_class(content, t));
            text_add(csv, ",");
            csv_add(csv, report_class(content, p));
            text_addf(csv, ",%lld", count);
            csv_end_line(csv);
        }
}
