/* Writes the classification report of each case on stdin, for check_classification.py:
 *
 *   case = classes samples "\n" (name "\n")^classes truth^samples "\n" predicted^samples "\n"
 *
 * A form feed ends each report. */
#include "data/classification.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 256, SAMPLES = 100000 };

static bool read_line(char **line, size_t *capacity)
{
    ssize_t size = getline(line, capacity, stdin);
    if (size <= 0)
        return false;
    (*line)[strcspn(*line, "\n")] = '\0';
    return true;
}

static bool read_labels(uint16_t *labels, int samples)
{
    for (int i = 0; i < samples; i++) {
        int label;
        if (scanf("%d", &label) != 1 || label < 0 || label >= CLASSES)
            return false;
        labels[i] = (uint16_t)label;
    }
    return scanf("%*[\n]") >= 0 || feof(stdin);
}

static bool answer(int classes, int samples, char *names[CLASSES], uint16_t *labels)
{
    struct classification classification;
    struct text text = {0};
    struct error err;
    if (!read_labels(labels, samples) || !read_labels(labels + samples, samples) ||
        classification_compute(labels, labels + samples, samples, classes, &classification, &err) <
            0)
        return false;
    classification_text(&classification, (const char *const *)names, &text);
    printf("%s\f\n", text_string(&text));
    text_release(&text);
    classification_release(&classification);
    return true;
}

int main(void)
{
    static uint16_t labels[2 * SAMPLES];
    char *names[CLASSES] = {NULL}, *line = NULL;
    size_t capacity = 0, capacities[CLASSES] = {0};
    bool good = true;
    while (good && read_line(&line, &capacity)) {
        char *end;
        const long classes = strtol(line, &end, 10), samples = strtol(end, NULL, 10);
        good = classes >= 1 && classes <= CLASSES && samples >= 1 && samples <= SAMPLES;
        for (int k = 0; good && k < classes; k++)
            good = read_line(&names[k], &capacities[k]);
        good = good && answer((int)classes, (int)samples, names, labels);
    }
    for (int k = 0; k < CLASSES; k++)
        free(names[k]);
    free(line);
    if (!good)
        fprintf(stderr, "report_text: not a case\n");
    return good ? 0 : 1;
}
