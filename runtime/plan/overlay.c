#include "plan/overlay.h"

#include "plan/expand.h"
#include "plan/secret_url.h"
#include "plan/suggest.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What is being laid over `vars`, for messages. */
struct layer {
    struct yaml_tree *tree;
    const struct yaml_node *vars;
    const char *what; /* "profile 'x': " or "" */
};

static int merge_maps(const struct layer *layer, const struct yaml_node *declared,
                      struct yaml_node *base, struct yaml_node *over, const char *prefix,
                      struct yaml_node **result, struct error *err);

/* A map that took the place of null may have any keys. */
static bool is_open(const struct yaml_node *declared)
{
    return declared == NULL || declared->kind != YAML_KIND_MAP;
}

/* Whether a value of one kind may take the place of one of the other. What an
 * expression stands for is not known yet. */
static bool may_replace(const struct yaml_node *base, const struct yaml_node *over)
{
    if (base->kind == YAML_KIND_NULL || over->kind == YAML_KIND_NULL ||
        expand_is_expression(base) || expand_is_expression(over))
        return true;
    return (base->kind == YAML_KIND_MAP) == (over->kind == YAML_KIND_MAP);
}

static int replace(const struct layer *layer, const struct yaml_node *declared,
                   struct yaml_node *base, struct yaml_node *over, const char *name,
                   struct yaml_node **result, struct error *err)
{
    char was[64], is[64];
    if (base->kind == YAML_KIND_MAP && over->kind == YAML_KIND_MAP) {
        struct text prefix = {0};
        text_addf(&prefix, "%s.", name);
        int status = text_check(&prefix, err);
        if (status == 0)
            status = merge_maps(layer, declared, base, over, prefix.data, result, err);
        text_release(&prefix);
        return status;
    }
    if (!may_replace(base, over))
        return yaml_error(err, over->place, "%s'%s' is %s in vars and cannot become %s",
                          layer->what, name, yaml_describe(base, was, sizeof(was)),
                          yaml_describe(over, is, sizeof(is)));
    *result = over;
    return 0;
}

/* Every key of `over` must be one of `base`, or is added. */
static int check_known(const struct layer *layer, const struct yaml_node *base,
                       const struct yaml_node *over, const char *prefix, struct error *err)
{
    for (size_t i = 0; i < over->count; i++) {
        const struct yaml_node *key = over->pairs[i].key;
        char buffer[SUGGEST_SIZE];
        if (yaml_get(base, key->text) != NULL)
            continue;
        struct text name = {0};
        text_addf(&name, "%s%s", prefix, key->text);
        yaml_error(err, key->place, "%sunknown variable '%s'%s", layer->what, text_string(&name),
                   suggest_variable(buffer, text_string(&name), layer->vars));
        text_release(&name);
        return -1;
    }
    return 0;
}

static int add_new(const struct yaml_node *base, const struct yaml_node *over,
                   struct yaml_node *map, struct error *err)
{
    for (size_t i = 0; i < over->count; i++)
        if (yaml_get(base, over->pairs[i].key->text) == NULL &&
            yaml_map_add(map, over->pairs[i].key, over->pairs[i].value, err) < 0)
            return -1;
    return 0;
}

static int merge_maps(const struct layer *layer, const struct yaml_node *declared,
                      struct yaml_node *base, struct yaml_node *over, const char *prefix,
                      struct yaml_node **result, struct error *err)
{
    const bool open = is_open(declared);
    if (!open && check_known(layer, base, over, prefix, err) < 0)
        return -1;
    struct yaml_node *map =
        yaml_tree_map(layer->tree, base->place, base->count + (open ? over->count : 0), err);
    if (map == NULL)
        return -1;
    struct text name = {0};
    int status = 0;
    for (size_t i = 0; status == 0 && i < base->count; i++) {
        struct yaml_pair *pair = &base->pairs[i];
        struct yaml_node *value = yaml_get(over, pair->key->text);
        text_clear(&name);
        text_addf(&name, "%s%s", prefix, pair->key->text);
        status = text_check(&name, err);
        if (status == 0 && value == NULL)
            value = pair->value;
        else if (status == 0)
            status = replace(layer, open ? NULL : yaml_get(declared, pair->key->text), pair->value,
                             value, text_string(&name), &value, err);
        if (status == 0)
            status = yaml_map_add(map, pair->key, value, err);
    }
    text_release(&name);
    if (status == 0 && open)
        status = add_new(base, over, map, err);
    *result = map;
    return status;
}

