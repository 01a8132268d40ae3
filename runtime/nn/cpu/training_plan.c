/* The steps of a training shard and the memory they need.
 *
 * Steps are written down as late as their results are needed. So batch norms
 * side by side (a block's first convolution and its projection) end up before
 * the same joining of statistics, and a network whose norms use moving
 * statistics runs forward and backward in one segment. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

struct planner {
    struct executor *executor;
    struct training *training;
    const struct graph *graph;
    bool *pending;    /* [nodes]: computed but not normalised; later: masked but not propagated */
    bool *has_dy;     /* [nodes]: something was added to its gradient */
    size_t *computed; /* [nodes]: step that the pending one must follow */
    size_t segment_start;
};

static bool trains(const struct executor *executor, int node, enum parameter_role role)
{
    int p = executor->parameter[node][role];
    return p >= 0 && executor->trains[p];
}

/* The suffix starts at the first node that trains or drops out. */
static size_t first_of_suffix(const struct executor *executor)
{
    const struct graph *graph = &executor->model->graph;
    for (size_t i = 1; i < graph->count; i++)
        if (graph->nodes[i].kind == NODE_DROPOUT || trains(executor, (int)i, PARAMETER_KERNEL) ||
            trains(executor, (int)i, PARAMETER_GAMMA))
            return i;
    return graph->count - 1;
}

static bool is_active(const struct training *training, int node)
{
    return node >= 0 && training->nodes[node].active;
}

static bool reads_active(const struct training *training, const struct node *node)
{
    for (int i = 0; i < node_inputs(node); i++)
        if (is_active(training, node_input(node, i)))
            return true;
    return is_active(training, node->residual);
}

static void classify(struct executor *executor)
{
    struct training *training = &executor->training;
    const struct graph *graph = &executor->model->graph;
    for (size_t i = training->first; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        struct train_node *t = &training->nodes[i];
        bool has_norm = node->norm[0] != '\0';
        t->kernel_trains = trains(executor, (int)i, PARAMETER_KERNEL);
        t->norm_trains = trains(executor, (int)i, PARAMETER_GAMMA);
        t->batch_norm = t->norm_trains && executor->options.norm == NORM_BATCH;
        t->folded = has_norm && !t->kernel_trains && !t->norm_trains;
        t->active = t->kernel_trains || t->norm_trains || reads_active(training, node);
    }
}

static bool has_own_norm(const struct planner *planner, int node)
{
    return planner->graph->nodes[node].norm[0] && !planner->training->nodes[node].folded;
}

static int cut(struct planner *planner, struct error *err)
{
    struct training *t = planner->training;
    if (memory_grow(&t->segments, &t->segment_capacity, t->segment_count + 1, sizeof *t->segments,
                    err))
        return -1;
    t->segments[t->segment_count++] = t->step_count;
    planner->segment_start = t->step_count;
    return 0;
}

static int emit(struct planner *planner, enum step_kind kind, int node, bool adds,
                struct error *err)
{
    struct training *t = planner->training;
    if (memory_grow(&t->steps, &t->step_capacity, t->step_count + 1, sizeof *t->steps, err))
        return -1;
    t->steps[t->step_count++] =
        (struct step){.kind = kind, .node = node, .adds = adds, .temporary = -1};
    return 0;
}

static void set_pending(struct planner *planner, int node)
{
    planner->pending[node] = true;
    planner->computed[node] = planner->training->step_count - 1;
}

/* Statistics of a batch norm are joined at the end of the segment that gathered them. */
static int end_segment_for(struct planner *planner, int node, struct error *err)
{
    planner->pending[node] = false;
    if (planner->training->nodes[node].batch_norm &&
        planner->computed[node] >= planner->segment_start)
        return cut(planner, err);
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
    return emit(planner, STEP_NORMALISE, node, false, err);
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
    const struct graph *graph = planner->graph;
    for (int i = (int)planner->training->first; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        bool own_norm = has_own_norm(planner, i);
        if (finish_inputs(planner, node, err) ||
            (!own_norm && finish_output(planner, node->residual, err)) ||
            emit(planner, STEP_COMPUTE, i, false, err))
            return -1;
        if (!own_norm)
            continue;
        set_pending(planner, i);
        if (!planner->training->nodes[i].batch_norm && finish_output(planner, i, err))
            return -1;
    }
    for (int i = (int)planner->training->first; i < (int)graph->count; i++)
        if (finish_output(planner, i, err))
            return -1;
    return emit(planner, STEP_LOSS, (int)graph->count - 1, false, err);
}

