/* Weights, moments and averages between the model and the card. On the card all of them lie in
 * vectors in which each parameter begins at a multiple of 64 floats, as cuDNN wants its operands
 * aligned; what lies between is 0 and stays so under every optimizer. */
#include "base/memory.h"
#include "base/text.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; /* floats */

int cuda_place_parameters(struct executor *e, struct error *err)
{
    const struct model *model = e->model;
    size_t next = 0;
    e->trains = memory_new(model->count, sizeof *e->trains, err);
    e->parameter = memory_new(model->graph.count, sizeof *e->parameter, err);
    e->offsets = memory_new(model->count, sizeof *e->offsets, err);
    if (!e->trains || !e->parameter || !e->offsets)
        return -1;
    for (size_t i = 0; i < model->graph.count; i++)
        for (int role = 0; role < CUDA_ROLES; role++)
            e->parameter[i][role] = -1;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t p = 0; p < model->count; p++) {
            const struct parameter *parameter = &model->parameters[p];
            e->trains[p] = parameter->trainable && e->options.batch > 0;
            e->parameter[parameter->node][parameter->role] = (int)p;
            if (e->trains[p] != (pass == 0))
                continue;
            e->offsets[p] = next;
            next += ((size_t)parameter->count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
        if (pass == 0)
            e->trained_floats = next;
    }
    e->all_floats = next;
    return 0;
}

float *cuda_value(const struct executor *e, int node, enum parameter_role role)
{
    const int index = e->parameter[node][role];
    return index < 0 ? NULL : e->weights + e->offsets[index];
}

float *cuda_gradient_of(const struct executor *e, int node, enum parameter_role role)
{
    const int index = e->parameter[node][role];
    return index < 0 || !e->trains[index] ? NULL : e->gradient + e->offsets[index];
}

/* ---- vectors ---- */

static int upload(struct executor *e, float *to, const float *host, size_t floats,
                  struct error *err)
{
    struct card *card = e->card;
    const int status = card_upload(card, e->main.stream, to, host, floats * sizeof(float), err);
    return card_wait(card, e->main.stream, status ? &(struct error){0} : err) || status ? -1 : 0;
}

static float *download(const struct executor *e, const float *from, size_t floats,
                       struct error *err)
{
    struct card *card = e->card;
    float *host = memory_new(floats, sizeof *host, err);
    if (!host)
        return NULL;
    if (card_download(card, e->main.stream, host, from, floats * sizeof(float), err) ||
        card_wait(card, e->main.stream, err)) {
        free(host);
        return NULL;
    }
    return host;
}

int cuda_load(struct executor *e, const struct model *model, struct error *err)
{
    float *all = memory_new(e->all_floats, sizeof *all, err);
    if (!all)
        return -1;
    for (size_t p = 0; p < model->count; p++)
        memcpy(all + e->offsets[p], model->parameters[p].value,
               (size_t)model->parameters[p].count * sizeof *all);
    const int status = upload(e, e->weights, all, e->all_floats, err);
    free(all);
    e->frozen_version = ++e->version;
    cuda_forget(e);
    return status || cuda_guard_load(e, model, err) ? -1 : 0;
}

/* A model names the card, the libraries and the engines that its bits depend on. */
static int sign(const struct executor *e, struct model *model, struct error *err)
{
    struct text words = {0};
    char *made = cuda_describe(e, &words, err) ? NULL : memory_copy_text(text_string(&words), err);
    text_release(&words);
    if (!made)
        return -1;
    free(model->trained_on);
    model->trained_on = made;
    return 0;
}

int cuda_store(struct executor *e, struct model *model, struct error *err)
{
    float *all = download(e, e->weights, e->all_floats, err);
    if (!all)
        return -1;
    for (size_t p = 0; p < model->count; p++)
        memcpy(model->parameters[p].value, all + e->offsets[p],
               (size_t)model->parameters[p].count * sizeof *all);
    free(all);
    return sign(e, model, err);
}

/* What trains of a vector of the card [trained_floats], one parameter behind the other. */
static int get(const struct executor *e, const float *vector, float *values, struct error *err)
{
    float *all = download(e, vector, e->trained_floats, err);
    if (!all)
        return -1;
    for (size_t p = 0; p < e->model->count; p++) {
        const size_t count = (size_t)e->model->parameters[p].count;
        if (!e->trains[p])
            continue;
        memcpy(values, all + e->offsets[p], count * sizeof *all);
        values += count;
    }
    free(all);
    return 0;
}

static int set(struct executor *e, float *vector, const float *values, struct error *err)
{
    float *all = memory_new(e->trained_floats, sizeof *all, err);
    if (!all)
        return -1;
    for (size_t p = 0; p < e->model->count; p++) {
        const size_t count = (size_t)e->model->parameters[p].count;
        if (!e->trains[p])
            continue;
        memcpy(all + e->offsets[p], values, count * sizeof *all);
        values += count;
    }
    const int status = upload(e, vector, all, e->trained_floats, err);
    free(all);
    return status;
}

int cuda_get_moments(struct executor *e, float *m, float *v, struct error *err)
{
    return e->shard == 0 ? 0 : get(e, e->m, m, err) || get(e, e->v, v, err) ? -1 : 0;
}

int cuda_set_moments(struct executor *e, const float *m, const float *v, struct error *err)
{
    return e->shard == 0 ? 0 : set(e, e->m, m, err) || set(e, e->v, v, err) ? -1 : 0;
}

int cuda_get_averages(struct executor *e, float *averages, struct error *err)
{
    return e->averages ? get(e, e->averages, averages, err) : 0;
}

int cuda_set_averages(struct executor *e, const float *averages, struct error *err)
{
    return e->averages ? set(e, e->averages, averages, err) : 0;
}

int cuda_swap_averages(struct executor *e, struct error *err)
{
    const size_t bytes = e->trained_floats * sizeof(float);
    void *stream = e->main.stream;
    if (!e->averages)
        return 0;
    e->version++;
    /* The gradient is made anew in every step. */
    return card_copy(e->card, stream, e->gradient, e->weights, bytes, err) ||
                   card_copy(e->card, stream, e->weights, e->averages, bytes, err) ||
                   card_copy(e->card, stream, e->averages, e->gradient, bytes, err) ||
                   card_wait(e->card, stream, err)
               ? -1
               : 0;
}

int cuda_download_gradient(struct executor *e, float *const *gradients, struct error *err)
{
    float *all = download(e, e->gradient, e->trained_floats, err);
    if (!all)
        return -1;
    for (size_t p = 0; p < e->model->count; p++)
        if (gradients[p] && e->trains[p])
            memcpy(gradients[p], all + e->offsets[p],
                   (size_t)e->model->parameters[p].count * sizeof *all);
    free(all);
    return 0;
}

int cuda_set_optimizer(struct executor *e, const struct optimizer *optimizer, struct error *err)
{
    e->optimizer = *optimizer;
    cuda_release_graphs(e); /* which have the last one's kernels */
    if (!optimizer->averages || e->averages)
        return 0;
    const size_t bytes = e->trained_floats * sizeof(float);
    if (card_memory_new(e->card, bytes, &e->averages_memory, err))
        return -1;
    e->averages = e->averages_memory;
    return card_zero(e->card, e->main.stream, e->averages, bytes, err);
}