int overlay_profile(struct yaml_tree *tree, struct yaml_node *vars, const char *profile,
                    struct yaml_node *over, struct yaml_node **result, struct error *err)
{
    char what[160], buffer[64];
    snprintf(what, sizeof(what), "profile '%.120s': ", profile);
    struct layer layer = {tree, vars, what};
    if (over->kind == YAML_KIND_NULL) {
        *result = vars;
        return 0;
    }
    if (over->kind != YAML_KIND_MAP)
        return yaml_error(err, over->place, "%sexpected a map of variables, not %s", what,
                          yaml_describe(over, buffer, sizeof(buffer)));
    return merge_maps(&layer, vars, vars, over, "", result, err);
}

/* {a: {b: value}} of the name "a.b". */
static int wrap(struct yaml_tree *tree, const char *name, struct yaml_node *value,
                struct yaml_node **over, struct error *err)
{
    static const struct yaml_place place = {"--set", 0, 0};
    const char *end = name + strlen(name);
    for (;;) {
        const char *start = end;
        while (start > name && start[-1] != '.')
            start--;
        struct yaml_node *map = yaml_tree_map(tree, place, 1, err);
        struct yaml_node *key =
            map == NULL ? NULL : yaml_tree_text(tree, place, start, (size_t)(end - start), err);
        if (key == NULL || yaml_map_add(map, key, value, err) < 0)
            return -1;
        value = map;
        if (start == name)
            break;
        end = start - 1;
    }
    *over = value;
    return 0;
}

static bool is_dotted_name(const char *name, size_t size)
{
    return size > 0 && name[0] != '.' && name[size - 1] != '.' &&
           memmem(name, size, "..", 2) == NULL;
}

static int overlay_value(struct yaml_tree *tree, const struct yaml_node *declared,
                         struct yaml_node *vars, const char *name, const char *text,
                         struct yaml_node **result, json_t *sets, struct error *err)
{
    struct text label = {0};
    struct yaml_node *value, *over;
    text_addf(&label, "--set %s", name);
    int status = text_check(&label, err);
    if (status == 0)
        status = yaml_tree_parse(tree, label.data, true, text, strlen(text), &value, err);
    text_release(&label);
    struct layer layer = {tree, vars, ""};
    if (status < 0 || secret_url_refuse(value, err) < 0 ||
        wrap(tree, name, value, &over, err) < 0 ||
        merge_maps(&layer, declared, vars, over, "", result, err) < 0)
        return -1;
    json_t *json = yaml_to_json(value, err);
    if (json == NULL)
        return -1;
    if (json_object_set_new(sets, name, json) < 0)
        return error_set(err, ERR_MEMORY, "out of memory for '%s'", name);
    return 0;
}

int overlay_set(struct yaml_tree *tree, const struct yaml_node *declared, struct yaml_node *vars,
                const char *set, struct yaml_node **result, json_t *sets, struct error *err)
{
    static const struct yaml_place place = {"--set", 0, 0};
    size_t size = strcspn(set, "=");
    if (set[size] == '=' && memchr(set, '[', size) != NULL)
        return yaml_error(err, place, "a list is set as a whole, as in name=[1, 2], not '%s'", set);
    if (set[size] == '\0' || !is_dotted_name(set, size))
        return yaml_error(err, place, "expected name=value, not '%s'", set);
    struct yaml_node *name = yaml_tree_text(tree, place, set, size, err);
    if (name == NULL)
        return -1;
    return overlay_value(tree, declared, vars, name->text, set + size + 1, result, sets, err);
}
