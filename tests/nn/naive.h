/* Reference implementations of the network's operations: loops as the
 * definitions read, in f64. Their gradients are checked by finite differences,
 * the CPU's operations against them. Tensors as in nn/cpu/operations.h.
 */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include "nn/cpu/operations.h"

#include <stdint.h>

/* Numbers of x, y and the kernel. */
int64_t naive_count_x(const struct conv_shape *shape);
int64_t naive_count_y(const struct conv_shape *shape);
int64_t naive_count_w(const struct conv_shape *shape);

double naive_activation(double value, enum activation activation);

/* bias, residual may be NULL. */
void naive_conv_forward(const struct conv_shape *shape, const double *x, const double *kernel,
                        const double *bias, const double *residual, enum activation activation,
                        double *y);
void naive_conv_backward_data(const struct conv_shape *shape, const double *dy,
                              const double *kernel, double *dx);
void naive_conv_backward_weights(const struct conv_shape *shape, const double *x, const double *dy,
                                 double *dkernel, double *dbias);

void naive_norm_statistics(int64_t rows, int64_t c, const double *x, double *mean, double *m2);
/* Batch mode with biased variance. */
void naive_norm_batch_forward(int64_t rows, int64_t c, const double *x, const double *gamma,
                              const double *beta, double epsilon, double *y);
void naive_norm_batch_backward(int64_t rows, int64_t c, const double *x, const double *dy,
                               const double *gamma, double epsilon, double *dx, double *dgamma,
                               double *dbeta);

void naive_max_pool_forward(const struct pool_shape *shape, const double *x, double *y);
void naive_max_pool_backward(const struct pool_shape *shape, const double *x, const double *dy,
                             double *dx);

void naive_loss(int64_t n, int64_t classes, const double *logits, const double *targets,
                double *loss, double *probabilities);

/* The derivative of sum_j f(x)_j * weight_j with respect to x[i], by central differences of f: x
 * [n] -> y [m]. */
double naive_difference_quotient(void (*f)(void *arg, const double *x, double *y), void *arg,
                                 double *x, int64_t i, double *y, int64_t m, const double *weight);

/* Repeatable numbers: uniform in [-1, 1), multiples of 2^-23. */
void naive_fill(float *values, int64_t count, uint32_t seed);
float *naive_filled(int64_t count, uint32_t seed); /* a new array of them */
/* Widens: returns a new array; free() it. Aborts without memory. */
double *naive_widen(const float *values, int64_t count);
void *naive_new(int64_t count, size_t size);

/* Largest |a - b| over largest |b| (or over 1 where that is less). */
double naive_distance(const float *a, const double *b, int64_t count);

#endif
