#include "command/dag.h"

#include "plan/suggest.h"

#include "base/text.h"

#include <string.h>

static const char *const format_names[] = {"dot", "mermaid"};

int dag_format_of(const char *name, enum dag_format *format, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    for (size_t i = 0; i < sizeof(format_names) / sizeof(*format_names); i++)
        if (strcmp(format_names[i], name) == 0) {
            *format = (enum dag_format)i;
            return 0;
        }
    return error_set(err, ERR_USAGE, "unknown format '%s'%s", name,
                     suggest_word(buffer, name, format_names, 2));
}

/* A quoted string of Graphviz: only the quote and the backslash need escapes. */
static void add_dot_text(struct text *page, const char *text)
{
    text_add(page, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            text_add(page, "\\");
        if (*text == '\n')
            text_add(page, "\\n");
        else
            text_append(page, text, 1);
    }
    text_add(page, "\"");
}

/* Mermaid's own entities (#quot;) for what would end the text or be markup. */
static void add_mermaid_text(struct text *page, const char *text)
{
    text_add(page, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            text_add(page, "<br>");
        else if (strchr("\"#<>&`\\;", *text) != NULL)
            text_addf(page, "#%d;", *text);
        else
            text_append(page, text, 1);
    }
    text_add(page, "\"");
}

/* What differs between the formats. Nodes have numbers: names may hold what an
 * identifier may not. */
struct syntax {
    const char *head, *tail;
    void (*add_text)(struct text *page, const char *text);
    const char *stage[2], *file[2]; /* around a node's text */
};

static const struct syntax syntaxes[] = {
    [DAG_DOT] = {"digraph pipeline {\n"
                 "  rankdir=LR;\n"
                 "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                 "  edge [fontname=\"sans-serif\", fontsize=10];\n",
                 "}\n",
                 add_dot_text,
                 {" [label=", "];\n"},
                 {" [shape=note, style=\"\", label=", "];\n"}},
    [DAG_MERMAID] = {"flowchart LR\n", "", add_mermaid_text, {"(", ")\n"}, {"[/", "/]\n"}},
};

static void add_node(struct text *page, const struct syntax *syntax, const char *kind,
                     size_t number, const char *const around[2], const char *text)
{
    text_addf(page, "  %s%zu%s", kind, number, around[0]);
    syntax->add_text(page, text);
    text_add(page, around[1]);
}

static void add_edge(struct text *page, enum dag_format format, const char *kind, size_t from,
                     size_t to, const char *label)
{
    text_addf(page, "  %s%zu ", kind, from);
    if (format == DAG_DOT)
        text_addf(page, "-> s%zu [label=", to);
    else
        text_add(page, "-->|");
    syntaxes[format].add_text(page, label);
    if (format == DAG_DOT)
        text_add(page, "];\n");
    else
        text_addf(page, "| s%zu\n", to);
}

/* The number of the first dep in the plan that has this path, so that a file
 * that several stages read is one node. */
static size_t file_number(const struct plan *plan, const char *path, bool *first,
                          const struct plan_dep *self)
{
    size_t number = 0;
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->stages[i].dep_count; j++) {
            const struct plan_dep *dep = &plan->stages[i].deps[j];
            if (dep->path != NULL && strcmp(dep->path, path) == 0) {
                *first = dep == self;
                return number;
            }
            number++;
        }
    return number;
}

/* All outs that go from one stage to another share an arrow, which is written
 * at the first of them. */
static void add_out_edge(struct text *page, const struct plan *plan, enum dag_format format,
                         size_t index, const struct plan_dep *dep)
{
    const struct plan_stage *stage = &plan->stages[index], *from = &plan->stages[dep->stage];
    struct text label = {0};
    for (const struct plan_dep *d = stage->deps; d < stage->deps + stage->dep_count; d++) {
        if (d->path != NULL || d->stage != dep->stage)
            continue;
        if (d < dep) {
            text_release(&label);
            return;
        }
        text_addf(&label, "%s%s", label.size > 0 ? ", " : "", from->outs[d->out].name);
    }
    page->failed = page->failed || label.failed;
    add_edge(page, format, "s", dep->stage, index, text_string(&label));
    text_release(&label);
}

static void add_stage(struct text *page, const struct plan *plan, enum dag_format format,
                      size_t index)
{
    const struct plan_stage *stage = &plan->stages[index];
    const struct syntax *syntax = &syntaxes[format];
    add_node(page, syntax, "s", index, syntax->stage, stage->name);
    for (const struct plan_dep *dep = stage->deps; dep < stage->deps + stage->dep_count; dep++) {
        bool first = false;
        if (dep->path == NULL) {
            add_out_edge(page, plan, format, index, dep);
            continue;
        }
        size_t file = file_number(plan, dep->path, &first, dep);
        if (first)
            add_node(page, syntax, "f", file, syntax->file, dep->path);
        add_edge(page, format, "f", file, index, dep->name);
    }
}

int dag_print(const struct plan *plan, enum dag_format format, FILE *stream, struct error *err)
{
    struct text page = {0};
    text_add(&page, syntaxes[format].head);
    for (size_t i = 0; i < plan->count; i++)
        add_stage(&page, plan, format, i);
    text_add(&page, syntaxes[format].tail);
    int status = text_check(&page, err);
    if (status == 0 && fwrite(page.data, 1, page.size, stream) != page.size)
        status = error_errno(err, "cannot write the graph");
    text_release(&page);
    return status;
}
