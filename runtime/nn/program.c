#include "nn/program.h"

#include "base/memory.h"

#include <stdlib.h>

/* For the training of a program that is being made. */
struct planner {
    struct program *program;
    const struct graph *graph;
    bool *pending;    /* [nodes]: computed but not normalised; later: masked but not propagated */
    bool *has_dy;     /* [nodes]: something was added to its gradient */
    size_t *computed; /* [nodes]: step that the pending one must follow */
    size_t segment_start;
};

bool program_has_own_norm(const struct program *program, int node)
{
    return program->graph->nodes[node].norm[0] && !program->nodes[node].folded;
}

static bool is_active(const struct program *program, int node)
{
    return node >= 0 && program->nodes[node].active;
}

static int cut(struct step_list *list, struct error *err)
{
    if (memory_grow(&list->segments, &list->segment_capacity, list->segment_count + 1,
                    sizeof *list->segments, err))
        return -1;
    list->segments[list->segment_count++] = list->count;
    return 0;
}

static int emit(struct step_list *list, enum step_kind kind, int node, bool adds, struct error *err)
{
    if (memory_grow(&list->steps, &list->capacity, list->count + 1, sizeof *list->steps, err))
        return -1;
    list->steps[list->count++] =
        (struct step){.kind = kind, .node = node, .adds = adds, .temporary = -1};
    return 0;
}

static int add_buffer(struct step_list *list, int64_t count, enum dtype dtype, int *index,
                      struct error *err)
{
    if (memory_grow(&list->buffers, &list->buffer_capacity, list->buffer_count + 1,
                    sizeof *list->buffers, err))
        return -1;
    list->buffers[list->buffer_count] =
        (struct buffer){.count = count, .dtype = dtype, .first = SIZE_MAX};
    *index = (int)list->buffer_count++;
    return 0;
}

/* ---- which node does what ---- */

static void mark_trainable(struct program *program, const struct model *model)
{
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        struct program_node *node = &program->nodes[parameter->node];
        node->kernel_trains |= parameter->role == PARAMETER_KERNEL && parameter->trainable;
        node->norm_trains |= parameter->role == PARAMETER_GAMMA && parameter->trainable;
    }
}

/* The suffix starts at the first node that trains or drops out. */
static size_t first_of_suffix(const struct program *program)
{
    const struct graph *graph = program->graph;
    for (size_t i = 1; i < graph->count; i++)
        if (graph->nodes[i].kind == NODE_DROPOUT || program->nodes[i].kernel_trains ||
            program->nodes[i].norm_trains)
            return i;
    return graph->count - 1;
}

static bool reads_active(const struct program *program, const struct node *node)
{
    for (int i = 0; i < node_inputs(node); i++)
        if (is_active(program, node_input(node, i)))
            return true;
    return is_active(program, node->residual);
}

static void mark_edge(struct program *program, int node)
{
    if (node >= 0 && node < (int)program->first)
        program->nodes[node].edge = true;
}

static void classify(struct program *program)
{
    const struct graph *graph = program->graph;
    for (size_t i = program->first; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        struct program_node *own = &program->nodes[i];
        own->batch_norm = own->norm_trains && program->norm == NORM_BATCH;
        own->folded = node->norm[0] && !own->kernel_trains && !own->norm_trains;
        own->active = own->kernel_trains || own->norm_trains || reads_active(program, node);
        for (int input = 0; input < node_inputs(node); input++)
            mark_edge(program, node_input(node, input));
        mark_edge(program, node->residual);
    }
}

/* ---- the steps of training ---- */

static int end_segment(struct planner *planner, struct error *err)
{
    planner->segment_start = planner->program->training.count;
    return cut(&planner->program->training, err);
}

static void set_pending(struct planner *planner, int node)
{
    planner->pending[node] = true;
    planner->computed[node] = planner->program->training.count - 1;
}

/* Statistics of a batch norm are joined at the end of the segment that gathered them. */
static int end_segment_for(struct planner *planner, int node, struct error *err)
{
    planner->pending[node] = false;
    if (planner->program->nodes[node].batch_norm &&
        planner->computed[node] >= planner->segment_start)
        return end_segment(planner, err);
    return 0;
}