/* Sends on the gradient of `node`, if that is still to be done. */
static int finish_gradient(struct planner *planner, int node, struct error *err)
{
    if (!planner->pending[node])
        return 0;
    const struct node *n = &planner->graph->nodes[node];
    bool adds = is_active(planner->training, n->input) && planner->has_dy[n->input];
    ASSERT(!adds || node_inputs(n) == 1); /* what is concatenated has no other reader */
    if (end_segment_for(planner, node, err) || emit(planner, STEP_PROPAGATE, node, adds, err))
        return -1;
    for (int i = 0; i < node_inputs(n); i++)
        if (is_active(planner->training, node_input(n, i)))
            planner->has_dy[node_input(n, i)] = true;
    return 0;
}

static int mask(struct planner *planner, int i, struct error *err)
{
    const struct train_node *t = &planner->training->nodes[i];
    const struct node *node = &planner->graph->nodes[i];
    bool to_residual = is_active(planner->training, node->residual);
    ASSERT(planner->has_dy[i]);
    if (emit(planner, STEP_MASK, i, to_residual && planner->has_dy[node->residual], err))
        return -1;
    if (to_residual)
        planner->has_dy[node->residual] = true;
    bool ends = !t->kernel_trains && !t->batch_norm;
    for (int input = 0; input < node_inputs(node) && ends; input++)
        ends = !is_active(planner->training, node_input(node, input));
    if (ends)
        return 0;
    set_pending(planner, i);
    return t->batch_norm ? 0 : finish_gradient(planner, i, err);
}

