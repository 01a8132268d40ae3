#include "data/group_split.h"

#include "base/memory.h"
#include "data/mt19937.h"

#include <stdlib.h>
#include <string.h>

struct member {
    int64_t group, sample;
};

/* Members of a group: from first to end of the sorted members. */
struct group {
    int64_t first, end;
    int64_t order; /* among equal sizes */
};

struct grouping {
    const uint16_t *labels;
    struct member *members; /* [n], by group */
    struct group *groups;
    int64_t group_count;
    int64_t *all, *tested, *now; /* [classes]: pictures, of them tested, of the group at hand */
    double *wanted;              /* [classes] */
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return left->sample < right->sample ? -1 : left->sample > right->sample;
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a, *right = b;
    const int64_t sizes[2] = {left->end - left->first, right->end - right->first};
    if (sizes[0] != sizes[1])
        return sizes[0] > sizes[1] ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static void gather(struct grouping *g, const int64_t *groups, const int64_t *samples, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t group = groups[samples[i]];
        /* Those on their own get numbers below 0 that differ. */
        g->members[i] = (struct member){group >= 0 ? group : -1 - samples[i], samples[i]};
        g->all[g->labels[samples[i]]]++;
    }
    qsort(g->members, (size_t)n, sizeof(*g->members), compare_members);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || g->members[i].group != g->members[i - 1].group)
            g->groups[g->group_count++].first = i;
        g->groups[g->group_count - 1].end = i + 1;
    }
}

/* Whether the tested side comes nearer to what is wanted with the group. */
static bool helps(struct grouping *g, const struct group *group)
{
    double change = 0;
    bool takes_last = false;
    for (int64_t i = group->first; i < group->end; i++)
        g->now[g->labels[g->members[i].sample]]++;
    for (int64_t i = group->first; i < group->end; i++) {
        const uint16_t c = g->labels[g->members[i].sample];
        if (g->now[c] == 0)
            continue; /* counted before */
        const double before = (double)g->tested[c] - g->wanted[c];
        const double after = before + (double)g->now[c];
        change += (after * after - before * before) / (double)g->all[c];
        takes_last = takes_last || g->tested[c] + g->now[c] == g->all[c];
        g->now[c] = 0;
    }
    return change < 0 && !takes_last;
}

static void choose(struct grouping *g, struct split *split)
{
    for (int64_t k = 0; k < g->group_count; k++) {
        const struct group *group = &g->groups[k];
        const bool test = helps(g, group);
        for (int64_t i = group->first; i < group->end; i++) {
            const int64_t sample = g->members[i].sample;
            if (test) {
                g->tested[g->labels[sample]]++;
                split->test[split->test_count++] = sample;
            } else
                split->train[split->train_count++] = sample;
        }
    }
}

static int order_groups(struct grouping *g, struct mt19937 *rng, struct error *err)
{
    int64_t *order = memory_new((size_t)g->group_count, sizeof(*order), err);
    if (order == NULL)
        return -1;
    mt19937_permutation(rng, order, g->group_count);
    for (int64_t k = 0; k < g->group_count; k++)
        g->groups[k].order = order[k];
    free(order);
    qsort(g->groups, (size_t)g->group_count, sizeof(*g->groups), compare_groups);
    return 0;
}

static int split_them(struct grouping *g, int64_t n, int64_t classes,
                      const struct split_options *options, struct split *split, struct error *err)
{
    struct mt19937 rng;
    const double share = options->test.kind == SPLIT_COUNT ? (double)options->test.count / (double)n
                         : options->test.kind == SPLIT_FRACTION ? options->test.fraction
                                                                : 0.25;
    mt19937_seed(&rng, options->seed);
    for (int64_t c = 0; c < classes; c++) {
        g->wanted[c] = share * (double)g->all[c];
        if (g->wanted[c] < 1 && g->all[c] > 1)
            g->wanted[c] = 1;
    }
    if (order_groups(g, &rng, err) < 0)
        return -1;
    choose(g, split);
    if (split->test_count == 0 || split->train_count == 0)
        return error_set(err, ERR_USAGE,
                         "no group can be held out: each holds too large a share of its classes");
    mt19937_shuffle(&rng, split->train, split->train_count);
    mt19937_shuffle(&rng, split->test, split->test_count);
    return 0;
}

int group_split(const uint16_t *labels, const int64_t *groups, const int64_t *samples, int64_t n,
                int64_t classes, const struct split_options *options, struct split *split,
                struct error *err)
{
    struct grouping g = {.labels = labels};
    struct split made = {0};
    int result = -1;
    ASSERT(n > 0 && n <= (int64_t)UINT32_MAX);
    if (options->train.kind != SPLIT_ABSENT)
        return error_set(err, ERR_USAGE,
                         "train_size can't be kept where pictures belong together: leave it out");
    if (options->test.kind == SPLIT_COUNT && options->test.count >= n)
        return error_set(err, ERR_USAGE, "test_size=%lld should be smaller than the %lld pictures",
                         (long long)options->test.count, (long long)n);
    if ((g.members = memory_new((size_t)n, sizeof(*g.members), err)) != NULL &&
        (g.groups = memory_new((size_t)n, sizeof(*g.groups), err)) != NULL &&
        (g.all = memory_new((size_t)classes, sizeof(int64_t), err)) != NULL &&
        (g.tested = memory_new((size_t)classes, sizeof(int64_t), err)) != NULL &&
        (g.now = memory_new((size_t)classes, sizeof(int64_t), err)) != NULL &&
        (g.wanted = memory_new((size_t)classes, sizeof(double), err)) != NULL &&
        (made.train = memory_new((size_t)n, sizeof(int64_t), err)) != NULL &&
        (made.test = memory_new((size_t)n, sizeof(int64_t), err)) != NULL) {
        gather(&g, groups, samples, n);
        result = split_them(&g, n, classes, options, &made, err);
    }
    if (result == 0) {
        *split = made;
        made = (struct split){0};
    }
    split_release(&made);
    free(g.members);
    free(g.groups);
    free(g.all);
    free(g.tested);
    free(g.now);
    free(g.wanted);
    return result;
}
