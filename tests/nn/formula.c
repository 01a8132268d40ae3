#include "formula.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t name_hash(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static double unit(uint32_t hash, size_t index)
{
    uint32_t x = hash + (uint32_t)index * 2654435761u; /* then the finaliser of MurmurHash3 */
    x ^= x >> 16;
    x *= 0x85ebca6bu;
    x ^= x >> 13;
    x *= 0xc2b2ae35u;
    x ^= x >> 16;
    return (double)(x >> 8) * 0x1p-23 - 1.0;
}

double formula_unit(const char *name, size_t index)
{
    return unit(name_hash(name), index);
}

void formula_fill(struct model *model)
{
    for (size_t p = 0; p < model->count; p++) {
        struct parameter *parameter = &model->parameters[p];
        const struct node *node = &model->graph.nodes[parameter->node];
        uint32_t hash = name_hash(parameter->name);
        double offset = 0.0, scale = 0.1;
        if (parameter->role == PARAMETER_KERNEL)
            scale = sqrt(6.0 / (double)(parameter->count / node->channels));
        if (parameter->role == PARAMETER_GAMMA || parameter->role == PARAMETER_MOVING_VARIANCE) {
            offset = 1.0;
            scale = parameter->role == PARAMETER_GAMMA ? 0.2 : 0.3;
        }
        for (int64_t i = 0; i < parameter->count; i++)
            parameter->value[i] = (float)(offset + scale * unit(hash, (size_t)i));
    }
}

void formula_name(struct architecture *architecture, const char *name)
{
    struct error err = {0};
    size_t length = strcspn(name, "+");
    snprintf(architecture->name, sizeof architecture->name, "%.*s", (int)length, name);
    for (name += length; *name == '+'; name += 1 + length) {
        char layer[NODE_NAME_SIZE];
        length = strcspn(name + 1, "+");
        snprintf(layer, sizeof layer, "%.*s", (int)length, name + 1);
        if (architecture_pool(architecture, layer, &err))
            fail_msg("%s", err.message);
    }
}

struct model *formula_model(const char *name, int64_t size, int64_t classes, int64_t hidden,
                            double dropout)
{
    struct architecture architecture = {
        .image_size = size, .classes = classes, .hidden = hidden, .dropout = dropout};
    struct preprocess preprocess = {PREPROCESS_UNIT, 255};
    struct model *model;
    struct error err = {0};
    formula_name(&architecture, name);
    architecture.alpha = strcmp(architecture.name, "mobilenet") == 0 ? 0.25 : 1.0;
    if (model_new_blank(&architecture, &preprocess, &model, &err))
        fail_msg("%s", err.message);
    formula_fill(model);
    return model;
}

void formula_pictures(struct pictures *pictures, int64_t count, int64_t size, int64_t classes)
{
    size_t bytes = (size_t)(count * size * size * 3);
    uint32_t hash = name_hash("pixels");
    *pictures = (struct pictures){0};
    pictures->images = malloc(bytes);
    pictures->labels = malloc((size_t)count * sizeof(*pictures->labels));
    pictures->samples = malloc((size_t)count * sizeof *pictures->samples);
    assert_true(pictures->images && pictures->labels && pictures->samples);
    for (size_t i = 0; i < bytes; i++)
        pictures->images[i] = (uint8_t)((unit(hash, i) + 1.0) * 128.0);
    for (int64_t i = 0; i < count; i++) {
        pictures->labels[i] = (uint16_t)(i % classes);
        pictures->samples[i] = i;
    }
    pictures->feed = (struct feed){.images = pictures->images,
                                   .labels = pictures->labels,
                                   .count = count,
                                   .height = size,
                                   .width = size,
                                   .classes = classes,
                                   .image_size = size,
                                   .preprocess = {PREPROCESS_UNIT, 255},
                                   .seed = 1};
}

void formula_release(struct pictures *pictures)
{
    free(pictures->images);
    free(pictures->labels);
    free(pictures->samples);
}

void formula_summary(const float *values, size_t count, double *norm, double *probe)
{
    uint32_t hash = name_hash("probe");
    *norm = *probe = 0.0;
    for (size_t i = 0; i < count; i++) {
        *norm += (double)values[i] * (double)values[i];
        *probe += (double)values[i] * unit(hash, i);
    }
    *norm = sqrt(*norm);
}
