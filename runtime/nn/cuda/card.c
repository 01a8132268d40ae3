#include "nn/cuda/card.h"

#include "base/memory.h"
#include "nn/cuda/cudnn.h"
#include "nn/cuda/plan_device.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>
#include <string.h>

struct card {
    struct card_facts facts;
    struct cudnn *cudnn;
    cudnnHandle_t handle;
    struct plan_device *plan_device;
};

/* A status becomes an error here and nowhere else. */
static int check(cudaError_t status, const char *call, struct error *err)
{
    if (status == cudaSuccess)
        return 0;
    (void)cudaGetLastError(); /* so that the next call does not tell it again */
    return error_set(err, status == cudaErrorMemoryAllocation ? ERR_MEMORY : ERR_DEVICE,
                     "CUDA: %s: %s (%s)", call, cudaGetErrorString(status),
                     cudaGetErrorName(status));
}

/* ---- a card ---- */

static int no_card(cudaError_t status, struct error *err)
{
    int driver = 0;
    switch (status) {
    case cudaErrorNoDevice: return error_set(err, ERR_DEVICE, "the driver sees no GPU");
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
        if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
            return error_set(err, ERR_DEVICE, "no NVIDIA driver is loaded");
        return error_set(err, ERR_DEVICE,
                         "the NVIDIA driver is of CUDA %d.%d, this build needs one of CUDA %d.%d",
                         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                         CUDART_VERSION % 1000 / 10);
    default: return check(status, "cudaGetDeviceCount", err);
    }
}

static int find_card(struct error *err)
{
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count); /* where it fails, it may leave -1 */
    if (status == cudaSuccess && count > 0)
        return 0;
    (void)cudaGetLastError();
    return no_card(status == cudaSuccess ? cudaErrorNoDevice : status, err);
}

static int take_facts(struct card_facts *facts, struct error *err)
{
    struct cudaDeviceProp properties;
    if (check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties", err) ||
        check(cudaDriverGetVersion(&facts->driver), "cudaDriverGetVersion", err) ||
        check(cudaRuntimeGetVersion(&facts->runtime), "cudaRuntimeGetVersion", err))
        return -1;
    snprintf(facts->name, sizeof facts->name, "%.127s", properties.name);
    facts->major = properties.major;
    facts->minor = properties.minor;
    facts->memory = properties.totalGlobalMem;
    return 0;
}

/* A stage gets one of them, and a key names one kind. */
static int check_others(const struct card_facts *facts, struct error *err)
{
    int count;
    if (check(cudaGetDeviceCount(&count), "cudaGetDeviceCount", err))
        return -1;
    for (int i = 1; i < count; i++) {
        struct cudaDeviceProp other;
        if (check(cudaGetDeviceProperties(&other, i), "cudaGetDeviceProperties", err))
            return -1;
        if (strcmp(other.name, facts->name) != 0)
            return error_set(err, ERR_USAGE,
                             "card 0 is '%s' and card %d is '%s', which have other bits: name "
                             "cards of one model in CUDA_VISIBLE_DEVICES, or take device 'cpu'",
                             facts->name, i, other.name);
    }
    return 0;
}

static void take_cudnn(struct card_facts *facts, const struct cudnn *cudnn)
{
    facts->cudnn = cudnn->version;
    memcpy(facts->cudnn_path, cudnn->path, sizeof facts->cudnn_path);
}

int card_look(const char *cudnn_folder, struct card_facts *facts, struct error *err)
{
    struct cudnn *cudnn;
    *facts = (struct card_facts){0};
    if (find_card(err) || take_facts(facts, err) || check_others(facts, err) ||
        cudnn_open(cudnn_folder, &cudnn, err))
        return -1;
    take_cudnn(facts, cudnn);
    cudnn_close(cudnn);
    return 0;
}

int card_open(const char *cudnn_folder, struct card **card, struct error *err)
{
    struct card *made = memory_new(1, sizeof *made, err);
    if (!made)
        return -1;
    if (check(cudaSetDevice(0), "cudaSetDevice", err) || take_facts(&made->facts, err) ||
        cudnn_open(cudnn_folder, &made->cudnn, err) ||
        cudnn_check(made->cudnn, made->cudnn->create(&made->handle), "cudnnCreate", err) ||
        plan_device_of_card(made->cudnn, 0, &made->plan_device, err)) {
        card_close(made);
        return -1;
    }
    take_cudnn(&made->facts, made->cudnn);
    *card = made;
    return 0;
}

void card_close(struct card *card)
{
    if (!card)
        return;
    plan_device_free(card->plan_device);
    if (card->handle)
        (void)card->cudnn->destroy(card->handle);
    cudnn_close(card->cudnn);
    free(card);
}

const struct card_facts *card_facts(const struct card *card)
{
    return &card->facts;
}

const struct plan_device *card_plan_device(const struct card *card)
{
    return card->plan_device;
}

/* ---- memory ---- */

int card_memory_left(struct card *card, size_t *bytes, struct error *err)
{
    size_t total;
    (void)card;
    return check(cudaMemGetInfo(bytes, &total), "cudaMemGetInfo", err);
}

