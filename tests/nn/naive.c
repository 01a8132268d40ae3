#include "naive.h"

#include "base/philox.h"

#include <math.h>
#include <stdlib.h>

int64_t naive_count_x(const struct conv_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

int64_t naive_count_y(const struct conv_shape *s)
{
    return s->n * conv_out_height(s) * conv_out_width(s) * s->k;
}

int64_t naive_count_w(const struct conv_shape *s)
{
    return s->r * s->s * (s->c / s->groups) * s->k;
}

double naive_activation(double value, enum activation activation)
{
    if (activation != ACTIVATION_NONE && value < 0)
        return 0;
    return activation == ACTIVATION_RELU6 && value > 6 ? 6 : value;
}

/* One product of the convolution: x[in] * kernel[weight] goes to y[out]. */
struct term {
    int64_t in, weight, out;
};
typedef void term_fn(void *arg, struct term term);

/* Calls `each` for every product of the definition. */
static void conv_terms(const struct conv_shape *s, term_fn *each, void *arg)
{
    int64_t p_count = conv_out_height(s), q_count = conv_out_width(s);
    int64_t c_group = s->c / s->groups, k_group = s->k / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < p_count; p++)
            for (int64_t q = 0; q < q_count; q++)
                for (int64_t i = 0; i < s->r; i++)
                    for (int64_t j = 0; j < s->s; j++) {
                        int64_t row = p * s->stride - s->pad_top + i;
                        int64_t column = q * s->stride - s->pad_left + j;
                        if (row < 0 || row >= s->h || column < 0 || column >= s->w)
                            continue;
                        for (int64_t c = 0; c < c_group; c++)
                            for (int64_t k = 0; k < s->k; k++)
                                each(arg,
                                     (struct term){((n * s->h + row) * s->w + column) * s->c +
                                                       k / k_group * c_group + c,
                                                   ((i * s->s + j) * c_group + c) * s->k + k,
                                                   ((n * p_count + p) * q_count + q) * s->k + k});
                    }
}

struct conv_arrays {
    const double *a, *b;
    double *sum;
};

static void forward_term(void *arg, struct term t)
{
    struct conv_arrays *v = arg;
    v->sum[t.out] += v->a[t.in] * v->b[t.weight];
}

static void data_term(void *arg, struct term t)
{
    struct conv_arrays *v = arg;
    v->sum[t.in] += v->a[t.out] * v->b[t.weight];
}

static void weights_term(void *arg, struct term t)
{
    struct conv_arrays *v = arg;
    v->sum[t.weight] += v->a[t.in] * v->b[t.out];
}

static int64_t conv_outputs(const struct conv_shape *s)
{
    return s->n * conv_out_height(s) * conv_out_width(s) * s->k;
}

void naive_conv_forward(const struct conv_shape *s, const double *x, const double *kernel,
                        const double *bias, const double *residual, enum activation activation,
                        double *y)
{
    int64_t count = conv_outputs(s);
    for (int64_t i = 0; i < count; i++)
        y[i] = (bias ? bias[i % s->k] : 0) + (residual ? residual[i] : 0);
    conv_terms(s, forward_term, &(struct conv_arrays){x, kernel, y});
    for (int64_t i = 0; i < count; i++)
        y[i] = naive_activation(y[i], activation);
}

void naive_conv_backward_data(const struct conv_shape *s, const double *dy, const double *kernel,
                              double *dx)
{
    for (int64_t i = 0; i < s->n * s->h * s->w * s->c; i++)
        dx[i] = 0;
    conv_terms(s, data_term, &(struct conv_arrays){dy, kernel, dx});
}

void naive_conv_backward_weights(const struct conv_shape *s, const double *x, const double *dy,
                                 double *dkernel, double *dbias)
{
    for (int64_t i = 0; i < s->r * s->s * (s->c / s->groups) * s->k; i++)
        dkernel[i] = 0;
    conv_terms(s, weights_term, &(struct conv_arrays){x, dy, dkernel});
    for (int64_t k = 0; k < s->k; k++)
        dbias[k] = 0;
    for (int64_t i = 0; i < conv_outputs(s); i++)
        dbias[i % s->k] += dy[i];
}

void naive_norm_statistics(int64_t rows, int64_t c, const double *x, double *mean, double *m2)
{
    for (int64_t i = 0; i < c; i++) {
        mean[i] = m2[i] = 0;
        for (int64_t row = 0; row < rows; row++)
            mean[i] += x[row * c + i] / (double)rows;
        for (int64_t row = 0; row < rows; row++)
            m2[i] += (x[row * c + i] - mean[i]) * (x[row * c + i] - mean[i]);
    }
}

void naive_norm_batch_forward(int64_t rows, int64_t c, const double *x, const double *gamma,
                              const double *beta, double epsilon, double *y)
{
    double *mean = naive_new(2 * c, sizeof(double)), *m2 = mean + c;
    naive_norm_statistics(rows, c, x, mean, m2);
    for (int64_t i = 0; i < rows * c; i++) {
        int64_t j = i % c;
        y[i] = (x[i] - mean[j]) / sqrt(m2[j] / (double)rows + epsilon) * gamma[j] + beta[j];
    }
    free(mean);
}

