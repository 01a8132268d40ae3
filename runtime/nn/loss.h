/* Softmax cross-entropy from logits. Compiles for host and device.
 *
 * Keras' fit and evaluate compute it so although the model ends in softmax, and
 * then clip no probability: seen with 3.12, where a logit that is 200 too high
 * costs 200 and not -log(1e-7).
 *
 * Rounded to f32, what elementary.h gives agrees with correctly rounded
 * functions except in rare cases.
 */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "nn/elementary.h"

#include <stddef.h>
#include <stdint.h>

/* One image: logits, targets [classes] -> loss, and where not NULL probabilities [classes] and
 * dlogits = (softmax - target) * scale. A class with target 0 does not count, whatever its logit.
 */
static inline HOST_DEVICE void loss_image(int64_t classes, const float *logits,
                                          const float *targets, float scale, float *loss,
                                          float *probabilities, float *dlogits)
{
    float largest = logits[0];
    for (int64_t j = 1; j < classes; j++)
        largest = logits[j] > largest ? logits[j] : largest;
    double sum = 0.0, total = 0.0;
    for (int64_t j = 0; j < classes; j++)
        sum += elementary_exp((double)logits[j] - (double)largest);
    double log_sum = elementary_log(sum);
    for (int64_t j = 0; j < classes; j++) {
        double z = (double)logits[j] - (double)largest;
        if (targets[j] != 0.0f || z != z)
            total += (double)targets[j] * (log_sum - z);
        if (probabilities == NULL && dlogits == NULL)
            continue;
        float p = (float)(elementary_exp(z) / sum);
        if (probabilities != NULL)
            probabilities[j] = p;
        if (dlogits != NULL)
            dlogits[j] = (p - targets[j]) * scale;
    }
    *loss = (float)total;
}

#endif