/* Makes the output of `node` complete. A chain of residuals nests no deeper than one, as a
 * shortcut's own output has no residual; a general graph would nest along it. */
static int finish_output(struct planner *planner, int node, struct error *err)
{
    if (node < 0 || !planner->pending[node])
        return 0;
    if (finish_output(planner, planner->graph->nodes[node].residual, err) ||
        end_segment_for(planner, node, err))
        return -1;
    return emit(&planner->program->training, STEP_NORMALISE, node, false, err);
}

static int finish_inputs(struct planner *planner, const struct node *node, struct error *err)
{
    for (int i = 0; i < node_inputs(node); i++)
        if (finish_output(planner, node_input(node, i), err))
            return -1;
    return 0;
}

static int plan_forward(struct planner *planner, struct error *err)
{
    const struct program *program = planner->program;
    struct step_list *list = &planner->program->training;
    const struct graph *graph = planner->graph;
    for (int i = (int)program->first; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        bool own_norm = program_has_own_norm(program, i);
        if (finish_inputs(planner, node, err) ||
            (!own_norm && finish_output(planner, node->residual, err)) ||
            emit(list, STEP_COMPUTE, i, false, err))
            return -1;
        if (!own_norm)
            continue;
        set_pending(planner, i);
        if (!program->nodes[i].batch_norm && finish_output(planner, i, err))
            return -1;
    }
    for (int i = (int)program->first; i < (int)graph->count; i++)
        if (finish_output(planner, i, err))
            return -1;
    return emit(list, STEP_LOSS, (int)graph->count - 1, false, err);
}

/* Sends on the gradient of `node`, if that is still to be done. */
static int finish_gradient(struct planner *planner, int node, struct error *err)
{
    if (!planner->pending[node])
        return 0;
    const struct program *program = planner->program;
    const struct node *n = &planner->graph->nodes[node];
    bool adds = is_active(program, n->input) && planner->has_dy[n->input];
    ASSERT(!adds || node_inputs(n) == 1); /* what is concatenated has no other reader */
    if (end_segment_for(planner, node, err) ||
        emit(&planner->program->training, STEP_PROPAGATE, node, adds, err))
        return -1;
    for (int i = 0; i < node_inputs(n); i++)
        if (is_active(program, node_input(n, i)))
            planner->has_dy[node_input(n, i)] = true;
    return 0;
}

static int mask(struct planner *planner, int i, struct error *err)
{
    const struct program *program = planner->program;
    const struct program_node *own = &program->nodes[i];
    const struct node *node = &planner->graph->nodes[i];
    bool to_residual = is_active(program, node->residual);
    ASSERT(planner->has_dy[i]);
    if (emit(&planner->program->training, STEP_MASK, i,
             to_residual && planner->has_dy[node->residual], err))
        return -1;
    if (to_residual)
        planner->has_dy[node->residual] = true;
    bool ends = !own->kernel_trains && !own->batch_norm;
    for (int input = 0; input < node_inputs(node) && ends; input++)
        ends = !is_active(program, node_input(node, input));
    if (ends)
        return 0;
    set_pending(planner, i);
    return own->batch_norm ? 0 : finish_gradient(planner, i, err);
}

static int plan_backward(struct planner *planner, struct error *err)
{
    const struct program *program = planner->program;
    const struct graph *graph = planner->graph;
    int first = (int)program->first, last = (int)graph->count - 1;
    planner->has_dy[last] = true;
    for (int i = last; i >= first; i--) {
        if (!program->nodes[i].active)
            continue;
        for (int user = last; user > i; user--)
            if (node_reads(&graph->nodes[user], i) && finish_gradient(planner, user, err))
                return -1;
        if (mask(planner, i, err))
            return -1;
    }
    for (int i = last; i >= first; i--)
        if (finish_gradient(planner, i, err))
            return -1;
    return end_segment(planner, err);
}

/* ---- buffers ---- */

