/* The plan as a picture: stages, the files they read, and what flows between
 * them. Equal plans give equal text. */
#ifndef COMMAND_DAG_H
#define COMMAND_DAG_H

#include "plan/plan.h"

#include <stdio.h>

enum dag_format {
    DAG_DOT,     /* Graphviz, https://graphviz.org/doc/info/lang.html */
    DAG_MERMAID, /* https://mermaid.js.org/syntax/flowchart.html */
};

/* Arrows go from what is made to who needs it, labelled with the names of the
 * outs. What `lineage` adds is not drawn. */
int dag_print(const struct plan *plan, enum dag_format format, FILE *stream, struct error *err);

/* "dot" or "mermaid"; ERR_USAGE for another name. */
int dag_format_of(const char *name, enum dag_format *format, struct error *err);

#endif
