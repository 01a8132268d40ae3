#include "nn/fit_weights.h"

#include <string.h>

static bool node_trains(const struct model *model, int node)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->parameters[i].node == node && model->parameters[i].trainable)
            return true;
    return false;
}

bool fit_weights_change(const struct model *model, const struct parameter *parameter)
{
    const bool moving =
        parameter->role == PARAMETER_MOVING_MEAN || parameter->role == PARAMETER_MOVING_VARIANCE;
    return parameter->trainable || (moving && node_trains(model, parameter->node));
}

int64_t fit_weights_count(const struct model *model)
{
    int64_t count = 0;
    for (size_t i = 0; i < model->count; i++)
        if (fit_weights_change(model, &model->parameters[i]))
            count += model->parameters[i].count;
    return count;
}

void fit_weights_gather(const struct model *model, float *values)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct parameter *parameter = &model->parameters[i];
        if (!fit_weights_change(model, parameter))
            continue;
        memcpy(values, parameter->value, (size_t)parameter->count * sizeof(float));
        values += parameter->count;
    }
}

void fit_weights_scatter(const float *values, struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct parameter *parameter = &model->parameters[i];
        if (!fit_weights_change(model, parameter))
            continue;
        memcpy(parameter->value, values, (size_t)parameter->count * sizeof(float));
        values += parameter->count;
    }
}
