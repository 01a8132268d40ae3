/* Everything that the report says, read from the deps and checked once, so
 * that the page, the Markdown and the JSON say the same. What a pipeline does
 * not have (no pretraining, no boxes, no figure) is NULL or counts 0.
 */
#ifndef STAGES_REPORT_CONTENT_H
#define STAGES_REPORT_CONTENT_H

#include "base/error.h"
#include "base/stage.h"
#include "base/text.h"
#include "report/report_experiment.h"
#include "report/report_figure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPORT_PRETRAIN, REPORT_PHASE1, REPORT_PHASE2, REPORT_PHASES };
enum { REPORT_CONFUSED = 10 };
/* Up to REPORT_ALL_CLASSES a table has all; of more the REPORT_WORST with the least F1. */
enum { REPORT_ALL_CLASSES = 60, REPORT_WORST = 20 };

struct report_phase {
    const char *id;              /* "phase1" */
    const char *name;            /* "Phase 1" */
    const char *in_text;         /* "phase 1" */
    json_t *history, *preflight; /* NULL: not part of this pipeline */
    const json_t *epochs;        /* array, borrowed from history */
    int64_t epoch_count;
    int64_t further_epochs; /* the most, that a stage `<id>_continued` trained on top; 0 without */
    int64_t best_epoch, kept_epoch; /* 1-based: of the least validation loss; whose weights were
                                       kept, another one where nothing stops early */
    double accuracy, val_accuracy, val_loss; /* of the kept epoch; NaN where not recorded */
    int64_t trainable, frozen;               /* parameters */
    const char *precision;                   /* "f32" or "bf16"; borrowed from history */
    int figure;
};

/* Images of class `truth` that were taken for `predicted`. */
struct report_confusion {
    int64_t truth, predicted, count;
    double share; /* of the images of class truth */
};

/* What only people know, for the model card; each NULL where nothing was said. Borrowed. */
struct report_card {
    const char *license, *intended_use, *limitations;
    const json_t *datasets; /* list of names */
};

struct report_content {
    const char *title;       /* borrowed from the stage */
    double target;           /* NaN: none was set */
    const json_t *published; /* numbers to compare with, or NULL; borrowed */
    struct report_card card;
    json_t *metrics, *gradcam, *dataset, *split, *lineage;
    json_t *experiment;   /* report_experiment.h; NULL where there is none */
    json_t *stages;       /* of the lineage, each after those it depends on; NULL without lineage */
    char *classification; /* the text as scikit-learn prints it, or NULL */
    struct report_phase phases[REPORT_PHASES];
    struct report_figure figures[REPORT_FIGURES];

    double accuracy, loss;
    int64_t tested, classes;
    int64_t *listed; /* [listed_count]: classes of a table, in their order or the worst first */
    int64_t listed_count;
    bool reached;
    struct report_confusion confused[REPORT_CONFUSED]; /* the most frequent first */
    size_t confused_count;
    int64_t mistakes;
};

int report_content_read(struct stage *stage, struct report_content *content, struct error *err);
/* The parameters alone: target, title, published {source, phase1_val_accuracy, phase2_val_accuracy,
 * test_accuracy}, card {license, datasets, intended_use, limitations}. */
int report_content_check(struct stage *stage, struct error *err);
void report_content_release(struct report_content *content);

/* Whether a table leaves classes out. */
bool report_has_many_classes(const struct report_content *content);

/* Name of a class; never NULL. */
const char *report_class(const struct report_content *content, int64_t class);

/* Parameters of a stage as the lineage has them, or NULL. */
const json_t *report_params(const struct report_content *content, const char *name);

/* A number at a dotted path; NaN where there is none. */
double report_number(const json_t *object, const char *path);
/* A text at a dotted path; "" where there is none. */
const char *report_string(const json_t *object, const char *path);

#endif
