#include "nn/cuda/execution_plan.h"

#include "base/digest.h"
#include "base/memory.h"
#include "nn/cuda/engines.h"
#include "nn/cuda/operation_graph.h"
#include "nn/cuda/plan_device.h"

#include <stdlib.h>
#include <string.h>

struct execution_plan {
    const struct plan_device *device;
    struct fusion fusion;
    struct descriptors own; /* of the graph and the engines' configs */
    struct engine_search search;
    struct descriptors made;            /* the execution plan */
    char engine[ENGINE_WORDS_SIZE];     /* that is taken */
    cudnnBackendDescriptor_t execution; /* NULL before it is compiled or loaded */
    size_t workspace;
};

static int of_fusion(const struct execution_plan *plan, struct error *err)
{
    char name[FUSION_NAME_SIZE];
    return error_prefix(err, "'%s': ", fusion_name(&plan->fusion, name));
}

static struct execution_plan *begin(const struct plan_device *device, const struct fusion *fusion,
                                    struct error *err)
{
    struct execution_plan *plan = memory_new(1, sizeof *plan, err);
    if (!plan)
        return NULL;
    plan->device = device;
    plan->fusion = *fusion;
    plan->own.cudnn = plan->made.cudnn = device->cudnn;
    return plan;
}

static void take(struct execution_plan *plan, size_t engine)
{
    memcpy(plan->engine, plan->search.engines[engine].words, sizeof plan->engine);
    plan->workspace = plan->search.engines[engine].workspace;
}

int execution_plan_new(const struct plan_device *device, const struct fusion *fusion,
                       struct execution_plan **plan, struct error *err)
{
    return execution_plan_new_with(device, fusion, NULL, plan, err);
}

int execution_plan_new_with(const struct plan_device *device, const struct fusion *fusion,
                            const char *engine, struct execution_plan **plan, struct error *err)
{
    struct execution_plan *own = begin(device, fusion, err);
    if (!own)
        return -1;
    own->search = (struct engine_search){.own = &own->own,
                                         .graph = operation_graph_new(&own->own, fusion),
                                         .device = device,
                                         .fusion = &own->fusion,
                                         .words = engine};
    int status = descriptors_check(&own->own, err) ? of_fusion(own, err) : 0;
    if (status || engines_find(&own->search, err)) {
        execution_plan_free(own);
        return -1;
    }
    take(own, 0);
    *plan = own;
    return 0;
}

void execution_plan_free(struct execution_plan *plan)
{
    if (!plan)
        return;
    descriptors_release(&plan->made);
    descriptors_release(&plan->own);
    free(plan);
}

const char *execution_plan_engine(const struct execution_plan *plan)
{
    return plan->engine;
}

const char *execution_plan_candidate(const struct execution_plan *plan, size_t i)
{
    return i < plan->search.count ? plan->search.engines[i].words : NULL;
}

size_t execution_plan_workspace(const struct execution_plan *plan)
{
    return plan->workspace;
}

/* ---- compiling ---- */

static cudnnBackendDescriptor_t execution_new(struct execution_plan *plan)
{
    descriptors_release(&plan->made);
    cudnnBackendDescriptor_t made =
        descriptors_new(&plan->made, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "execution plan");
    descriptors_set_one(&plan->made, made, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                        plan->device->descriptor);
    return made;
}

static void take_execution(struct execution_plan *plan, cudnnBackendDescriptor_t made)
{
    int64_t size = 0;
    descriptors_get(&plan->made, made, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
                    1, &size);
    plan->workspace = (size_t)size;
    plan->execution = made;
}

/* What an engine cannot do, and another may. Not what is missing on this machine: another engine in
 * its place would give other bits than on the next machine, without a word. */
static bool is_unsupported(cudnnStatus_t status)
{
    switch (status) {
    case CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER:
    case CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDART:
    case CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING:
    case CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE: return false;
    default: return status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000;
    }
}

/* *supported tells of what the engine cannot do, which is no failure. */
static int compile_engine(struct execution_plan *plan, size_t engine, bool *supported,
                          struct error *err)
{
    const struct cudnn *cudnn = plan->device->cudnn;
    cudnnBackendDescriptor_t made = execution_new(plan);
    descriptors_set_one(&plan->made, made, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                        plan->search.engines[engine].config);
    if (descriptors_check(&plan->made, err))
        return -1;
    const cudnnStatus_t status = cudnn->finalize(made);
    *supported = !is_unsupported(status);
    if (cudnn_check(cudnn, status, "cudnnBackendFinalize of execution plan", err))
        return *supported ? -1 : 0;
    take(plan, engine);
    take_execution(plan, made);
    return descriptors_check(&plan->made, err);
}

int execution_plan_compile(struct execution_plan *plan, struct error *err)
{
    struct error none;
    bool supported = false;
    do {
        for (size_t i = 0; i < plan->search.count && !supported; i++)
            if (compile_engine(plan, i, &supported, err))
                return of_fusion(plan, err);
    } while (!supported && engines_find(&plan->search, &none) == 0);
    return supported ? 0 : of_fusion(plan, err);
}

/* ---- files ---- */

void execution_plan_identity(const struct plan_device *device, const struct fusion *fusion,
                             struct text *words)
{
    char name[FUSION_NAME_SIZE];
    const char *tuned = engines_tuned(device, fusion);
    text_addf(words, "cudnn %zu\ndevice %s %s\nfusion %s\nrules %d, tuned: %s\n",
              device->cudnn->version, device->digest, device->name, fusion_name(fusion, name),
              ENGINE_RULES, tuned ? tuned : "no");
}

