#include "nn/cuda/cuda_device.h"

#include "base/memory.h"
#include "base/uses.h"
#include "nn/cuda/card.h"
#include "nn/cuda/cuda_executor.h"

#include <stdlib.h>

struct cuda_device {
    struct device device; /* first */
    struct card *card;
    int64_t inference_batch;
};

static int new_executor(struct device *device, const struct program *program,
                        const struct model *model, const struct network_options *options,
                        struct executor **executor, struct error *err)
{
    const struct cuda_device *own = (const struct cuda_device *)device;
    return cuda_executor_new(device, own->card, own->inference_batch, program, model, options,
                             executor, err);
}

static void cuda_device_close(struct device *device)
{
    card_close(((struct cuda_device *)device)->card);
    free(device);
}

static const struct device_table table = {
    .executor_new = new_executor,
    .executor_free = cuda_executor_free,
    .set_optimizer = cuda_set_optimizer,
    .train = cuda_train,
    .gradients = cuda_gradients,
    .remember = cuda_remember,
    .infer = cuda_infer,
    .observe = cuda_observe,
    .load = cuda_load,
    .store = cuda_store,
    .get_moments = cuda_get_moments,
    .set_moments = cuda_set_moments,
    .swap_averages = cuda_swap_averages,
    .get_averages = cuda_get_averages,
    .set_averages = cuda_set_averages,
    .is_careful = cuda_is_careful,
    .be_careful = cuda_be_careful,
    .describe = cuda_describe,
    .state_memory = cuda_state_memory,
    .close = cuda_device_close,
};

int cuda_device_on(struct card *card, int64_t inference_batch, struct device **device,
                   struct error *err)
{
    const struct card_facts *facts = card_facts(card);
    struct cuda_device *made = memory_new(1, sizeof *made, err);
    if (!made) {
        card_close(card);
        return -1;
    }
    made->device = (struct device){.table = &table,
                                   .name = "cuda",
                                   .preferred = DEVICE_GPU_PREFERS,
                                   .steps_at_once = CUDA_STEPS_AT_ONCE};
    made->card = card;
    made->inference_batch = inference_batch;
    snprintf(made->device.description, sizeof made->device.description,
             "cuda, %.60s, CUDA %d.%d, cuDNN %zu.%zu.%zu", facts->name, facts->runtime / 1000,
             facts->runtime % 1000 / 10, facts->cudnn / 10000, facts->cudnn / 100 % 100,
             facts->cudnn % 100);
    *device = &made->device;
    return 0;
}

/* ---- what nn/open.c loads ---- */

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int backend_open_cuda(int threads, struct device **device, struct error *err);
EXPORTED int backend_fingerprint_cuda(FILE *stream, struct error *err);

/* The folder of cuDNN, where the pipeline file names one. */
static const char *cudnn_folder(void)
{
    const char *folder = getenv("REPRISE_CUDNN");
    return folder && *folder ? folder : NULL;
}

/* What this build has kernels for; they are compiled for those that are newer when they are loaded.
 */
static int check_capability(const struct card_facts *facts, struct error *err)
{
    if (facts->major >= 8)
        return 0;
    return error_set(err, ERR_DEVICE,
                     "'%s' has compute capability %d.%d, and 8.0 (A100) is the least that is "
                     "computed on",
                     facts->name, facts->major, facts->minor);
}

int backend_open_cuda(int threads, struct device **device, struct error *err)
{
    struct card_facts facts;
    struct card *card;
    (void)threads;
    if (card_look(cudnn_folder(), &facts, err) || check_capability(&facts, err) ||
        card_open(cudnn_folder(), &card, err))
        return -1;
    return cuda_device_on(card, FUSION_INFERENCE_IMAGES, device, err);
}

/* The driver's file changes with its version, and the folder of cards with their number. */
int backend_fingerprint_cuda(FILE *stream, struct error *err)
{
    struct card_facts facts;
    if (card_look(cudnn_folder(), &facts, err) || check_capability(&facts, err))
        return -1;
    if (fprintf(stream,
                "device cuda\ncard %s\ncompute_capability %d.%d\ndriver %d\ncuda %d\ncudnn %zu\n",
                facts.name, facts.major, facts.minor, facts.driver, facts.runtime, facts.cudnn) < 0)
        return error_errno(err, "cannot write the fingerprint");
    uses_print(stream, facts.cudnn_path);
    return 0;
}
