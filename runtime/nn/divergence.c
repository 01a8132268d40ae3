#include "nn/divergence.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/reach.h"
#include "nn/weight_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 8 };

/* Whether the node's output on the images is finite. */
static int look_at(struct network *network, const struct node *node, int index,
                   const struct feed *feed, const int64_t *samples, int64_t n, bool *finite,
                   struct error *err)
{
    const int64_t count = n * node->height * node->width * node->channels;
    struct batch_result ignored;
    float *map = memory_new((size_t)count, sizeof(*map), err);
    int result = map == NULL ? -1
                             : network_infer(network, feed, samples, n, NULL, NULL, index, map,
                                             &ignored, err);
    *finite = result == 0 && isfinite(reach_largest(count, map));
    free(map);
    return result;
}

/* One layer after the other: a ReLU6 can make a bad output a good one. */
static int find_output(struct network *network, const struct model *model, const struct feed *feed,
                       const int64_t *samples, int64_t n, struct text *said, struct error *err)
{
    const struct graph *graph = &model->graph;
    for (size_t i = 1; i < graph->count; i++) {
        bool finite = false;
        if (look_at(network, &graph->nodes[i], (int)i, feed, samples, n < IMAGES ? n : IMAGES,
                    &finite, err) < 0)
            return -1;
        if (!finite) {
            text_addf(said, "output of layer '%s'", graph->nodes[i].name);
            return 0;
        }
    }
    text_add(said, "none of its weights and no output of a layer in inference mode");
    return 0;
}

static int find_bad(struct network *network, struct model *model, const struct feed *feed,
                    const int64_t *samples, int64_t n, struct text *said, struct error *err)
{
    const struct weight_check check = {.large_pass = model->large_pass};
    struct error bad;
    if (network_store(network, model, err) < 0)
        return -1;
    if (weight_check_model(&check, model, &bad) < 0) {
        text_add(said, bad.message);
        return 0;
    }
    return find_output(network, model, feed, samples, n, said, err);
}

static void say_checkpoint(const struct divergence *d, struct text *said)
{
    if (d->saved_epoch < 0)
        text_add(said, "there is no good checkpoint yet");
    else if (d->saved_step == 0)
        text_addf(said, "the last good checkpoint is that after epoch %lld",
                  (long long)d->saved_epoch);
    else
        text_addf(said, "the last good checkpoint is that in epoch %lld after step %lld",
                  (long long)d->saved_epoch + 1, (long long)d->saved_step);
}

int divergence_tell(const struct divergence *divergence, struct network *network,
                    struct model *model, const struct feed *feed, const int64_t *samples, int64_t n,
                    struct error *err)
{
    const struct divergence *d = divergence;
    struct text bad = {0}, checkpoint = {0};
    int result = find_bad(network, model, feed, samples, n, &bad, err);
    say_checkpoint(d, &checkpoint);
    if (result == 0)
        result = text_check(&bad, err) < 0 ? -1 : text_check(&checkpoint, err);
    if (result == 0)
        error_set(err, ERR_STAGE,
                  "training stopped in epoch %lld, step %lld of %lld: %s is %g; first that is bad: "
                  "%s; learning rate %g; %s; try a lower learning rate (%g), fewer trainable "
                  "layers, or train.preflight: stop for the input; nothing is stored",
                  (long long)d->epoch, (long long)d->step, (long long)d->steps, d->what,
                  isnan(d->value) ? (double)NAN : d->value, /* not -nan */
                  text_string(&bad), d->learning_rate, text_string(&checkpoint),
                  d->learning_rate / 10);
    text_release(&bad);
    text_release(&checkpoint);
    return -1;
}
