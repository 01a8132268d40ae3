/* The loss, and dropout. */
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"
#include "nn/dropout.h"
#include "nn/loss.h"

/* Of a warp: the first of the largest scores, as network_argmax has it (a NaN wins only where it is
 * the first). */
static __device__ int64_t warp_argmax(const float *scores, int64_t count)
{
    int64_t best = 0;
    float most = scores[0];
    for (int64_t i = threadIdx.x; i < count; i += FULL_WARP)
        if (scores[i] > most)
            most = scores[i], best = i;
    for (int d = FULL_WARP / 2; d > 0; d /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, most, d);
        const int64_t at = __shfl_xor_sync(0xffffffffu, best, d);
        if (other > most || (other == most && at < best))
            most = other, best = at;
    }
    return best;
}

/* loss_image() by a warp: what takes time, the exponentials, by all lanes; the sums by one of them
 * in the order of classes, so that bits are the same. terms [classes] is shared. */
static __device__ void warp_loss(int64_t classes, const float *logits, const float *targets,
                                 float scale, double *terms, float *loss, float *probabilities,
                                 float *dlogits)
{
    SHARED(double, sums, 1);
    const float largest = logits[warp_argmax(logits, classes)];
    for (int64_t j = threadIdx.x; j < classes; j += FULL_WARP)
        terms[j] = elementary_exp((double)logits[j] - (double)largest);
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = 0.0;
        for (int64_t j = 0; j < classes; j++)
            sum += terms[j];
        sums[0] = sum;
    }
    __syncthreads();
    const double sum = sums[0], log_sum = elementary_log(sum);
    for (int64_t j = threadIdx.x; j < classes; j += FULL_WARP) {
        const float p = (float)(terms[j] / sum);
        if (probabilities != NULL)
            probabilities[j] = p;
        if (dlogits != NULL)
            dlogits[j] = (p - targets[j]) * scale;
        terms[j] = (double)targets[j] * (log_sum - ((double)logits[j] - (double)largest));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        double total = 0.0;
        for (int64_t j = 0; j < classes; j++) {
            const double z = (double)logits[j] - (double)largest;
            if (targets[j] != 0.0f || z != z)
                total += terms[j];
        }
        *loss = (float)total;
    }
}

struct loss_buffers {
    const float *logits, *targets, *class_weights;
    float *losses, *probabilities, *dlogits;
    uint16_t *narrow; /* in place of dlogits, or NULL */
    int32_t *hits;
};

/* A warp an image. Shared: terms [classes], and for bf16 the gradient [classes] before it is
 * rounded. */
__global__ void lose(const struct step_scalars *scalars, int64_t classes, struct loss_buffers b)
{
    SHARED_DYNAMIC(double, terms);
    const int64_t at = blockIdx.x * classes;
    const float *logits = b.logits + at, *targets = b.targets + at;
    float *probabilities = b.probabilities == NULL ? NULL : b.probabilities + at;
    float *wide = b.narrow != NULL    ? (float *)(terms + classes)
                  : b.dlogits != NULL ? b.dlogits + at
                                      : NULL;
    float scale = scalars == NULL ? 1.0f : scalars->scale, weight = 1.0f, loss = 0.0f;
    const int64_t target = warp_argmax(targets, classes), likely = warp_argmax(logits, classes);
    if (b.class_weights != NULL) {
        weight = b.class_weights[target];
        scale *= weight;
    }
    warp_loss(classes, logits, targets, scale, terms, &loss, probabilities, wide);
    __syncthreads();
    for (int64_t j = threadIdx.x; b.narrow != NULL && j < classes; j += FULL_WARP)
        b.narrow[at + j] = bf16_from_f32(wide[j]);
    if (threadIdx.x > 0)
        return;
    b.losses[blockIdx.x] = b.class_weights != NULL ? loss * weight : loss;
    b.hits[blockIdx.x] = target == likely;
}

__global__ void sum_losses(struct step_scalars *scalars, int64_t n, const float *losses,
                           const int32_t *hits, struct batch_result *results)
{
    struct batch_result *result = results + (scalars == NULL ? 0 : scalars->index);
    if (scalars != NULL && scalars->stopped)
        return;
    double loss = result->loss;
    int64_t count = result->hits;
    for (int64_t i = 0; i < n; i++) {
        loss += (double)losses[i];
        count += hits[i];
    }
    result->loss = loss;
    result->hits = count;
    if (scalars != NULL && !(loss - loss == 0.0))
        scalars->stopped = STOPPED_BY_LOSS;
}

/* A thread the 4 elements of a block of random words. */
template <class T>
__global__ void drop(const struct step_scalars *scalars, const int64_t *samples, uint32_t seed,
                     uint32_t layer, float rate, int64_t n, int64_t c, const T *x, T *y)
{
    const int64_t fours = divide_up(c, 4), first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64_t i = first; i < n * fours; i += (int64_t)gridDim.x * blockDim.x) {
        const int64_t image = i / fours, j = i % fours * 4;
        const struct philox words =
            dropout_block(seed, (uint32_t)scalars->step, samples[scalars->position + image], layer,
                          (uint32_t)(j / 4));
        for (int k = 0; k < 4 && j + k < c; k++) {
            const float value = to_f32(x[image * c + j + k]);
            from_f32(value * dropout_factor(words.words[k], rate), &y[image * c + j + k]);
        }
    }
}

extern "C" {

void kernel_loss(void *stream, const struct step_scalars *scalars, int64_t n, int64_t classes,
                 const float *logits, const float *targets, const float *class_weights,
                 float *losses, int32_t *hits, float *probabilities, enum dtype dtype,
                 void *dlogits)
{
    const bool narrow = dtype == DTYPE_BF16 && dlogits != NULL;
    const size_t all = (size_t)classes * (sizeof(double) + (narrow ? sizeof(float) : 0));
    const struct loss_buffers buffers = {logits,
                                         targets,
                                         class_weights,
                                         losses,
                                         probabilities,
                                         narrow ? NULL : (float *)dlogits,
                                         narrow ? (uint16_t *)dlogits : NULL,
                                         hits};
    /* Of many classes; what a card has without being asked is 48 KiB, and 10,000 take 120,000. */
    if (all > (size_t)48 << 10)
        SHARED_LIMIT(lose, all);
    LAUNCH(lose, dim3((unsigned)n), dim3(FULL_WARP), all, stream, scalars, classes, buffers);
}

void kernel_loss_sums(void *stream, struct step_scalars *scalars, int64_t n, const float *losses,
                      const int32_t *hits, struct batch_result *results)
{
    LAUNCH(sum_losses, dim3(1), dim3(1), 0, stream, scalars, n, losses, hits, results);
}

void kernel_dropout(void *stream, enum dtype dtype, const struct step_scalars *scalars,
                    const int64_t *samples, uint32_t seed, uint32_t layer, float rate, int64_t n,
                    int64_t c, const void *x, void *y)
{
    BY_DTYPE(dtype,
             LAUNCH((drop<T>), dim3(blocks_for(n * divide_up(c, 4))), dim3(THREADS), 0, stream,
                    scalars, samples, seed, layer, rate, n, c, (const T *)x, (T *)y));
}

} /* extern "C" */
