#include "command/dag.h"

#include "plan/suggest.h"

#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"

#include <stdlib.h>
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

/* A graph on its way into text. */
struct drawing {
    const struct plan *plan;
    enum dag_format format;
    struct text *page;
    struct table files; /* paths of deps to the first dep that has it: one node for all */
    char *numbers;      /* a byte for each dep of the plan: its place is the node's number */
    size_t drawn;       /* deps of the stages so far */
};

/* An out of another stage that a stage depends on. */
struct arrow {
    size_t stage, out;
    size_t turn; /* among the stage's */
};

static int compare_arrows(const void *a, const void *b)
{
    const struct arrow *x = a, *y = b;
    if (x->stage != y->stage)
        return x->stage < y->stage ? -1 : 1;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

static size_t count_arrows(const struct plan_stage *stage)
{
    size_t count = 0;
    for (size_t i = 0; i < stage->dep_count; i++)
        count += stage->deps[i].path != NULL       ? 0
                 : stage->deps[i].member_count > 0 ? stage->deps[i].member_count
                                                   : 1;
    return count;
}

static void fill_arrows(const struct plan_stage *stage, struct arrow *arrows)
{
    size_t count = 0;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        for (size_t j = 0; j < dep->member_count; j++, count++)
            arrows[count] = (struct arrow){dep->members[j].stage, dep->members[j].out, count};
        if (dep->path == NULL && dep->member_count == 0) {
            arrows[count] = (struct arrow){dep->stage, dep->out, count};
            count++;
        }
    }
}

/* All outs that go from one stage to another share an arrow, which is written at the first of
 * them: `first` of `count` that are sorted by stage. */
static void add_arrow(const struct drawing *drawing, size_t index, const struct arrow *first,
                      const struct arrow *end)
{
    const struct plan_stage *from = &drawing->plan->stages[first->stage];
    struct text label = {0};
    for (const struct arrow *arrow = first; arrow < end && arrow->stage == first->stage; arrow++)
        text_addf(&label, "%s%s", label.size > 0 ? ", " : "", from->outs[arrow->out].name);
    drawing->page->failed = drawing->page->failed || label.failed;
    add_edge(drawing->page, drawing->format, "s", first->stage, index, text_string(&label));
    text_release(&label);
}

/* The node of a file is drawn where it is met first. */
static int add_file(struct drawing *drawing, size_t index, size_t number,
                    const struct plan_dep *dep, struct error *err)
{
    const struct syntax *syntax = &syntaxes[drawing->format];
    size_t size = strlen(dep->path);
    const char *node = table_find(&drawing->files, dep->path, size);
    if (node == NULL) {
        node = &drawing->numbers[number];
        if (table_set(&drawing->files, dep->path, size, &drawing->numbers[number], err) < 0)
            return -1;
        add_node(drawing->page, syntax, "f", number, syntax->file, dep->path);
    }
    add_edge(drawing->page, drawing->format, "f", (size_t)(node - drawing->numbers), index,
             dep->name);
    return 0;
}

/* `sorted` are the stage's arrows by stage; `heads` of each turn its arrow, or NULL where one
 * before has its out in the label. */
static int add_deps(struct drawing *drawing, size_t index, const struct arrow *sorted, size_t count,
                    const struct arrow *const *heads, struct error *err)
{
    const struct plan_stage *stage = &drawing->plan->stages[index];
    size_t turn = 0;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        size_t sources = dep->path != NULL ? 0 : dep->member_count > 0 ? dep->member_count : 1;
        if (dep->path != NULL && add_file(drawing, index, drawing->drawn + i, dep, err) < 0)
            return -1;
        for (size_t j = 0; j < sources; j++, turn++)
            if (heads[turn] != NULL)
                add_arrow(drawing, index, heads[turn], sorted + count);
    }
    drawing->drawn += stage->dep_count;
    return 0;
}

static int add_stage(struct drawing *drawing, size_t index, struct error *err)
{
    const struct plan_stage *stage = &drawing->plan->stages[index];
    const struct syntax *syntax = &syntaxes[drawing->format];
    size_t count = count_arrows(stage);
    struct arrow *arrows = memory_new(count, sizeof(*arrows), err);
    const struct arrow **heads = arrows == NULL ? NULL : memory_new(count, sizeof(*heads), err);
    int status = heads == NULL ? -1 : 0;
    add_node(drawing->page, syntax, "s", index, syntax->stage, stage->name);
    if (status == 0) {
        fill_arrows(stage, arrows);
        qsort(arrows, count, sizeof(*arrows), compare_arrows);
        for (size_t i = 0; i < count; i++)
            if (i == 0 || arrows[i].stage != arrows[i - 1].stage)
                heads[arrows[i].turn] = &arrows[i];
        status = add_deps(drawing, index, arrows, count, heads, err);
    }
    free(arrows);
    free(heads);
    return status;
}

static int add_stages(struct drawing *drawing, struct error *err)
{
    size_t deps = 0;
    int status = 0;
    for (size_t i = 0; i < drawing->plan->count; i++)
        deps += drawing->plan->stages[i].dep_count;
    if ((drawing->numbers = memory_new(deps, 1, err)) == NULL)
        return -1;
    for (size_t i = 0; status == 0 && i < drawing->plan->count; i++)
        status = add_stage(drawing, i, err);
    table_release(&drawing->files);
    free(drawing->numbers);
    return status;
}

int dag_print(const struct plan *plan, enum dag_format format, FILE *stream, struct error *err)
{
    struct text page = {0};
    struct drawing drawing = {.plan = plan, .format = format, .page = &page};
    text_add(&page, syntaxes[format].head);
    int status = add_stages(&drawing, err);
    text_add(&page, syntaxes[format].tail);
    if (status == 0)
        status = text_check(&page, err);
    if (status == 0 && fwrite(page.data, 1, page.size, stream) != page.size)
        status = error_errno(err, "cannot write the graph");
    text_release(&page);
    return status;
}
