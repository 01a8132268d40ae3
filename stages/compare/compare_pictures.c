#include "compare/compare_pictures.h"

#include "base/json.h"
#include "base/memory.h"
#include "nn/network.h"

#include <math.h>
#include <stdlib.h>

const char *flip_kind_name(enum flip_kind kind)
{
    static const char *const names[] = {"fixed", "broken", "moved"};
    return names[kind];
}

static double change(const struct flip *flip)
{
    return fabs((double)flip->truth_b - (double)flip->truth_a);
}

static int compare(const void *left, const void *right)
{
    const struct flip *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (change(a) != change(b))
        return change(a) > change(b) ? -1 : 1;
    return a->picture < b->picture ? -1 : a->picture > b->picture;
}

static void add(struct flips *flips, int64_t picture, const float *a, const float *b)
{
    const int64_t classes = flips->dataset.class_count;
    const int64_t truth = ((const uint16_t *)flips->dataset.test_labels.data)[picture];
    const int64_t from = network_argmax(a, classes), to = network_argmax(b, classes);
    flips->tested++;
    flips->right_a += from == truth;
    flips->right_b += to == truth;
    if (from == to)
        return;
    const enum flip_kind kind = to == truth ? FLIP_FIXED : from == truth ? FLIP_BROKEN : FLIP_MOVED;
    flips->counts[kind]++;
    flips->list[flips->count++] = (struct flip){.kind = kind,
                                                .picture = picture,
                                                .truth = truth,
                                                .a = from,
                                                .b = to,
                                                .truth_a = a[truth],
                                                .truth_b = b[truth],
                                                .says_a = a[from],
                                                .says_b = b[to]};
}

static int check(const struct flips *flips, const struct npy *predictions, const char *path,
                 struct error *err)
{
    const int64_t n = flips->dataset.test_labels.count, classes = flips->dataset.class_count;
    if (predictions->shape[0] == n && predictions->shape[1] == classes)
        return 0;
    return error_set(err, ERR_FORMAT,
                     "'%s' has %lld pictures of %lld classes, the data set %lld of %lld", path,
                     (long long)predictions->shape[0], (long long)predictions->shape[1],
                     (long long)n, (long long)classes);
}

int flips_read(const char *dataset, const char *a, const char *b, struct flips *flips,
               struct error *err)
{
    struct npy before = {0}, after = {0};
    *flips = (struct flips){0};
    int result = -1;
    if (dataset_open(dataset, &flips->dataset, err) == 0 &&
        npy_read_as(a, NPY_F32, 2, &before, err) == 0 && check(flips, &before, a, err) == 0 &&
        npy_read_as(b, NPY_F32, 2, &after, err) == 0 && check(flips, &after, b, err) == 0 &&
        (flips->list = memory_new((size_t)before.shape[0], sizeof(*flips->list), err)) != NULL) {
        const int64_t classes = flips->dataset.class_count;
        for (int64_t i = 0; i < before.shape[0]; i++)
            add(flips, i, (const float *)before.data + i * classes,
                (const float *)after.data + i * classes);
        qsort(flips->list, flips->count, sizeof(*flips->list), compare);
        result = 0;
    }
    npy_release(&before);
    npy_release(&after);
    if (result < 0)
        flips_release(flips);
    return result;
}

void flips_release(struct flips *flips)
{
    dataset_release(&flips->dataset);
    free(flips->list);
    *flips = (struct flips){0};
}

json_t *flips_json(const struct flips *flips)
{
    json_t *list = json_array();
    for (size_t i = 0; i < flips->count; i++) {
        const struct flip *flip = &flips->list[i];
        char **names = flips->dataset.classes;
        list = json_list_with(
            list, json_pack("{s:s, s:I, s:s, s:s, s:s}", "kind", flip_kind_name(flip->kind),
                            "picture", (json_int_t)flip->picture, "truth", names[flip->truth], "a",
                            names[flip->a], "b", names[flip->b]));
    }
    json_t *json = json_pack("{s:I, s:{s:I, s:I}}", "tested", (json_int_t)flips->tested, "right",
                             "a", (json_int_t)flips->right_a, "b", (json_int_t)flips->right_b);
    for (int kind = 0; kind < FLIP_KINDS; kind++)
        json = json_object_with(json, flip_kind_name((enum flip_kind)kind),
                                json_integer((json_int_t)flips->counts[kind]));
    return json_object_with(json, "list", list);
}
