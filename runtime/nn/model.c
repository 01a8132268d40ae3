#include "nn/model.h"

#include "base/memory.h"
#include "base/philox.h"
#include "nn/elementary.h"

#include <math.h>
#include <string.h>

static const char *const role_names[] = {
    [PARAMETER_KERNEL] = "kernel",
    [PARAMETER_BIAS] = "bias",
    [PARAMETER_GAMMA] = "gamma",
    [PARAMETER_BETA] = "beta",
    [PARAMETER_MOVING_MEAN] = "moving_mean",
    [PARAMETER_MOVING_VARIANCE] = "moving_variance",
};

/* Uniform in [-limit, limit): Glorot and Bengio 2010, as Keras' glorot_uniform. */
static void draw_glorot(struct parameter *parameter, uint32_t seed, uint32_t index, double fan_in,
                        double fan_out)
{
    float limit = (float)sqrt(6.0 / (fan_in + fan_out));
    for (int64_t i = 0; i < parameter->count; i++) {
        struct philox block = philox_at(seed, RANDOM_INIT, index, 0, (uint32_t)i);
        parameter->value[i] = (2.0f * philox_uniform(block.words[0]) - 1.0f) * limit;
    }
}

/* Standard normal, truncated at 2 deviations: x uniform in [-2, 2) is kept with probability
 * exp(-x^2 / 2). `attempt` numbers the blocks of one element. */
static float truncated_normal(uint32_t seed, uint32_t index, uint32_t element)
{
    for (uint32_t attempt = 0;; attempt++) {
        struct philox block = philox_at(seed, RANDOM_INIT, index, attempt, element);
        for (int i = 0; i < 4; i += 2) {
            double x = 4.0 * (double)philox_uniform(block.words[i]) - 2.0;
            if ((double)philox_uniform(block.words[i + 1]) < elementary_exp(-0.5 * x * x))
                return (float)x;
        }
    }
}

/* He et al. 2015 (arXiv 1502.01852) as Keras' he_normal: the truncated normal has deviation
 * 0.8796..., which is divided out. */
static void draw_he(struct parameter *parameter, uint32_t seed, uint32_t index, double fan_in)
{
    float scale = (float)(sqrt(2.0 / fan_in) / 0.87962566103423978);
    for (int64_t i = 0; i < parameter->count; i++)
        parameter->value[i] = truncated_normal(seed, index, (uint32_t)i) * scale;
}

static void draw_kernel(struct parameter *parameter, const struct node *node, uint32_t seed,
                        uint32_t index)
{
    double in = (double)(parameter->count / node->channels);
    if (node->kind == NODE_DENSE)
        draw_glorot(parameter, seed, index, in, (double)node->channels);
    else
        draw_he(parameter, seed, index, in); /* places times channels that one output sees */
}

static void draw(struct model *model, uint32_t seed)
{
    for (size_t p = 0; p < model->count; p++) {
        struct parameter *parameter = &model->parameters[p];
        if (parameter->role == PARAMETER_KERNEL)
            draw_kernel(parameter, &model->graph.nodes[parameter->node], seed, (uint32_t)p);
        bool one =
            parameter->role == PARAMETER_GAMMA || parameter->role == PARAMETER_MOVING_VARIANCE;
        for (int64_t i = 0; one && i < parameter->count; i++)
            parameter->value[i] = 1.0f;
    }
}

static void set_kernel_shape(struct parameter *parameter, const struct node *node, int64_t inputs)
{
    if (node->kind == NODE_DENSE) {
        parameter->rank = 2;
        parameter->shape[0] = inputs;
        parameter->shape[1] = node->channels;
        return;
    }
    bool depthwise = node->groups > 1;
    ASSERT(!depthwise || node->groups == node->channels);
    parameter->rank = 4;
    parameter->shape[0] = parameter->shape[1] = node->kernel;
    parameter->shape[2] = depthwise ? node->channels : inputs;
    parameter->shape[3] = depthwise ? 1 : node->channels;
}

