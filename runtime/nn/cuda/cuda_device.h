/* A GPU as a device (nn/device.h): NVIDIA's, by CUDA and cuDNN.
 *
 * It is built into a shared object of its own, which nn/open.c loads by the names of
 * backend_open_cuda() and backend_fingerprint_cuda(); see there.
 */
#ifndef NN_CUDA_CUDA_DEVICE_H
#define NN_CUDA_CUDA_DEVICE_H

#include "nn/device.h"

struct card;

/* Takes the card: closed with the device, and where this fails. Inference takes so many images of
 * 224 places a side at once: always as many, so that an image's result cannot depend on how many
 * there are. */
int cuda_device_on(struct card *card, int64_t inference_batch, struct device **device,
                   struct error *err);

#endif
