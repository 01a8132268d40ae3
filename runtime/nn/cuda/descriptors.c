#include "nn/cuda/descriptors.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_sound(const struct descriptors *own)
{
    return own->failed.kind == ERR_NONE;
}

static const char *what_is(const struct descriptors *own, cudnnBackendDescriptor_t descriptor)
{
    for (size_t i = 0; i < own->count; i++)
        if (own->list[i].handle == descriptor)
            return own->list[i].what;
    return "descriptor";
}

static void check(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                  cudnnStatus_t status, const char *call)
{
    char words[128];
    if (status == CUDNN_STATUS_SUCCESS)
        return;
    snprintf(words, sizeof words, "%s of %s", call, what_is(own, descriptor));
    cudnn_check(own->cudnn, status, words, &own->failed);
}

cudnnBackendDescriptor_t descriptors_new(struct descriptors *own, cudnnBackendDescriptorType_t type,
                                         const char *what)
{
    cudnnBackendDescriptor_t made = NULL;
    if (!is_sound(own) ||
        memory_grow(&own->list, &own->capacity, own->count + 1, sizeof *own->list, &own->failed))
        return NULL;
    if (cudnn_check(own->cudnn, own->cudnn->create_descriptor(type, &made),
                    "cudnnBackendCreateDescriptor", &own->failed))
        return NULL;
    own->list[own->count++] = (struct descriptor){made, what};
    return made;
}

void descriptors_set(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                     cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                     int64_t count, const void *values)
{
    if (is_sound(own))
        check(own, descriptor,
              own->cudnn->set_attribute(descriptor, attribute, type, count, values),
              "cudnnBackendSetAttribute");
}

void descriptors_set_one(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                         cudnnBackendAttributeName_t attribute, cudnnBackendDescriptor_t value)
{
    descriptors_set(own, descriptor, attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

void descriptors_set_integer(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                             cudnnBackendAttributeName_t attribute, int64_t value)
{
    descriptors_set(own, descriptor, attribute, CUDNN_TYPE_INT64, 1, &value);
}

void descriptors_set_type(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                          cudnnBackendAttributeName_t attribute, cudnnDataType_t value)
{
    descriptors_set(own, descriptor, attribute, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

int64_t descriptors_get(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                        cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                        int64_t most, void *values)
{
    int64_t count = 0;
    if (!is_sound(own))
        return 0;
    check(own, descriptor,
          own->cudnn->get_attribute(descriptor, attribute, type, most, &count, values),
          "cudnnBackendGetAttribute");
    return is_sound(own) ? count : 0;
}

void descriptors_finish(struct descriptors *own, cudnnBackendDescriptor_t descriptor)
{
    if (is_sound(own))
        check(own, descriptor, own->cudnn->finalize(descriptor), "cudnnBackendFinalize");
}

int descriptors_check(const struct descriptors *own, struct error *err)
{
    if (is_sound(own))
        return 0;
    *err = own->failed;
    return -1;
}

void descriptors_release(struct descriptors *own)
{
    while (own->count > 0)
        own->cudnn->destroy_descriptor(own->list[--own->count].handle);
    free(own->list);
    *own = (struct descriptors){.cudnn = own->cudnn};
}
