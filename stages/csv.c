#include "csv.h"

#include <string.h>

void csv_add(struct text *text, const char *field)
{
    if (strpbrk(field, ",\"\r\n") == NULL) {
        text_add(text, field);
        return;
    }
    text_add(text, "\"");
    for (; *field != '\0'; field++)
        text_append(text, *field == '"' ? "\"\"" : field, *field == '"' ? 2 : 1);
    text_add(text, "\"");
}

void csv_end_line(struct text *text)
{
    text_add(text, "\r\n");
}

void csv_confusion(struct text *text, const char *const *names, const int64_t *counts,
                   size_t classes)
{
    text_add(text, "true class");
    for (size_t i = 0; i < classes; i++) {
        text_add(text, ",");
        csv_add(text, names[i]);
    }
    csv_end_line(text);
    for (size_t i = 0; i < classes; i++) {
        csv_add(text, names[i]);
        for (size_t j = 0; j < classes; j++)
            text_addf(text, ",%lld", (long long)counts[i * classes + j]);
        csv_end_line(text);
    }
}
