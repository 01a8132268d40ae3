#include "nn/weight_check.h"

#include "nn/reach.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const float most_variance = 1e12f, most_value = 1e6f;

enum fault { SOUND, NOT_FINITE, NEGATIVE, VARIANCE_TOO_LARGE, TOO_LARGE };

enum weight_kind weight_kind_of_name(const char *name)
{
    static const char *const endings[] = {"variance", "running_var"};
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t size = strlen(endings[i]);
        if (length >= size && strcmp(name + length - size, endings[i]) == 0)
            return WEIGHT_VARIANCE;
    }
    return WEIGHT_VALUE;
}

static enum fault fault_of(enum weight_kind kind, float value)
{
    if (!isfinite(value))
        return NOT_FINITE;
    if (kind == WEIGHT_VARIANCE)
        return value < 0 ? NEGATIVE : value > most_variance ? VARIANCE_TOO_LARGE : SOUND;
    return fabsf(value) > most_value ? TOO_LARGE : SOUND;
}

/* The first value with the gravest fault there is: a large one that may pass hides none that may
 * not. */
static enum fault find(enum weight_kind kind, const float *values, int64_t count, int64_t *index)
{
    enum fault found = SOUND;
    for (int64_t i = 0; i < count; i++) {
        const enum fault fault = fault_of(kind, values[i]);
        if (fault == SOUND || (found != SOUND && fault == TOO_LARGE))
            continue;
        *index = i;
        if (fault != TOO_LARGE)
            return fault;
        found = fault;
    }
    return found;
}

static bool is_sound(enum weight_kind kind, const float *values, int64_t count)
{
    const float largest = reach_largest(count, values);
    if (kind == WEIGHT_VALUE)
        return largest <= most_value;
    bool negative = false;
    for (int64_t i = 0; i < count; i++)
        negative = negative || values[i] < 0;
    return largest <= most_variance && !negative;
}

int weight_check(const struct weight_check *check, const char *name, enum weight_kind kind,
                 const float *values, int64_t count, struct error *err)
{
    static const char *const words[] = {
        [SOUND] = "is sound",
        [NOT_FINITE] = "is not finite",
        [NEGATIVE] = "is a variance below 0",
        [VARIANCE_TOO_LARGE] = "is a variance above 1e12",
        [TOO_LARGE] = "is above 1e6 in magnitude",
    };
    int64_t index = 0;
    if (is_sound(kind, values, count))
        return 0;
    const enum fault fault = find(kind, values, count, &index);
    struct error said;
    error_set(&said, ERR_FORMAT, "tensor '%s': value %lld, %g, %s", name, (long long)index,
              isnan(values[index]) ? (double)NAN : (double)values[index], words[fault]);
    if (fault == TOO_LARGE && check != NULL && check->large_pass) {
        if (check->note != NULL)
            check->note(check->arg, said.message);
        return 0;
    }
    *err = said;
    return -1;
}

int weight_check_model(const struct weight_check *check, const struct model *model,
                       struct error *err)
{
    for (size_t p = 0; p < model->count; p++) {
        const struct parameter *parameter = &model->parameters[p];
        const enum weight_kind kind =
            parameter->role == PARAMETER_MOVING_VARIANCE ? WEIGHT_VARIANCE : WEIGHT_VALUE;
        if (weight_check(check, parameter->name, kind, parameter->value, parameter->count, err))
            return -1;
    }
    return 0;
}
