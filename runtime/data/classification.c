/* Definitions after sklearn.metrics (precision_recall_fscore_support, zero_division 0). */
#include "data/classification.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int count_pairs(const uint8_t *truth, const uint8_t *predicted, int64_t n, int64_t classes,
                       int64_t *confusion, struct error *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (truth[i] >= classes || predicted[i] >= classes)
            return error_set(err, ERR_FORMAT, "sample %lld: class %d is not below %lld",
                             (long long)i, truth[i] >= classes ? truth[i] : predicted[i],
                             (long long)classes);
        confusion[truth[i] * classes + predicted[i]]++;
    }
    return 0;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void score_classes(struct classification *c)
{
    int64_t correct = 0;
    for (int64_t k = 0; k < c->classes; k++) {
        struct class_score *score = &c->scores[k];
        int64_t predicted = 0, hits = c->confusion[k * c->classes + k];
        for (int64_t j = 0; j < c->classes; j++) {
            score->support += c->confusion[k * c->classes + j];
            predicted += c->confusion[j * c->classes + k];
        }
        score->precision = ratio((double)hits, (double)predicted);
        score->recall = ratio((double)hits, (double)score->support);
        score->f1 = ratio(2 * score->precision * score->recall, score->precision + score->recall);
        correct += hits;
    }
    c->accuracy = ratio((double)correct, (double)c->n);
}

static void add_weighted(struct class_score *sum, const struct class_score *score, double weight)
{
    sum->precision += weight * score->precision;
    sum->recall += weight * score->recall;
    sum->f1 += weight * score->f1;
    sum->support += score->support;
}

static void divide(struct class_score *sum, double by)
{
    sum->precision = ratio(sum->precision, by);
    sum->recall = ratio(sum->recall, by);
    sum->f1 = ratio(sum->f1, by);
}

int classification_compute(const uint8_t *truth, const uint8_t *predicted, int64_t n,
                           int64_t classes, struct classification *classification,
                           struct error *err)
{
    struct classification made = {.classes = classes, .n = n};
    ASSERT(classes > 0 && classes <= 256);
    if ((made.confusion = memory_new((size_t)(classes * classes), sizeof(int64_t), err)) == NULL ||
        (made.scores = memory_new((size_t)classes, sizeof(*made.scores), err)) == NULL ||
        count_pairs(truth, predicted, n, classes, made.confusion, err) < 0) {
        classification_release(&made);
        return -1;
    }
    score_classes(&made);
    for (int64_t k = 0; k < classes; k++) {
        add_weighted(&made.macro, &made.scores[k], 1);
        add_weighted(&made.weighted, &made.scores[k], (double)made.scores[k].support);
    }
    divide(&made.macro, (double)classes);
    divide(&made.weighted, (double)n);
    *classification = made;
    return 0;
}

void classification_release(struct classification *classification)
{
    free(classification->confusion);
    free(classification->scores);
    *classification = (struct classification){0};
}

static void add_row(struct text *text, int width, const char *name, const struct class_score *score)
{
    text_addf(text, "%*s  %9.2f %9.2f %9.2f %9lld\n", width, name, score->precision, score->recall,
              score->f1, (long long)score->support);
}

void classification_text(const struct classification *classification, const char *const *names,
                         struct text *text)
{
    size_t longest = strlen("weighted avg");
    for (int64_t k = 0; k < classification->classes; k++)
        if (strlen(names[k]) > longest)
            longest = strlen(names[k]);
    int width = (int)longest;
    text_addf(text, "%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score",
              "support");
    for (int64_t k = 0; k < classification->classes; k++)
        add_row(text, width, names[k], &classification->scores[k]);
    text_addf(text, "\n%*s  %9s %9s %9.2f %9lld\n", width, "accuracy", "", "",
              classification->accuracy, (long long)classification->n);
    add_row(text, width, "macro avg", &classification->macro);
    add_row(text, width, "weighted avg", &classification->weighted);
}
