/* With f the mean of the map over its P places, z = f W1 + b1, h = max(z, 0) and p = softmax(h W2 +
 * b2): dp_k/dlogits = p_k (e_k - p),   dp_k/dz = (W2 of that) where z > 0,   dp_k/dmap = (W1 of
 * that) / P at every place. Sums are in double precision. Of the first, entry k is p_k times the
 * sum of the other probabilities, which keeps its digits where p_k rounds to 1. Where f begins with
 * the averages of other layers, they have their share in z, and the map has the last rows of W1. */
#include "nn/gradcam.h"

#include "base/memory.h"
#include "nn/model.h"

#include <stdlib.h>

/* The kernel or bias of a dense layer of the head. */
static const struct parameter *find_parameter(const struct model *model, int node,
                                              enum parameter_role role)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->parameters[i].node == node && model->parameters[i].role == role)
            return &model->parameters[i];
    return NULL;
}

int gradcam_head_of(const struct model *model, struct gradcam_head *head, struct error *err)
{
    const struct parameter *kernels[2] = {NULL, NULL}, *biases[2] = {NULL, NULL};
    int layers = 0;
    bool known = true;
    for (size_t i = 0; i < model->graph.count; i++) {
        if (model->graph.nodes[i].kind != NODE_DENSE)
            continue;
        if (layers < 2) {
            kernels[layers] = find_parameter(model, (int)i, PARAMETER_KERNEL);
            biases[layers] = find_parameter(model, (int)i, PARAMETER_BIAS);
            known = known && kernels[layers] != NULL && biases[layers] != NULL &&
                    kernels[layers]->rank == 2;
        }
        layers++;
    }
    if (layers < 1 || layers > 2 || !known)
        return error_set(err, ERR_USAGE,
                         "grad-cam needs a head of one or two dense layers, '%s' has %d",
                         model->architecture.name, layers);
    const struct parameter *last = kernels[layers - 1];
    const struct node *map = &model->graph.nodes[graph_last_map(&model->graph)];
    if (map->channels > kernels[0]->shape[0])
        return error_set(err, ERR_USAGE, "grad-cam needs a head on the pooled map '%s'",
                         map->output);
    *head = (struct gradcam_head){.channels = map->channels,
                                  .others = kernels[0]->shape[0] - map->channels,
                                  .classes = last->shape[1],
                                  .kernel = last->value};
    if (layers == 2) {
        head->hidden = kernels[0]->shape[1];
        head->hidden_kernel = kernels[0]->value;
        head->hidden_bias = biases[0]->value;
    }
    return 0;
}

/* inputs [in] = kernel [in,out] times outputs [out] */
static void times_kernel(const float *kernel, int64_t in, int64_t out, const double *outputs,
                         double *inputs)
{
    for (int64_t i = 0; i < in; i++) {
        double sum = 0;
        for (int64_t j = 0; j < out; j++)
            sum += (double)kernel[i * out + j] * outputs[j];
        inputs[i] = sum;
    }
}

static void pool(const float *map, int64_t places, int64_t channels, double *features)
{
    for (int64_t c = 0; c < channels; c++)
        features[c] = 0;
    for (int64_t i = 0; i < places; i++)
        for (int64_t c = 0; c < channels; c++)
            features[c] += (double)map[i * channels + c];
    for (int64_t c = 0; c < channels; c++)
        features[c] /= (double)places;
}

/* Zeroes the gradient of hidden units that the ReLU had cut. */
static void mask_hidden(const struct gradcam_head *head, const double *features, double *gradient)
{
    for (int64_t j = 0; j < head->hidden; j++) {
        double z = (double)head->hidden_bias[j];
        for (int64_t c = 0; c < head->others + head->channels; c++)
            z += features[c] * (double)head->hidden_kernel[c * head->hidden + j];
        if (z <= 0) /* a NaN is not cut */
            gradient[j] = 0;
    }
}

static void softmax_gradient(const float *probabilities, int64_t classes, int64_t class,
                             double *gradient)
{
    double top = (double)probabilities[class], others = 0;
    for (int64_t j = 0; j < classes; j++) {
        gradient[j] = -top * (double)probabilities[j];
        others += j == class ? 0 : (double)probabilities[j];
    }
    gradient[class] = top * others;
}

int gradcam_gradient(const struct gradcam_head *head, const float *map, int64_t places,
                     const float *features, const float *probabilities, int64_t class,
                     float *gradient, struct error *err)
{
    int64_t count = head->others + 2 * head->channels + head->hidden + head->classes;
    double *memory = memory_new((size_t)count, sizeof(*memory), err);
    if (memory == NULL)
        return -1;
    double *wide = memory, *channels = wide + head->others + head->channels;
    double *hidden = channels + head->channels, *logits = hidden + head->hidden;
    softmax_gradient(probabilities, head->classes, class, logits);
    if (head->hidden > 0) {
        for (int64_t c = 0; c < head->others; c++)
            wide[c] = (double)features[c];
        pool(map, places, head->channels, wide + head->others);
        times_kernel(head->kernel, head->hidden, head->classes, logits, hidden);
        mask_hidden(head, wide, hidden);
        times_kernel(head->hidden_kernel + head->others * head->hidden, head->channels,
                     head->hidden, hidden, channels);
    } else {
        times_kernel(head->kernel + head->others * head->classes, head->channels, head->classes,
                     logits, channels);
    }
    for (int64_t c = 0; c < head->channels; c++)
        gradient[c] = (float)(channels[c] / (double)places);
    free(memory);
    return 0;
}

void gradcam_heat(const float *map, int64_t places, int64_t channels, const float *gradient,
                  float *heat)
{
    for (int64_t i = 0; i < places; i++) {
        double sum = 0;
        for (int64_t c = 0; c < channels; c++)
            sum += (double)map[i * channels + c] * (double)gradient[c];
        heat[i] = sum <= 0 ? 0.0f : (float)sum; /* a NaN stays one */
    }
}

static float maximum(const float *values, int64_t count)
{
    float most = 0;
    for (int64_t i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

void gradcam_normalise(float *heat, int64_t places)
{
    float scale = maximum(heat, places) + 1e-8f;
    for (int64_t i = 0; i < places; i++)
        heat[i] /= scale;
}

void gradcam_to_bytes(const float *heat, int64_t places, uint8_t *bytes)
{
    for (int64_t i = 0; i < places; i++) {
        float value = 255.0f * heat[i];
        bytes[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

bool gradcam_hottest(const float *heat, int64_t height, int64_t width, int64_t rows,
                     int64_t columns, int64_t *y, int64_t *x)
{
    int64_t at = 0;
    for (int64_t i = 1; i < height * width; i++)
        at = heat[i] > heat[at] ? i : at;
    if (!(heat[at] > 0))
        return false;
    *y = (2 * (at / width) + 1) * rows / (2 * height);
    *x = (2 * (at % width) + 1) * columns / (2 * width);
    return true;
}
