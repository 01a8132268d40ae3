/* What an execution plan computes, by loops as the definition reads, in f64. */
#ifndef TESTS_TWIN_LOOPS_H
#define TESTS_TWIN_LOOPS_H

#include "nn/cuda/fusion.h"

void twin_compute(const struct fusion *fusion, void *const memory[OPERAND_END]);

#endif