static int add_json(const struct execution_plan *plan, struct text *body, struct error *err)
{
    const cudnnBackendAttributeName_t attribute = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
    struct descriptors reader = {.cudnn = plan->device->cudnn};
    int64_t size = descriptors_get(&reader, plan->execution, attribute, CUDNN_TYPE_CHAR, 0, NULL);
    char *json = memory_new((size_t)size + 1, 1, err);
    if (!json)
        return -1;
    size = descriptors_get(&reader, plan->execution, attribute, CUDNN_TYPE_CHAR, size, json);
    text_append(body, json, (size_t)size);
    free(json);
    return descriptors_check(&reader, err) ? of_fusion(plan, err) : text_check(body, err);
}

int execution_plan_save(const struct execution_plan *plan, struct text *bytes, struct error *err)
{
    struct text body = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    ASSERT(plan->execution);
    execution_plan_identity(plan->device, &plan->fusion, &body);
    text_addf(&body, "%s\n\n", plan->engine);
    int status = add_json(plan, &body, err);
    if (status == 0)
        status = digest_of_bytes(body.data, body.size, &digest, err);
    if (status == 0) {
        digest_to_hex(&digest, hex);
        text_addf(bytes, "%s\n", hex);
        text_append(bytes, body.data, body.size);
        status = text_check(bytes, err);
    }
    text_release(&body);
    return status;
}

/* Takes `length` bytes off the front of *bytes. */
static void advance(const char **bytes, size_t *size, size_t length)
{
    *bytes += length;
    *size -= length;
}

/* Reads up to cuDNN's JSON, which *bytes and *size then are. */
static int read_head(struct execution_plan *plan, const char **bytes, size_t *size, bool *good,
                     struct error *err)
{
    struct text identity = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    const char *front = *bytes, *end;
    *good = false;
    if (*size < sizeof hex)
        return 0;
    advance(bytes, size, sizeof hex); /* the newline for the NUL */
    if (digest_of_bytes(*bytes, *size, &digest, err))
        return -1;
    digest_to_hex(&digest, hex);
    if (memcmp(front, hex, sizeof hex - 1) != 0 || front[sizeof hex - 1] != '\n')
        return 0;
    execution_plan_identity(plan->device, &plan->fusion, &identity);
    const int status = text_check(&identity, err);
    const size_t length = identity.size;
    const bool ours = status == 0 && *size > length && memcmp(*bytes, identity.data, length) == 0;
    text_release(&identity);
    if (!ours)
        return status;
    advance(bytes, size, length);
    end = memchr(*bytes, '\n', *size);
    if (!end || (size_t)(end - *bytes) >= sizeof plan->engine ||
        (size_t)(end - *bytes) + 2 >= *size)
        return 0;
    memcpy(plan->engine, *bytes, (size_t)(end - *bytes)); /* the rest is zeros */
    advance(bytes, size, (size_t)(end - *bytes) + 2);
    *good = true;
    return 0;
}

int execution_plan_load(const struct plan_device *device, const struct fusion *fusion,
                        const void *bytes, size_t size, struct execution_plan **plan,
                        struct error *err)
{
    const char *json = bytes;
    bool good;
    *plan = NULL;
    struct execution_plan *own = begin(device, fusion, err);
    if (!own)
        return -1;
    int status = read_head(own, &json, &size, &good, err);
    if (status == 0 && good) {
        cudnnBackendDescriptor_t made = execution_new(own);
        descriptors_set(&own->made, made, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                        CUDNN_TYPE_CHAR, (int64_t)size, json);
        descriptors_finish(&own->made, made);
        take_execution(own, made);
        /* What cuDNN does not take, for its driver's sake, say, is compiled again. */
        good = own->made.failed.kind == ERR_NONE;
        status = own->made.failed.kind == ERR_MEMORY ? descriptors_check(&own->made, err) : 0;
    }
    if (status || !good)
        execution_plan_free(own);
    else
        *plan = own;
    return status;
}

/* ---- running ---- */

int execution_plan_run(const struct execution_plan *plan, struct cudnnContext *handle,
                       struct CUstream_st *stream, void *const memory[OPERAND_END], void *workspace,
                       struct error *err)
{
    const struct cudnn *cudnn = plan->device->cudnn;
    struct descriptors own = {.cudnn = cudnn};
    int64_t ids[OPERAND_END], count = 0;
    void *pointers[OPERAND_END];
    ASSERT(plan->execution);
    for (int id = OPERAND_X; id < OPERAND_END; id++) {
        if (!fusion_has(&plan->fusion, (enum operand)id))
            continue;
        ASSERT(memory[id]);
        ids[count] = id;
        pointers[count++] = memory[id];
    }
    cudnnBackendDescriptor_t pack =
        descriptors_new(&own, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "variant pack");
    descriptors_set(&own, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids);
    descriptors_set(&own, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count,
                    pointers);
    descriptors_set(&own, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
                    &workspace);
    descriptors_finish(&own, pack);
    int status = descriptors_check(&own, err);
    if (status == 0)
        status = cudnn_check(cudnn, cudnn->set_stream(handle, stream), "cudnnSetStream", err);
    if (status == 0)
        status = cudnn_check(cudnn, cudnn->execute(handle, plan->execution, pack),
                             "cudnnBackendExecute", err);
    descriptors_release(&own);
    return status ? of_fusion(plan, err) : 0;
}
