#include "nn/cuda/plan_device.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int begin(const struct cudnn *cudnn, struct plan_device **device, struct error *err)
{
    struct plan_device *own = memory_new(1, sizeof *own, err);
    if (!own)
        return -1;
    own->cudnn = cudnn;
    own->own.cudnn = cudnn;
    own->descriptor =
        descriptors_new(&own->own, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "the card's description");
    *device = own;
    return 0;
}

/* What is the same for both kinds, once the description is there. */
static int name_it(struct plan_device *own, struct error *err)
{
    struct digest digest;
    json_t *json = json_loads(own->json, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "deviceName"));
    snprintf(own->name, sizeof own->name, "%s", name ? name : "");
    json_decref(json);
    if (!own->name[0])
        return error_set(err, ERR_FORMAT, "the description of a card has no 'deviceName'");
    if (digest_of_bytes(own->json, strlen(own->json), &digest, err))
        return -1;
    digest_to_hex(&digest, own->digest);
    return 0;
}

static int finish(struct plan_device *own, int status, struct plan_device **device,
                  struct error *err)
{
    if (status || name_it(own, err)) {
        plan_device_free(own);
        return -1;
    }
    *device = own;
    return 0;
}

static int read_description(struct plan_device *own, struct error *err)
{
    const cudnnBackendAttributeName_t attribute = CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION;
    const int64_t size =
        descriptors_get(&own->own, own->descriptor, attribute, CUDNN_TYPE_CHAR, 0, NULL);
    if (descriptors_check(&own->own, err) || !(own->json = memory_new((size_t)size + 1, 1, err)))
        return -1;
    descriptors_get(&own->own, own->descriptor, attribute, CUDNN_TYPE_CHAR, size, own->json);
    return descriptors_check(&own->own, err);
}

int plan_device_of_card(const struct cudnn *cudnn, int card, struct plan_device **device,
                        struct error *err)
{
    struct plan_device *own;
    const int32_t id = card;
    if (begin(cudnn, &own, err))
        return -1;
    descriptors_set(&own->own, own->descriptor, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32,
                    1, &id);
    descriptors_finish(&own->own, own->descriptor);
    return finish(own, descriptors_check(&own->own, err) || read_description(own, err), device,
                  err);
}

int plan_device_described(const struct cudnn *cudnn, const char *json, struct plan_device **device,
                          struct error *err)
{
    struct plan_device *own;
    if (begin(cudnn, &own, err))
        return -1;
    descriptors_set(&own->own, own->descriptor, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                    CUDNN_TYPE_CHAR, (int64_t)strlen(json) + 1, json);
    descriptors_finish(&own->own, own->descriptor);
    const int status =
        descriptors_check(&own->own, err) || !(own->json = memory_copy_text(json, err));
    return finish(own, status, device, err);
}

void plan_device_free(struct plan_device *device)
{
    if (!device)
        return;
    descriptors_release(&device->own);
    free(device->json);
    free(device);
}
