/* A fusion in cuDNN's words: its operation graph. The unique id of a tensor is its enum operand. */
#ifndef NN_CUDA_OPERATION_GRAPH_H
#define NN_CUDA_OPERATION_GRAPH_H

#include "nn/cuda/descriptors.h"
#include "nn/cuda/fusion.h"

/* The graph, owned by `own`; NULL where descriptors_check() then tells. Tensors are NHWC, kernels
 * KRSC, vectors f32; all are aligned to 16 bytes. */
cudnnBackendDescriptor_t operation_graph_new(struct descriptors *own, const struct fusion *fusion);

#endif