void naive_norm_batch_backward(int64_t rows, int64_t c, const double *x, const double *dy,
                               const double *gamma, double epsilon, double *dx, double *dgamma,
                               double *dbeta)
{
    double *mean = naive_new(2 * c, sizeof(double)), *m2 = mean + c;
    naive_norm_statistics(rows, c, x, mean, m2);
    for (int64_t j = 0; j < c; j++) {
        double rstd = 1 / sqrt(m2[j] / (double)rows + epsilon);
        dgamma[j] = dbeta[j] = 0;
        for (int64_t i = j; i < rows * c; i += c) {
            dbeta[j] += dy[i];
            dgamma[j] += dy[i] * (x[i] - mean[j]) * rstd;
        }
        for (int64_t i = j; i < rows * c; i += c)
            dx[i] = gamma[j] * rstd *
                    (dy[i] - dbeta[j] / (double)rows -
                     (x[i] - mean[j]) * rstd * dgamma[j] / (double)rows);
    }
    free(mean);
}

/* The place of the first maximum of a window, as index into x, or -1 where it lies in the padding.
 */
static int64_t pool_winner(const struct pool_shape *s, const double *x, int64_t n, int64_t p,
                           int64_t q, int64_t c, double *value)
{
    int64_t winner = -1;
    bool any = false;
    for (int64_t i = 0; i < s->r; i++)
        for (int64_t j = 0; j < s->r; j++) {
            int64_t row = p * s->stride - s->pad_top + i, column = q * s->stride - s->pad_left + j;
            bool inside = row >= 0 && row < s->h && column >= 0 && column < s->w;
            int64_t at = ((n * s->h + row) * s->w + column) * s->c + c;
            if (!inside && !s->zero_padding)
                continue;
            double candidate = inside ? x[at] : 0;
            if (!any || candidate > *value) {
                winner = inside ? at : -1;
                *value = candidate;
                any = true;
            }
        }
    return winner;
}

static void max_pool(const struct pool_shape *s, const double *x, const double *dy, double *y,
                     double *dx)
{
    int64_t p_count = (s->h + s->pad_top + s->pad_bottom - s->r) / s->stride + 1;
    int64_t q_count = (s->w + s->pad_left + s->pad_right - s->r) / s->stride + 1;
    int64_t at = 0;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < p_count; p++)
            for (int64_t q = 0; q < q_count; q++)
                for (int64_t c = 0; c < s->c; c++, at++) {
                    double value = 0;
                    int64_t winner = pool_winner(s, x, n, p, q, c, &value);
                    if (y != NULL)
                        y[at] = value;
                    if (dx != NULL && winner >= 0)
                        dx[winner] += dy[at];
                }
}

void naive_max_pool_forward(const struct pool_shape *s, const double *x, double *y)
{
    max_pool(s, x, NULL, y, NULL);
}

void naive_max_pool_backward(const struct pool_shape *s, const double *x, const double *dy,
                             double *dx)
{
    for (int64_t i = 0; i < s->n * s->h * s->w * s->c; i++)
        dx[i] = 0;
    max_pool(s, x, dy, NULL, dx);
}

void naive_loss(int64_t n, int64_t classes, const double *logits, const double *targets,
                double *loss, double *probabilities)
{
    for (int64_t i = 0; i < n; i++) {
        const double *z = logits + i * classes;
        double sum = 0;
        for (int64_t j = 0; j < classes; j++)
            sum += exp(z[j]);
        loss[i] = 0;
        for (int64_t j = 0; j < classes; j++) {
            loss[i] -= targets[i * classes + j] * log(exp(z[j]) / sum);
            probabilities[i * classes + j] = exp(z[j]) / sum;
        }
    }
}

double naive_difference_quotient(void (*f)(void *arg, const double *x, double *y), void *arg,
                                 double *x, int64_t i, double *y, int64_t m, const double *weight)
{
    const double step = 1e-5;
    double saved = x[i], sum = 0;
    x[i] = saved + step;
    f(arg, x, y);
    for (int64_t j = 0; j < m; j++)
        sum += y[j] * weight[j];
    x[i] = saved - step;
    f(arg, x, y);
    for (int64_t j = 0; j < m; j++)
        sum -= y[j] * weight[j];
    x[i] = saved;
    return sum / (2 * step);
}

void naive_fill(float *values, int64_t count, uint32_t seed)
{
    for (int64_t i = 0; i < count; i++) {
        struct philox block = philox_at(seed, RANDOM_GENERATE, 0, 0, (uint32_t)i);
        values[i] = 2.0f * philox_uniform(block.words[0]) - 1.0f;
    }
}

float *naive_filled(int64_t count, uint32_t seed)
{
    float *values = naive_new(count, sizeof(*values));
    naive_fill(values, count, seed);
    return values;
}

double *naive_widen(const float *values, int64_t count)
{
    double *wide = naive_new(count, sizeof(double));
    for (int64_t i = 0; i < count; i++)
        wide[i] = (double)values[i];
    return wide;
}

void *naive_new(int64_t count, size_t size)
{
    void *memory = NULL;
    size_t bytes = ((size_t)(count < 1 ? 1 : count) * size + 63) / 64 * 64;
    memory = aligned_alloc(64, bytes);
    if (memory == NULL)
        abort();
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)memory)[i] = 0;
    return memory;
}

double naive_distance(const float *a, const double *b, int64_t count)
{
    double largest = 1, distance = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - b[i]);
        largest = fmax(largest, fabs(b[i]));
        if (!(difference <= distance)) /* also a NaN */
            distance = difference;
    }
    return distance / largest;
}
