/* The text of the pipeline.yaml that `reprise init` writes. */
#ifndef COMMAND_INIT_PIPELINE_H
#define COMMAND_INIT_PIPELINE_H

#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>

/* What is asked of a pipeline for pictures. */
struct init_wishes {
    const char *weights; /* of the base: a file, "URL#sha256=DIGITS", or NULL */
    bool offline;        /* a base that needs no network */
    bool notebook;       /* the notebook's recipe */
};

/* A whole number of what `inspect` found, by its dotted path; 0 where there is none. */
long long init_pipeline_number(const json_t *found, const char *dotted);

/* The digits in "URL#sha256=DIGITS", or NULL of what is a file. */
const char *init_pipeline_pin(const char *weights);

/* Of the pictures that the stage `inspect` found. Says what the network starts from. */
const char *init_pipeline_pictures(const json_t *found, const struct init_wishes *wishes,
                                   struct text *text);

/* Two small stages of the shell. */
void init_pipeline_stages(struct text *text);

#endif
