#include "own_params.h"

#include "seed_params.h"

#include <string.h>

enum { SIDE = 4096 };

const struct own_options own_defaults = {.fit = PICTURE_CROP,
                                         .limit = -1,
                                         .train_limit = -1,
                                         .test_limit = -1,
                                         .test = {.kind = SPLIT_FRACTION, .fraction = 0.2},
                                         .seed = SEED_DEFAULT};

/* A parameter's whole name. */
struct name {
    char text[64];
};

static struct name named(const char *prefix, const char *what)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "%s%s", prefix, what);
    return name;
}

static int read_side(const char *name, const json_t *value, int64_t *side, struct error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 8 ||
        json_integer_value(value) > SIDE)
        return error_set(err, ERR_USAGE,
                         "parameter '%s' must be a number from 8 to %d, [height, width], or null",
                         name, SIDE);
    *side = json_integer_value(value);
    return 0;
}

static int read_size(struct stage *stage, const char *prefix, struct own_options *options,
                     struct error *err)
{
    const struct name name = named(prefix, "image_size");
    const json_t *size = NULL;
    int64_t height, width;
    if (stage_value_or_null(stage, name.text, &size, err) < 0)
        return -1;
    if (size == NULL)
        return 0;
    const bool pair = json_is_array(size) && json_array_size(size) == 2;
    if (read_side(name.text, pair ? json_array_get(size, 0) : size, &height, err) < 0 ||
        read_side(name.text, pair ? json_array_get(size, 1) : size, &width, err) < 0)
        return -1;
    options->height = height;
    options->width = width;
    return 0;
}

static int read_test_size(struct stage *stage, const char *prefix, struct own_options *options,
                          struct error *err)
{
    const struct name name = named(prefix, "test_size");
    const json_t *size = NULL;
    if (stage_value_or_null(stage, name.text, &size, err) < 0)
        return -1;
    if (json_is_integer(size))
        options->test = (struct split_size){.kind = SPLIT_COUNT, .count = json_integer_value(size)};
    else if (json_is_real(size))
        options->test =
            (struct split_size){.kind = SPLIT_FRACTION, .fraction = json_real_value(size)};
    else if (size != NULL)
        return error_set(err, ERR_USAGE,
                         "parameter '%s' must be a fraction such as 0.2 or a number of pictures",
                         name.text);
    const struct split_options split = {.test = options->test};
    return split_check_sizes(&split, err);
}

int own_params_read(struct stage *stage, const char *prefix, struct own_options *options,
                    struct error *err)
{
    static const char *const labels[] = {"fine", "coarse"};
    int fit = (int)options->fit, coarse = options->coarse;
    if (read_size(stage, prefix, options, err) < 0 ||
        stage_choice_or_null(stage, named(prefix, "fit").text, picture_fit_names, 3, &fit, err) <
            0 ||
        stage_choice_or_null(stage, named(prefix, "labels").text, labels, 2, &coarse, err) < 0 ||
        read_test_size(stage, prefix, options, err) < 0 ||
        seed_params_read(stage, named(prefix, "seed").text, &options->seed, err) < 0 ||
        stage_text_or_null(stage, named(prefix, "group").text, &options->columns.group, err) < 0 ||
        stage_bool_or_null(stage, named(prefix, "skip_broken").text, &options->skip_broken, err) <
            0 ||
        stage_int_or_null(stage, named(prefix, "limit").text, 1, INT32_MAX, &options->limit, err) <
            0)
        return -1;
    options->fit = (enum picture_fit)fit;
    options->coarse = coarse == 1;
    return 0;
}