static int plan_backward(struct planner *planner, struct error *err)
{
    const struct graph *graph = planner->graph;
    int first = (int)planner->training->first, last = (int)graph->count - 1;
    planner->has_dy[last] = true;
    for (int i = last; i >= first; i--) {
        if (!planner->training->nodes[i].active)
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
    return cut(planner, err);
}

/* ---- memory ---- */

static int add_span(struct training *t, size_t count, enum dtype dtype, int *index,
                    struct error *err)
{
    if (memory_grow(&t->spans, &t->span_capacity, t->span_count + 1, sizeof *t->spans, err))
        return -1;
    t->spans[t->span_count] = (struct span){.count = count, .dtype = dtype, .first = SIZE_MAX};
    *index = (int)t->span_count++;
    return 0;
}

static int add_spans(struct planner *planner, struct error *err)
{
    struct training *t = planner->training;
    const enum dtype gradients = planner->executor->options.dtype;
    for (int i = 0; i < (int)planner->graph->count; i++) {
        struct train_node *node = &t->nodes[i];
        const enum dtype dtype = node_dtype(planner->executor, i);
        size_t count = (size_t)(node_count(&planner->graph->nodes[i]) * t->shard);
        node->y = node->z = node->dy = -1;
        if (i < (int)t->first)
            continue;
        if (add_span(t, count, dtype, &node->y, err) ||
            (node->active && add_span(t, count, gradients, &node->dy, err)))
            return -1;
        /* What came before the norm is read again only for the gradient of gamma. */
        node->z = node->y;
        if (has_own_norm(planner, i) && node->norm_trains &&
            add_span(t, count, dtype, &node->z, err))
            return -1;
    }
    for (size_t s = 0; s < t->step_count; s++) {
        struct step *step = &t->steps[s];
        const struct node *node = &planner->graph->nodes[step->node];
        int64_t count = node_count(&planner->graph->nodes[node->input]);
        if (step->kind == STEP_PROPAGATE && step->adds &&
            add_span(t, (size_t)(count * t->shard), gradients, &step->temporary, err))
            return -1;
        /* The loss gives its gradient in f32. */
        if (step->kind == STEP_LOSS && gradients != DTYPE_F32 &&
            add_span(t, (size_t)(node_count(node) * t->shard), DTYPE_F32, &step->temporary, err))
            return -1;
    }
    return 0;
}

static void touch(struct training *t, int span, size_t step)
{
    if (span < 0)
        return;
    if (t->spans[span].first == SIZE_MAX)
        t->spans[span].first = step;
    t->spans[span].last = step;
}

static int output_span(const struct training *t, int node)
{
    return node < 0 ? -1 : t->nodes[node].y;
}

static int gradient_span(const struct training *t, int node)
{
    return node < 0 ? -1 : t->nodes[node].dy;
}

static void touch_inputs(struct training *t, const struct node *node, size_t step)
{
    for (int i = 0; i < node_inputs(node); i++)
        touch(t, output_span(t, node_input(node, i)), step);
}

static void touch_input_gradients(struct training *t, const struct node *node, size_t step)
{
    for (int i = 0; i < node_inputs(node); i++)
        if (is_active(t, node_input(node, i)))
            touch(t, gradient_span(t, node_input(node, i)), step);
}

/* Says which buffers a step reads or writes. */
static void touch_step(struct planner *planner, size_t index)
{
    struct training *t = planner->training;
    const struct step *step = &t->steps[index];
    const struct node *node = &planner->graph->nodes[step->node];
    const struct train_node *own = &t->nodes[step->node];
    touch(t, step->temporary, index);
    switch (step->kind) {
    case STEP_COMPUTE:
        touch_inputs(t, node, index);
        touch(t, own->z, index);
        if (!has_own_norm(planner, step->node))
            touch(t, output_span(t, node->residual), index);
        break;
    case STEP_NORMALISE:
        touch(t, own->z, index);
        touch(t, own->y, index);
        touch(t, output_span(t, node->residual), index);
        break;
    case STEP_LOSS:
        touch(t, own->y, index);
        touch(t, own->dy, index);
        break;
    case STEP_MASK:
        touch(t, own->dy, index);
        if (node->activation != ACTIVATION_NONE)
            touch(t, own->y, index);
        if (own->norm_trains)
            touch(t, own->z, index);
        if (is_active(t, node->residual))
            touch(t, gradient_span(t, node->residual), index);
        break;
    case STEP_PROPAGATE:
        touch(t, own->dy, index);
        if (own->batch_norm)
            touch(t, own->z, index);
        if (own->kernel_trains || node->kind == NODE_MAX_POOL)
            touch(t, output_span(t, node->input), index);
        if (node->kind == NODE_MAX_POOL)
            touch(t, own->y, index);
        touch_input_gradients(t, node, index);
        break;
    }
}

static int place_spans(struct planner *planner, struct error *err)
{
    struct training *t = planner->training;
    if (add_spans(planner, err))
        return -1;
    for (size_t s = 0; s < t->step_count; s++)
        touch_step(planner, s);
    for (size_t i = 0; i < t->span_count; i++)
        if (t->spans[i].first == SIZE_MAX) /* nobody's: no memory */
            t->spans[i] = (struct span){0};
    if (spans_place(t->spans, t->span_count, &t->arena_bytes, err))
        return -1;
    /* Where a shard runs from end to end in its lane, the next one can have its memory. */
    t->arena_count = t->segment_count == 1 ? (size_t)cpu_lanes(planner->executor->cpu) : t->shards;
    return 0;
}

int training_plan(struct executor *executor, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    struct planner planner = {
        .executor = executor, .training = &executor->training, .graph = graph};
    executor->training.first = first_of_suffix(executor);
    classify(executor);
    planner.pending = memory_new(graph->count, sizeof *planner.pending, err);
    planner.has_dy = memory_new(graph->count, sizeof *planner.has_dy, err);
    planner.computed = memory_new(graph->count, sizeof *planner.computed, err);
    int status = planner.pending && planner.has_dy && planner.computed ? 0 : -1;
    if (status == 0)
        status = plan_forward(&planner, err);
    if (status == 0)
        status = plan_backward(&planner, err);
    if (status == 0)
        status = place_spans(&planner, err);
    free(planner.pending);
    free(planner.has_dy);
    free(planner.computed);
    return status;
}
