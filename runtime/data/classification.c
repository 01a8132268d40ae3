/* Definitions, order of sums and text after scikit-learn 1.9.1 on NumPy 2.4.6
 * (sklearn.metrics.precision_recall_fscore_support and classification_report, zero_division 0), to
 * the last bit: where a value lies on a tie of its second decimal, the last bit decides.
 * tests/oracle/check_classification.py holds it against them. */
#include "data/classification.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count_pairs(const uint16_t *truth, const uint16_t *predicted, int64_t n, int64_t classes,
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
        score->f1 = ratio(2 * (double)hits, (double)score->support + (double)predicted);
        correct += hits;
    }
    c->accuracy = ratio((double)correct, (double)c->n);
}

/* In NumPy's order: halves of whole eights down to 128 values, in which eight sums run side by
 * side.
 */
static double pairwise_sum(const double *values, int64_t n)
{
    if (n < 8) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += values[i];
        return sum;
    }
    if (n > 128) {
        const int64_t half = n / 2 - n / 2 % 8;
        return pairwise_sum(values, half) + pairwise_sum(values + half, n - half);
    }
    double r[8], sum;
    for (int64_t i = 0; i < n - n % 8; i++)
        r[i % 8] = i < 8 ? values[i] : r[i % 8] + values[i];
    sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (int64_t i = n - n % 8; i < n; i++)
        sum += values[i];
    return sum;
}

/* The mean of the member at `offset` over classes, each weighted by its support or by 1; `terms`
 * [classes] is working memory. */
static double mean_of(const struct classification *c, size_t offset, bool weighted, double *terms)
{
    for (int64_t k = 0; k < c->classes; k++) {
        memcpy(&terms[k], (const char *)&c->scores[k] + offset, sizeof(double));
        if (weighted)
            terms[k] *= (double)c->scores[k].support;
    }
    return ratio(pairwise_sum(terms, c->classes), weighted ? (double)c->n : (double)c->classes);
}

static struct class_score average(const struct classification *c, bool weighted, double *terms)
{
    return (struct class_score){
        .precision = mean_of(c, offsetof(struct class_score, precision), weighted, terms),
        .recall = mean_of(c, offsetof(struct class_score, recall), weighted, terms),
        .f1 = mean_of(c, offsetof(struct class_score, f1), weighted, terms),
        .support = c->n,
    };
}

int classification_compute(const uint16_t *truth, const uint16_t *predicted, int64_t n,
                           int64_t classes, struct classification *classification,
                           struct error *err)
{
    struct classification made = {.classes = classes, .n = n};
    double *terms = NULL;
    ASSERT(classes > 0 && classes <= UINT16_MAX + 1);
    if ((terms = memory_new((size_t)classes, sizeof(*terms), err)) == NULL ||
        (made.confusion = memory_new((size_t)(classes * classes), sizeof(int64_t), err)) == NULL ||
        (made.scores = memory_new((size_t)classes, sizeof(*made.scores), err)) == NULL ||
        count_pairs(truth, predicted, n, classes, made.confusion, err) < 0) {
        classification_release(&made);
        free(terms);
        return -1;
    }
    score_classes(&made);
    made.macro = average(&made, false, terms);
    made.weighted = average(&made, true, terms);
    free(terms);
    *classification = made;
    return 0;
}

void classification_release(struct classification *classification)
{
    free(classification->confusion);
    free(classification->scores);
    *classification = (struct classification){0};
}

/* Right-aligned in `width` characters. */
static void add_name(struct text *text, size_t width, const char *name)
{
    text_addf(text, "%*s%s ", (int)(width - utf8_count(name)), "", name);
}

/* Counts come from scikit-learn as reals where no sample at all was recognised. */
static void add_support(struct text *text, const struct classification *c, int64_t support)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%lld%s", (long long)support, c->accuracy > 0 ? "" : ".0");
    text_addf(text, " %9s\n", digits);
}

static void add_row(struct text *text, const struct classification *c, size_t width,
                    const char *name, const struct class_score *score)
{
    add_name(text, width, name);
    text_addf(text, " %9.2f %9.2f %9.2f", score->precision, score->recall, score->f1);
    add_support(text, c, score->support);
}

void classification_text(const struct classification *classification, const char *const *names,
                         struct text *text)
{
    size_t width = strlen("weighted avg");
    for (int64_t k = 0; k < classification->classes; k++) {
        const size_t characters = utf8_count(names[k]);
        width = characters > width ? characters : width;
    }
    add_name(text, width, "");
    text_addf(text, " %9s %9s %9s %9s\n\n", "precision", "recall", "f1-score", "support");
    for (int64_t k = 0; k < classification->classes; k++)
        add_row(text, classification, width, names[k], &classification->scores[k]);
    text_add(text, "\n");
    add_name(text, width, "accuracy");
    text_addf(text, " %9s %9s %9.2f", "", "", classification->accuracy);
    add_support(text, classification, classification->n);
    add_row(text, classification, width, "macro avg", &classification->macro);
    add_row(text, classification, width, "weighted avg", &classification->weighted);
}
