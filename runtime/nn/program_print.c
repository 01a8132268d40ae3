/* A program as text. */
#include "nn/program.h"

static const char *kind_name(enum step_kind kind)
{
    static const char *const names[] = {
        [STEP_FEED] = "feed",           [STEP_FUSED] = "fused", [STEP_COMPUTE] = "compute",
        [STEP_NORMALISE] = "normalise", [STEP_LOSS] = "loss",   [STEP_MASK] = "mask",
        [STEP_PROPAGATE] = "propagate",
    };
    return names[kind];
}

struct line {
    FILE *stream;
    enum buffer_use use;
    const char *before;
};

static void print_use(void *arg, int buffer, enum buffer_use use)
{
    struct line *line = arg;
    if (use != line->use)
        return;
    fprintf(line->stream, "%s%d", line->before, buffer);
    line->before = " ";
}

static void print_edges(const struct program *program, const struct step *step, FILE *stream)
{
    const struct node *node = &program->graph->nodes[step->node];
    if (step->kind != STEP_COMPUTE)
        return;
    for (int i = 0; i < node_inputs(node); i++)
        if (program->nodes[node_input(node, i)].edge)
            fprintf(stream, ", edge '%s'", program->graph->nodes[node_input(node, i)].name);
}

static void print_step(const struct program *program, const struct step *step, FILE *stream)
{
    static const char *const words[] = {", reads ", ", writes ", ", updates "};
    fprintf(stream, "%s '%s'", kind_name(step->kind), program->graph->nodes[step->node].name);
    for (int use = BUFFER_READ; use <= BUFFER_UPDATE; use++) {
        struct line line = {stream, (enum buffer_use)use, words[use]};
        program_visit(program, step, print_use, &line);
    }
    print_edges(program, step, stream);
    fputc('\n', stream);
}

static void print_list(const struct program *program, const char *name,
                       const struct step_list *list, FILE *stream)
{
    size_t segment = 0;
    fprintf(stream, "%s: %zu steps, %zu segments, %zu buffers\n", name, list->count,
            list->segment_count, list->buffer_count);
    for (size_t s = 0; s < list->count; s++) {
        fprintf(stream, "  %zu ", s);
        print_step(program, &list->steps[s], stream);
        if (segment + 1 < list->segment_count && s + 1 == list->segments[segment]) {
            fprintf(stream, "  -- joined\n");
            segment++;
        }
    }
    for (size_t b = 0; b < list->buffer_count; b++) {
        const struct buffer *buffer = &list->buffers[b];
        fprintf(stream, "  buffer %zu: %lld %s", b, (long long)buffer->count,
                dtype_name(buffer->dtype));
        if (buffer->first == SIZE_MAX)
            fprintf(stream, " [never]\n");
        else
            fprintf(stream, " [%zu to %zu]\n", buffer->first, buffer->last);
    }
}

int program_print(const struct program *program, FILE *stream, struct error *err)
{
    const struct graph *graph = program->graph;
    fprintf(stream, "%zu nodes in %s, batch norm by %s\n", graph->count, dtype_name(program->dtype),
            program->norm == NORM_BATCH ? "the batch" : "moving statistics");
    print_list(program, "inference", &program->inference, stream);
    if (program->training.count > 0) {
        fprintf(stream, "the suffix begins at '%s'\n", graph->nodes[program->first].name);
        print_list(program, "training", &program->training, stream);
    }
    if (fflush(stream) != 0 || ferror(stream))
        return error_errno(err, "cannot write the program");
    return 0;
}
