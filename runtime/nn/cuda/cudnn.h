/* cuDNN's backend (its "Backend API" reference), loaded at run time: nothing here links it, and a
 * machine without it says in one line what is missing. Only the types of its headers are used.
 *
 *     cudnn_open(folder, &cudnn, err)       once; then any number of threads may call through it
 *     cudnn_check(cudnn, cudnn->f(...), "f of what", err)
 *     cudnn_close(cudnn)
 */
#ifndef NN_CUDA_CUDNN_H
#define NN_CUDA_CUDNN_H

#include "base/error.h"

#include <cudnn_graph.h>
#include <stddef.h>

/* 9.11: plans for a device that is described, not there. */
enum { CUDNN_LEAST = 91100 };

struct cudnn {
    void *library;
    size_t version;  /* 91900 is 9.19.0 */
    char path[1024]; /* of the library that was loaded */
    __typeof__(cudnnGetVersion) *get_version;
    __typeof__(cudnnGraphVersionCheck) *version_check;
    __typeof__(cudnnGetErrorString) *error_string;
    __typeof__(cudnnGetLastErrorString) *last_error_string;
    __typeof__(cudnnCreate) *create;
    __typeof__(cudnnDestroy) *destroy;
    __typeof__(cudnnSetStream) *set_stream;
    __typeof__(cudnnBackendCreateDescriptor) *create_descriptor;
    __typeof__(cudnnBackendDestroyDescriptor) *destroy_descriptor;
    __typeof__(cudnnBackendSetAttribute) *set_attribute;
    __typeof__(cudnnBackendGetAttribute) *get_attribute;
    __typeof__(cudnnBackendFinalize) *finalize;
    __typeof__(cudnnBackendExecute) *execute;
};

/* From `folder` and nowhere else where that is given; else from beside this code's own file, or
 * where the loader looks. ERR_DEVICE where it is not there, too old, or not whole. */
int cudnn_open(const char *folder, struct cudnn **cudnn, struct error *err);
/* The library stays loaded: it holds threads and what the driver knows of it. */
void cudnn_close(struct cudnn *cudnn);

/* A status becomes an error here and nowhere else: ERR_DEVICE, with the call, and where its parts
 * do not fit together with the files that they were loaded from. */
int cudnn_check(const struct cudnn *cudnn, cudnnStatus_t status, const char *call,
                struct error *err);

#endif