static int add_training_buffers(struct program *program, struct error *err)
{
    struct step_list *list = &program->training;
    for (int i = (int)program->first; i < (int)program->graph->count; i++) {
        struct program_node *own = &program->nodes[i];
        const int64_t count = node_count(&program->graph->nodes[i]);
        if (add_buffer(list, count, own->dtype, &own->y, err) ||
            (own->active && add_buffer(list, count, program->dtype, &own->dy, err)))
            return -1;
        /* What came before the norm is read again only for the gradient of gamma. */
        own->z = own->y;
        if (program_has_own_norm(program, i) && own->norm_trains &&
            add_buffer(list, count, own->dtype, &own->z, err))
            return -1;
    }
    for (size_t s = 0; s < list->count; s++) {
        struct step *step = &list->steps[s];
        const struct node *node = &program->graph->nodes[step->node];
        const int64_t input_count = node_count(&program->graph->nodes[node->input]);
        if (step->kind == STEP_PROPAGATE && step->adds &&
            add_buffer(list, input_count, program->dtype, &step->temporary, err))
            return -1;
        /* The loss gives its gradient in f32. */
        if (step->kind == STEP_LOSS && program->dtype != DTYPE_F32 &&
            add_buffer(list, node_count(node), DTYPE_F32, &step->temporary, err))
            return -1;
    }
    return 0;
}

struct visit {
    buffer_use_fn *see;
    void *arg;
};

static void see(const struct visit *visit, int buffer, enum buffer_use use)
{
    if (buffer >= 0)
        visit->see(visit->arg, buffer, use);
}

static int y_of(const struct program *program, int node)
{
    return node < 0 ? -1 : program->nodes[node].y;
}

static int dy_of(const struct program *program, int node)
{
    return is_active(program, node) ? program->nodes[node].dy : -1;
}

static void visit_fused(const struct program *program, const struct node *node, int output,
                        const struct visit *visit)
{
    for (int i = 0; i < node_inputs(node); i++)
        see(visit, program->nodes[node_input(node, i)].output, BUFFER_READ);
    if (node->residual >= 0)
        see(visit, program->nodes[node->residual].output, BUFFER_READ);
    see(visit, output, BUFFER_WRITE);
}

static void visit_compute(const struct program *program, int index, const struct visit *visit)
{
    const struct node *node = &program->graph->nodes[index];
    for (int i = 0; i < node_inputs(node); i++)
        see(visit, y_of(program, node_input(node, i)), BUFFER_READ);
    if (!program_has_own_norm(program, index))
        see(visit, y_of(program, node->residual), BUFFER_READ);
    see(visit, program->nodes[index].z, BUFFER_WRITE);
}

static void visit_normalise(const struct program *program, int index, const struct visit *visit)
{
    const struct program_node *own = &program->nodes[index];
    see(visit, y_of(program, program->graph->nodes[index].residual), BUFFER_READ);
    if (own->z != own->y)
        see(visit, own->z, BUFFER_READ);
    see(visit, own->y, own->z == own->y ? BUFFER_UPDATE : BUFFER_WRITE);
}

static void visit_mask(const struct program *program, const struct step *step,
                       const struct visit *visit)
{
    const struct node *node = &program->graph->nodes[step->node];
    const struct program_node *own = &program->nodes[step->node];
    if (node->activation != ACTIVATION_NONE)
        see(visit, own->y, BUFFER_READ);
    if (own->norm_trains && own->z != own->y)
        see(visit, own->z, BUFFER_READ);
    see(visit, own->dy, BUFFER_UPDATE);
    see(visit, dy_of(program, node->residual), step->adds ? BUFFER_UPDATE : BUFFER_WRITE);
}

static void visit_propagate(const struct program *program, const struct step *step,
                            const struct visit *visit)
{
    const struct node *node = &program->graph->nodes[step->node];
    const struct program_node *own = &program->nodes[step->node];
    if (own->batch_norm)
        see(visit, own->z, BUFFER_READ);
    if (own->kernel_trains || node->kind == NODE_MAX_POOL)
        see(visit, y_of(program, node->input), BUFFER_READ);
    if (node->kind == NODE_MAX_POOL)
        see(visit, own->y, BUFFER_READ);
    see(visit, own->dy, program_has_own_norm(program, step->node) ? BUFFER_UPDATE : BUFFER_READ);
    see(visit, step->temporary, BUFFER_WRITE);
    for (int i = 0; i < node_inputs(node); i++)
        see(visit, dy_of(program, node_input(node, i)), step->adds ? BUFFER_UPDATE : BUFFER_WRITE);
}

