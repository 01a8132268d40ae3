/* The pipeline file's `cuda: {cudnn: DIR}`: where this project's cuDNN is, as in a Python
 * environment's site-packages/nvidia/cudnn/lib. */
#ifndef PLAN_PLAN_CUDA_H
#define PLAN_PLAN_CUDA_H

#include "plan/plan.h"
#include "plan/yaml_tree.h"

/* Sets plan->cudnn, absolute; NULL where nothing is said. plan->folder is set. */
int plan_cuda_read(const struct yaml_node *root, struct plan *plan, struct error *err);

#endif
