#include "plan/foreach.h"

#include "plan/name.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static int add_item(struct yaml_tree *tree, const char *stage, struct yaml_node *items,
                    struct yaml_place place, const char *suffix, struct yaml_node *item,
                    struct error *err)
{
    if (!name_is_good(suffix, '.')) /* it becomes part of a folder's name */
        return yaml_error(err, place,
                          "stage '%s': '%s' cannot be part of a stage's name (letters, digits, "
                          "'_', '-', '.'); a map gives names: {name: value}",
                          stage, suffix);
    if (yaml_get(items, suffix) != NULL)
        return yaml_error(err, place, "stage '%s': '%s@%s' is there twice", stage, stage, suffix);
    struct yaml_node *key = yaml_tree_text(tree, place, suffix, strlen(suffix), err);
    return key == NULL ? -1 : yaml_map_add(items, key, item, err);
}

static bool all_scalars(const struct yaml_node *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!yaml_is_scalar(list->items[i]))
            return false;
    return true;
}

static int items_of_list(struct yaml_tree *tree, const char *stage, const struct yaml_node *list,
                         struct yaml_node *items, struct error *err)
{
    bool scalars = all_scalars(list);
    for (size_t i = 0; i < list->count; i++) {
        struct yaml_node *item = list->items[i];
        char index[24];
        snprintf(index, sizeof(index), "%zu", i);
        if (add_item(tree, stage, items, item->place, scalars ? item->text : index, item, err) < 0)
            return -1;
    }
    return 0;
}

static int items_of_map(struct yaml_tree *tree, const char *stage, const struct yaml_node *map,
                        struct yaml_node *items, struct error *err)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_pair *pair = &map->pairs[i];
        if (add_item(tree, stage, items, pair->key->place, pair->key->text, pair->value, err) < 0)
            return -1;
    }
    return 0;
}

static int too_many(const char *stage, struct yaml_place place, struct error *err)
{
    return yaml_error(err, place, "stage '%s': more than %d variants", stage, FOREACH_LIMIT);
}

int foreach_items(struct yaml_tree *tree, const char *stage, struct yaml_node *over,
                  struct yaml_node **items, struct error *err)
{
    char buffer[64];
    if (yaml_is_scalar(over))
        return yaml_error(err, over->place, "stage '%s': 'foreach' takes a list or a map, not %s",
                          stage, yaml_describe(over, buffer, sizeof(buffer)));
    if (over->count > FOREACH_LIMIT)
        return too_many(stage, over->place, err);
    struct yaml_node *map = yaml_tree_map(tree, over->place, over->count, err);
    if (map == NULL)
        return -1;
    *items = map;
    return over->kind == YAML_KIND_LIST ? items_of_list(tree, stage, over, map, err)
                                        : items_of_map(tree, stage, over, map, err);
}

static int check_dimensions(const char *stage, const struct yaml_node *dimensions, size_t *variants,
                            struct error *err)
{
    char buffer[64];
    if (dimensions->kind != YAML_KIND_MAP)
        return yaml_error(err, dimensions->place,
                          "stage '%s': 'matrix' takes a map of lists, not %s", stage,
                          yaml_describe(dimensions, buffer, sizeof(buffer)));
    *variants = dimensions->count > 0;
    for (size_t i = 0; i < dimensions->count; i++) {
        const struct yaml_node *list = dimensions->pairs[i].value;
        if (list->kind != YAML_KIND_LIST)
            return yaml_error(err, list->place, "stage '%s': 'matrix.%s' must be a list, not %s",
                              stage, dimensions->pairs[i].key->text,
                              yaml_describe(list, buffer, sizeof(buffer)));
        if (list->count > FOREACH_LIMIT || (*variants *= list->count) > FOREACH_LIMIT)
            return too_many(stage, dimensions->place, err);
    }
    return 0;
}

/* The variant with a number, whose last dimension turns fastest. */
static int add_combination(struct yaml_tree *tree, const char *stage,
                           const struct yaml_node *dimensions, size_t number,
                           struct yaml_node *items, struct error *err)
{
    size_t rest = number, divisor = 1;
    struct text suffix = {0};
    struct yaml_node *item = yaml_tree_map(tree, dimensions->place, dimensions->count, err);
    int status = item == NULL ? -1 : 0;
    for (size_t i = 0; i < dimensions->count; i++)
        divisor *= dimensions->pairs[i].value->count;
    for (size_t i = 0; status == 0 && i < dimensions->count; i++) {
        const struct yaml_pair *pair = &dimensions->pairs[i];
        divisor /= pair->value->count;
        size_t index = rest / divisor;
        struct yaml_node *value = pair->value->items[index];
        rest %= divisor;
        text_add(&suffix, i == 0 ? "" : "-");
        if (yaml_is_scalar(value))
            text_add(&suffix, value->text);
        else
            text_addf(&suffix, "%s%zu", pair->key->text, index);
        status = yaml_map_add(item, pair->key, value, err);
    }
    if (status == 0 && (status = text_check(&suffix, err)) == 0)
        status = add_item(tree, stage, items, dimensions->place, text_string(&suffix), item, err);
    text_release(&suffix);
    return status;
}

int matrix_items(struct yaml_tree *tree, const char *stage, struct yaml_node *dimensions,
                 struct yaml_node **items, struct error *err)
{
    size_t variants = 0;
    if (check_dimensions(stage, dimensions, &variants, err) < 0)
        return -1;
    struct yaml_node *map = yaml_tree_map(tree, dimensions->place, variants, err);
    if (map == NULL)
        return -1;
    for (size_t i = 0; i < variants; i++)
        if (add_combination(tree, stage, dimensions, i, map, err) < 0)
            return -1;
    *items = map;
    return 0;
}
