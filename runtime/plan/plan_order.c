#include "plan/plan_order.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Kahn's algorithm (Topological sorting of large networks, 1962), where of all stages that wait for
 * nothing the first of the file goes next. */
struct order {
    const struct stage_draft *drafts;
    size_t count;
    size_t *position; /* of each draft in the plan; SIZE_MAX for none yet */
    size_t *waiting;  /* deps of each draft that have no position yet */
    size_t *first;    /* of each draft in dependants; one more at the end */
    size_t *dependants;
    size_t *ready; /* a heap, the least first */
    size_t ready_count;
};

typedef void edge_fn(struct order *order, size_t from, size_t to);

/* Calls `edge` for each stage that a stage waits for. */
static void each_edge(struct order *order, size_t to, edge_fn *edge)
{
    const struct plan_stage *stage = &order->drafts[to].stage;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        for (size_t j = 0; j < dep->member_count; j++)
            edge(order, dep->members[j].stage, to);
        if (dep->path == NULL && dep->member_count == 0)
            edge(order, dep->stage, to);
    }
}

static void count_edge(struct order *order, size_t from, size_t to)
{
    order->waiting[to]++;
    order->first[from + 1]++;
}

/* `first` is moved on to the end of each draft's dependants. */
static void store_edge(struct order *order, size_t from, size_t to)
{
    order->dependants[order->first[from]++] = to;
}

static int fill_dependants(struct order *order, struct error *err)
{
    for (size_t i = 0; i < order->count; i++)
        each_edge(order, i, count_edge);
    for (size_t i = 0; i < order->count; i++)
        order->first[i + 1] += order->first[i];
    order->dependants = memory_new(order->first[order->count], sizeof(*order->dependants), err);
    if (order->dependants == NULL)
        return -1;
    for (size_t i = 0; i < order->count; i++)
        each_edge(order, i, store_edge);
    for (size_t i = order->count; i > 0; i--)
        order->first[i] = order->first[i - 1];
    order->first[0] = 0;
    return 0;
}

static void push_ready(struct order *order, size_t draft)
{
    size_t at = order->ready_count++;
    for (; at > 0 && order->ready[(at - 1) / 2] > draft; at = (at - 1) / 2)
        order->ready[at] = order->ready[(at - 1) / 2];
    order->ready[at] = draft;
}

static size_t pop_ready(struct order *order)
{
    size_t least = order->ready[0], last = order->ready[--order->ready_count], at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < order->ready_count && order->ready[child + 1] < order->ready[child])
            child++;
        if (child >= order->ready_count || order->ready[child] >= last)
            break;
        order->ready[at] = order->ready[child];
        at = child;
    }
    order->ready[at] = last;
    return least;
}

/* The first stage without a position that a stage waits for, and the dep's place. */
static size_t waits_for(const struct order *order, size_t draft, struct place *place)
{
    const struct plan_stage *stage = &order->drafts[draft].stage;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        *place = dep->place;
        for (size_t j = 0; j < dep->member_count; j++)
            if (order->position[dep->members[j].stage] == SIZE_MAX)
                return dep->members[j].stage;
        if (dep->path == NULL && dep->member_count == 0 && order->position[dep->stage] == SIZE_MAX)
            return dep->stage;
    }
    return SIZE_MAX;
}

/* Every stage without a position waits for another such stage, so following
 * the deps comes round. Starts from the member that is first in the file. */
static int cycle_error(const struct order *order, struct error *err)
{
    struct place place;
    size_t at = 0;
    while (order->drafts[at].left_out || order->position[at] != SIZE_MAX)
        at++;
    for (size_t i = 0; i < order->count; i++)
        at = waits_for(order, at, &place);
    size_t first = at, end = at;
    while ((at = waits_for(order, at, &place)) != end)
        first = at < first ? at : first;
    const struct stage_draft *draft = &order->drafts[first];
    struct text way = {0};
    text_add(&way, draft->source->name);
    for (at = waits_for(order, first, &place); at != first; at = waits_for(order, at, &place))
        text_addf(&way, " -> %s", order->drafts[at].source->name);
    waits_for(order, first, &place);
    stage_draft_error(draft, stage_draft_place(draft, place), err,
                      "stages depend on one another in a circle: %s -> %s", text_string(&way),
                      draft->source->name);
    text_release(&way);
    return -1;
}

/* Fills `position`; *placed is how many stages have one. */
static int find_positions(struct order *order, size_t *placed, struct error *err)
{
    size_t wanted = 0;
    for (size_t i = 0; i < order->count; i++) {
        order->position[i] = SIZE_MAX;
        wanted += !order->drafts[i].left_out;
        if (!order->drafts[i].left_out && order->waiting[i] == 0)
            push_ready(order, i);
    }
    for (*placed = 0; order->ready_count > 0; ++*placed) {
        size_t next = pop_ready(order);
        order->position[next] = *placed;
        for (size_t i = order->first[next]; i < order->first[next + 1]; i++)
            if (--order->waiting[order->dependants[i]] == 0)
                push_ready(order, order->dependants[i]);
    }
    return *placed == wanted ? 0 : cycle_error(order, err);
}

static void renumber(struct plan_stage *stage, const size_t *position)
{
    for (size_t i = 0; i < stage->dep_count; i++) {
        struct plan_dep *dep = &stage->deps[i];
        for (size_t j = 0; j < dep->member_count; j++)
            dep->members[j].stage = position[dep->members[j].stage];
        if (dep->path == NULL && dep->member_count == 0)
            dep->stage = position[dep->stage];
    }
}

static int move_stages(struct stage_draft *drafts, const struct order *order, size_t placed,
                       struct plan *plan, struct error *err)
{
    if ((plan->stages = memory_new(placed, sizeof(*plan->stages), err)) == NULL)
        return -1;
    plan->count = placed;
    for (size_t i = 0; i < order->count; i++) {
        if (order->position[i] == SIZE_MAX)
            continue;
        struct plan_stage *stage = &plan->stages[order->position[i]];
        *stage = drafts[i].stage;
        drafts[i].stage = (struct plan_stage){0};
        renumber(stage, order->position);
    }
    if (table_reserve(&plan->names, placed, err) < 0)
        return -1;
    for (size_t i = 0; i < placed; i++) {
        const char *name = plan->stages[i].name;
        if (table_set(&plan->names, name, strlen(name), &plan->stages[i], err) < 0)
            return -1;
    }
    return 0;
}

int plan_order(struct stage_draft *drafts, size_t count, struct plan *plan, struct error *err)
{
    size_t placed;
    int status = -1;
    struct order order = {.drafts = drafts, .count = count};
    if ((order.position = memory_new(count, sizeof(*order.position), err)) != NULL &&
        (order.waiting = memory_new(count, sizeof(*order.waiting), err)) != NULL &&
        (order.first = memory_new(count + 1, sizeof(*order.first), err)) != NULL &&
        (order.ready = memory_new(count, sizeof(*order.ready), err)) != NULL &&
        fill_dependants(&order, err) == 0 && find_positions(&order, &placed, err) == 0)
        status = move_stages(drafts, &order, placed, plan, err);
    free(order.position);
    free(order.waiting);
    free(order.first);
    free(order.ready);
    free(order.dependants);
    return status;
}