static int add_parameter(struct model *model, size_t *capacity, int index, enum parameter_role role,
                         struct error *err)
{
    const struct node *node = &model->graph.nodes[index];
    struct parameter parameter = {.role = role, .node = index, .rank = 1, .trainable = node->head};
    const char *layer = role >= PARAMETER_GAMMA ? node->norm : node->name;
    const char *prefix = role == PARAMETER_KERNEL && node->groups > 1 ? "depthwise_" : "";
    snprintf(parameter.name, sizeof parameter.name, "%s/%s%s", layer, prefix, role_names[role]);
    parameter.shape[0] = node->channels;
    if (role == PARAMETER_KERNEL)
        set_kernel_shape(&parameter, node, model->graph.nodes[node->input].channels);
    size_t count = 1;
    for (int i = 0; i < parameter.rank; i++)
        if (!memory_multiply(count, (size_t)parameter.shape[i], &count) || count > UINT32_MAX)
            return error_set(err, ERR_USAGE, "parameter '%s' is too large", parameter.name);
    parameter.count = (int64_t)count;
    if (memory_grow(&model->parameters, capacity, model->count + 1, sizeof parameter, err))
        return -1;
    parameter.value = memory_new(count, sizeof *parameter.value, err);
    if (!parameter.value)
        return -1;
    model->parameters[model->count++] = parameter;
    return 0;
}

static int add_parameters(struct model *model, struct error *err)
{
    size_t capacity = 0;
    for (size_t i = 0; i < model->graph.count; i++) {
        const struct node *node = &model->graph.nodes[i];
        if (node->kind != NODE_CONV && node->kind != NODE_DENSE)
            continue;
        for (int role = PARAMETER_KERNEL; role <= PARAMETER_MOVING_VARIANCE; role++) {
            bool there = role == PARAMETER_KERNEL || (role == PARAMETER_BIAS && node->bias) ||
                         (role >= PARAMETER_GAMMA && node->norm[0]);
            if (there && add_parameter(model, &capacity, (int)i, (enum parameter_role)role, err))
                return -1;
        }
    }
    return 0;
}

int model_new_blank(const struct architecture *architecture, const struct preprocess *preprocess,
                    struct model **model, struct error *err)
{
    struct model *made = memory_new(1, sizeof *made, err);
    if (!made)
        return -1;
    made->architecture = *architecture;
    made->preprocess = *preprocess;
    if (graph_build(architecture, &made->graph, err) || add_parameters(made, err)) {
        model_free(made);
        return -1;
    }
    *model = made;
    return 0;
}

int model_new(const struct architecture *architecture, const struct preprocess *preprocess,
              uint32_t seed, struct model **model, struct error *err)
{
    if (model_new_blank(architecture, preprocess, model, err))
        return -1;
    draw(*model, seed);
    return 0;
}

static void free_names(char **names, int64_t count)
{
    for (int64_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

int model_name_classes(struct model *model, const char *const *names, struct error *err)
{
    const int64_t count = model->architecture.classes;
    char **made = memory_new((size_t)count, sizeof *made, err);
    if (!made)
        return -1;
    for (int64_t i = 0; i < count; i++)
        if (!(made[i] = memory_copy_text(names[i], err))) {
            free_names(made, count);
            return -1;
        }
    free_names(model->class_names, count);
    model->class_names = made;
    return 0;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    free_names(model->class_names, model->architecture.classes);
    free(model->trained_on);
    for (size_t i = 0; i < model->count; i++)
        free(model->parameters[i].value);
    free(model->parameters);
    graph_release(&model->graph);
    free(model);
}

/* Does the layer in "<layer>/<variable>" contain the pattern? */
static bool layer_matches(const char *name, const char *pattern)
{
    return memmem(name, strcspn(name, "/"), pattern, strlen(pattern)) != NULL;
}

static bool matches_a_layer(const struct model *model, const char *pattern)
{
    for (size_t p = 0; p < model->count; p++)
        if (!model->graph.nodes[model->parameters[p].node].head &&
            layer_matches(model->parameters[p].name, pattern))
            return true;
    return false;
}

int model_set_trainable(struct model *model, const char *const *patterns, size_t count,
                        struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!matches_a_layer(model, patterns[i]))
            return error_set(err, ERR_USAGE, "no layer of '%s' has '%s' in its name",
                             model->architecture.name, patterns[i]);
    for (size_t p = 0; p < model->count; p++) {
        struct parameter *parameter = &model->parameters[p];
        bool trainable = model->graph.nodes[parameter->node].head;
        for (size_t i = 0; i < count; i++)
            trainable = trainable || layer_matches(parameter->name, patterns[i]);
        parameter->trainable = trainable && parameter->role < PARAMETER_MOVING_MEAN;
    }
    return 0;
}

void model_count(const struct model *model, int64_t *trainable, int64_t *frozen)
{
    *trainable = *frozen = 0;
    for (size_t p = 0; p < model->count; p++)
        *(model->parameters[p].trainable ? trainable : frozen) += model->parameters[p].count;
}
