#include "gradcam/gradcam_explain.h"

#include "base/memory.h"
#include "model_use.h"
#include "nn/reach.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 32 };

/* The same network fed alike: only the order of sums may differ between devices. */
static const float TOLERANCE = 1e-3f;

int64_t explainer_predicted(const struct explainer *explainer, int64_t sample)
{
    return network_argmax(explainer->predictions + sample * explainer->classes, explainer->classes);
}

int explainer_open(struct explainer *explainer, struct stage *stage, const char *model_path,
                   const struct dataset *dataset, const float *predictions,
                   const struct weight_check *check, bool raw_pixels, struct error *err)
{
    struct explainer made = {.dataset = dataset,
                             .predictions = predictions,
                             .classes = dataset->class_count,
                             .own_preprocessing = !raw_pixels,
                             .compares = !raw_pixels};
    if (model_read(model_path, check, &made.model, err) < 0)
        return -1;
    if (model_use_feed(made.model, dataset, TEST_HALF, &made.feed, err) < 0 ||
        gradcam_head_of(made.model, &made.head, err) < 0)
        goto failed;
    made.map_node = graph_last_map(&made.model->graph);
    const struct node *node = &made.model->graph.nodes[made.map_node];
    made.height = node->height;
    made.width = node->width;
    made.channels = node->channels;
    if (raw_pixels)
        made.feed.preprocess = (struct preprocess){PREPROCESS_NONE, 1};
    if (model_use_device(stage, &made.device, err) < 0 ||
        model_use_network(stage, made.model, made.device, &made.feed, &made.network, err) < 0)
        goto failed;
    *explainer = made;
    return 0;
failed:
    explainer_close(&made);
    return -1;
}

void explainer_close(struct explainer *explainer)
{
    network_free(explainer->network);
    device_close(explainer->device);
    model_free(explainer->model);
    *explainer = (struct explainer){0};
}

/* Counts the pass; with the model's own preprocessing it must give what was recorded. */
static int compare(struct explainer *explainer, int64_t sample, const float *probabilities,
                   struct error *err)
{
    const float *recorded = explainer->predictions + sample * explainer->classes;
    int64_t now = network_argmax(probabilities, explainer->classes);
    int64_t then = network_argmax(recorded, explainer->classes);
    explainer->passes++;
    explainer->agreeing += now == then;
    if (!explainer->compares)
        return 0;
    for (int64_t k = 0; k < explainer->classes; k++)
        if (!(fabsf(probabilities[k] - recorded[k]) <= TOLERANCE))
            return error_set(
                err, ERR_STAGE,
                "test image %lld: grad-cam's pass gives '%s' a probability of %.4f, the "
                "predictions say %.4f: both must be fed by the same model and preprocessing",
                (long long)sample, explainer->dataset->classes[k], (double)probabilities[k],
                (double)recorded[k]);
    return 0;
}

/* Working memory for a batch of n <= BATCH. */
struct passes {
    float *maps;          /* [n,height,width,channels] */
    float *features;      /* [n,others + channels] */
    float *probabilities; /* [n,classes] */
    float *gradient;      /* [channels] */
};

static int explain_batch(struct explainer *explainer, const int64_t *samples, int64_t n,
                         const struct passes *passes, float *heats, struct error *err)
{
    struct batch_result result;
    const struct gradcam_head *head = &explainer->head;
    const int64_t places = explainer->height * explainer->width;
    const int64_t features = head->others + head->channels;
    const struct network_tap taps[] = {
        {explainer->map_node, passes->maps},
        {graph_features(&explainer->model->graph), passes->features}};
    float *gradient = passes->gradient;
    if (network_infer_taps(explainer->network, &explainer->feed, samples, n, NULL,
                           passes->probabilities, taps, head->others > 0 ? 2 : 1, &result, err) < 0)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        const float *map = passes->maps + i * places * explainer->channels;
        const float *p = passes->probabilities + i * explainer->classes;
        if (compare(explainer, samples[i], p, err) < 0 ||
            gradcam_gradient(head, map, places, passes->features + i * features, p,
                             network_argmax(p, explainer->classes), gradient, err) < 0)
            return -1;
        gradcam_heat(map, places, explainer->channels, gradient, heats + i * places);
        if (!isfinite(reach_largest(places, heats + i * places)))
            return error_set(err, ERR_STAGE,
                             "test image %lld: its heat map is not finite, though the model's "
                             "weights are; the model is one of a training that diverged",
                             (long long)samples[i]);
    }
    return 0;
}

int explainer_run(struct explainer *explainer, struct stage *stage, const int64_t *samples,
                  int64_t count, float *heats, struct error *err)
{
    const int64_t places = explainer->height * explainer->width;
    const size_t features = (size_t)(explainer->head.others + explainer->head.channels);
    struct passes passes = {
        .maps =
            memory_new_aligned(BATCH, (size_t)(places * explainer->channels) * sizeof(float), err),
        .features = memory_new_aligned(BATCH, features * sizeof(float), err),
        .probabilities = memory_new(BATCH, (size_t)explainer->classes * sizeof(float), err),
        .gradient = memory_new((size_t)explainer->channels, sizeof(float), err),
    };
    int result = passes.maps && passes.features && passes.probabilities && passes.gradient ? 0 : -1;
    for (int64_t i = 0; result == 0 && i < count; i += BATCH) {
        int64_t n = count - i < BATCH ? count - i : BATCH;
        result = explain_batch(explainer, samples + i, n, &passes, heats + i * places, err);
        stage_progress(stage, "grad-cam", i + n, count, "image");
        if (result == 0 && stage_stop_requested())
            result = stage_interrupted(err);
    }
    free(passes.maps);
    free(passes.features);
    free(passes.probabilities);
    free(passes.gradient);
    return result;
}