int card_memory_new(struct card *card, size_t bytes, void **memory, struct error *err)
{
    (void)card;
    return check(cudaMalloc(memory, bytes ? bytes : 1), "cudaMalloc", err);
}

void card_memory_free(struct card *card, void *memory)
{
    (void)card;
    (void)cudaFree(memory);
}

int card_pinned_new(struct card *card, size_t bytes, void **memory, struct error *err)
{
    (void)card;
    return check(cudaHostAlloc(memory, bytes ? bytes : 1, cudaHostAllocDefault), "cudaHostAlloc",
                 err);
}

void card_pinned_free(struct card *card, void *memory)
{
    (void)card;
    (void)cudaFreeHost(memory);
}

/* ---- streams ---- */

int card_stream_new(struct card *card, enum card_priority priority, void **stream,
                    struct error *err)
{
    int least, greatest;
    (void)card;
    if (check(cudaDeviceGetStreamPriorityRange(&least, &greatest),
              "cudaDeviceGetStreamPriorityRange", err))
        return -1;
    return check(cudaStreamCreateWithPriority((cudaStream_t *)stream, cudaStreamNonBlocking,
                                              priority == CARD_FIRST ? greatest : least),
                 "cudaStreamCreateWithPriority", err);
}

void card_stream_free(struct card *card, void *stream)
{
    (void)card;
    if (stream)
        (void)cudaStreamDestroy(stream);
}

int card_wait(struct card *card, void *stream, struct error *err)
{
    (void)card;
    return check(cudaStreamSynchronize(stream), "cudaStreamSynchronize", err);
}

int card_event_new(struct card *card, void **event, struct error *err)
{
    (void)card;
    return check(cudaEventCreateWithFlags((cudaEvent_t *)event, cudaEventDisableTiming),
                 "cudaEventCreateWithFlags", err);
}

void card_event_free(struct card *card, void *event)
{
    (void)card;
    if (event)
        (void)cudaEventDestroy(event);
}

int card_event_record(struct card *card, void *event, void *stream, struct error *err)
{
    (void)card;
    return check(cudaEventRecord(event, stream), "cudaEventRecord", err);
}

int card_event_follow(struct card *card, void *stream, void *event, struct error *err)
{
    (void)card;
    return check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent", err);
}

static int copy(void *stream, void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                struct error *err)
{
    return bytes == 0
               ? 0
               : check(cudaMemcpyAsync(to, from, bytes, kind, stream), "cudaMemcpyAsync", err);
}

int card_upload(struct card *card, void *stream, void *to, const void *host, size_t bytes,
                struct error *err)
{
    (void)card;
    return copy(stream, to, host, bytes, cudaMemcpyHostToDevice, err);
}

int card_download(struct card *card, void *stream, void *host, const void *from, size_t bytes,
                  struct error *err)
{
    (void)card;
    return copy(stream, host, from, bytes, cudaMemcpyDeviceToHost, err);
}

int card_copy(struct card *card, void *stream, void *to, const void *from, size_t bytes,
              struct error *err)
{
    (void)card;
    return copy(stream, to, from, bytes, cudaMemcpyDeviceToDevice, err);
}

int card_zero(struct card *card, void *stream, void *to, size_t bytes, struct error *err)
{
    (void)card;
    return bytes == 0 ? 0 : check(cudaMemsetAsync(to, 0, bytes, stream), "cudaMemsetAsync", err);
}

int card_launched(struct card *card, const char *what, struct error *err)
{
    char call[160];
    (void)card;
    snprintf(call, sizeof call, "launch of %s", what);
    return check(cudaGetLastError(), call, err);
}

int card_run(struct card *card, void *stream, const struct execution_plan *plan,
             void *const memory[OPERAND_END], void *workspace, struct error *err)
{
    return execution_plan_run(plan, card->handle, stream, memory, workspace, err);
}

/* ---- graphs ---- */

/* Calls of other threads, which compile plans, do not disturb it. */
int card_capture_begin(struct card *card, void *stream, struct error *err)
{
    (void)card;
    return check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                 "cudaStreamBeginCapture", err);
}

int card_capture_end(struct card *card, void *stream, void **graph, struct error *err)
{
    cudaGraph_t captured = NULL;
    (void)card;
    *graph = NULL;
    if (check(cudaStreamEndCapture(stream, &captured), "cudaStreamEndCapture", err))
        return -1;
    const int status = check(cudaGraphInstantiate((cudaGraphExec_t *)graph, captured, 0),
                             "cudaGraphInstantiate", err);
    (void)cudaGraphDestroy(captured);
    return status;
}

void card_graph_free(struct card *card, void *graph)
{
    (void)card;
    if (graph)
        (void)cudaGraphExecDestroy(graph);
}

int card_replay(struct card *card, void *graph, void *stream, struct error *err)
{
    (void)card;
    return check(cudaGraphLaunch(graph, stream), "cudaGraphLaunch", err);
}