void program_visit(const struct program *program, const struct step *step, buffer_use_fn *fn,
                   void *arg)
{
    const struct visit visit = {fn, arg};
    const struct node *node = &program->graph->nodes[step->node];
    const struct program_node *own = &program->nodes[step->node];
    switch (step->kind) {
    case STEP_FEED: see(&visit, own->output, BUFFER_WRITE); break;
    case STEP_FUSED: visit_fused(program, node, own->output, &visit); break;
    case STEP_COMPUTE: visit_compute(program, step->node, &visit); break;
    case STEP_NORMALISE: visit_normalise(program, step->node, &visit); break;
    case STEP_LOSS:
        see(&visit, own->y, BUFFER_READ);
        see(&visit, step->temporary, BUFFER_WRITE);
        see(&visit, own->dy, BUFFER_WRITE);
        break;
    case STEP_MASK: visit_mask(program, step, &visit); break;
    case STEP_PROPAGATE: visit_propagate(program, step, &visit); break;
    }
}

struct life {
    struct step_list *list;
    size_t step;
};

static void live(void *arg, int buffer, enum buffer_use use)
{
    const struct life *life = arg;
    struct buffer *own = &life->list->buffers[buffer];
    (void)use;
    if (own->first == SIZE_MAX)
        own->first = life->step;
    own->last = life->step;
}

static void set_lives(const struct program *program, struct step_list *list)
{
    for (size_t s = 0; s < list->count; s++) {
        struct life life = {list, s};
        program_visit(program, &list->steps[s], live, &life);
    }
}

/* ---- all ---- */

static int plan_inference(struct program *program, struct error *err)
{
    struct step_list *list = &program->inference;
    const struct graph *graph = program->graph;
    for (int i = 0; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        struct program_node *own = &program->nodes[i];
        if (node->kind == NODE_DROPOUT) {
            own->output = program->nodes[node->input].output;
            continue;
        }
        if (emit(list, i == 0 ? STEP_FEED : STEP_FUSED, i, false, err) ||
            add_buffer(list, node_count(node), own->dtype, &own->output, err))
            return -1;
    }
    set_lives(program, list);
    /* The scores are read after the last step. */
    list->buffers[program->nodes[graph->count - 1].output].last = list->count;
    return cut(list, err);
}

static int plan_training(struct program *program, struct error *err)
{
    const size_t count = program->graph->count;
    struct planner planner = {.program = program, .graph = program->graph};
    planner.pending = memory_new(count, sizeof *planner.pending, err);
    planner.has_dy = memory_new(count, sizeof *planner.has_dy, err);
    planner.computed = memory_new(count, sizeof *planner.computed, err);
    int status = planner.pending && planner.has_dy && planner.computed ? 0 : -1;
    if (status == 0)
        status = plan_forward(&planner, err);
    if (status == 0)
        status = plan_backward(&planner, err);
    if (status == 0)
        status = add_training_buffers(program, err);
    if (status == 0)
        set_lives(program, &program->training);
    free(planner.pending);
    free(planner.has_dy);
    free(planner.computed);
    return status;
}

int program_init(struct program *program, const struct model *model, bool trains,
                 enum norm_mode norm, enum dtype dtype, struct error *err)
{
    const struct graph *graph = &model->graph;
    uint32_t dropouts = 0;
    *program = (struct program){.graph = graph, .dtype = dtype, .norm = norm};
    program->nodes = memory_new(graph->count, sizeof *program->nodes, err);
    if (!program->nodes)
        return -1;
    for (size_t i = 0; i < graph->count; i++) {
        struct program_node *node = &program->nodes[i];
        node->dtype = i == graph->count - 1 ? DTYPE_F32 : dtype;
        node->output = node->z = node->y = node->dy = -1;
        node->dropout = dropouts;
        dropouts += graph->nodes[i].kind == NODE_DROPOUT;
    }
    if (plan_inference(program, err))
        return -1;
    if (!trains)
        return 0;
    mark_trainable(program, model);
    program->first = first_of_suffix(program);
    classify(program);
    return plan_training(program, err);
}

static void list_release(struct step_list *list)
{
    free(list->steps);
    free(list->segments);
    free(list->buffers);
}

void program_release(struct program *program)
{
    list_release(&program->inference);
    list_release(&program->training);
    free(program->nodes);
    *program = (struct program){0};
}
