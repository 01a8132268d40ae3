#include "known.h"
#include "naive.h"
#include "on_lane.h"

#include "nn/loss.h"

#include <math.h>
#include <stdlib.h>

#include "tap.h"

static void loss_equals_keras(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    struct known_text file;
    known_open(&file, "tests/golden/loss/loss.txt");
    int64_t images = (int64_t)known_number(&file), classes = (int64_t)known_number(&file);
    float *p = naive_new(classes, sizeof(*p)), *d = naive_new(classes, sizeof(*d)), loss;
    for (int64_t i = 0; i < images; i++) {
        float *logits = known_read(&file, classes), *targets = known_read(&file, classes);
        float *loss_known = known_read(&file, 1), *p_known = known_read(&file, classes);
        float *d_known = known_read(&file, classes);
        assert_int_equal(cross_entropy(lane, 1, classes, logits, targets, 1.0f / (float)images,
                                       &loss, p, d, &err),
                         0);
        known_compare("loss", &loss, loss_known, 1, 1e-6, 0.1);
        known_compare("probability", p, p_known, classes, 3e-6, 1e-9);
        known_compare("gradient", d, d_known, classes, 3e-6, 1e-3);
        free(logits), free(targets), free(loss_known), free(p_known), free(d_known);
    }
    free(p), free(d);
    known_close(&file);
    cpu_close(cpu);
}

struct logits {
    int64_t n, classes;
    const double *targets;
    double *probabilities;
};

static void loss_of_logits(void *arg, const double *x, double *y)
{
    struct logits *l = arg;
    naive_loss(l->n, l->classes, x, l->targets, y, l->probabilities);
}

/* Of the backend's own gradient, for targets that are distributions. */
static void loss_gradient_equals_difference_quotients(void **state)
{
    (void)state;
    enum { N = 3, CLASSES = 5 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float z[N * CLASSES], targets[N * CLASSES], loss[N], p[N * CLASSES], d[N * CLASSES];
    naive_fill(z, N * CLASSES, 1);
    naive_fill(targets, N * CLASSES, 2);
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int j = 0; j < CLASSES; j++)
            sum += targets[i * CLASSES + j] = fabsf(targets[i * CLASSES + j]);
        for (int j = 0; j < CLASSES; j++)
            targets[i * CLASSES + j] /= sum;
    }
    cross_entropy(lane, N, CLASSES, z, targets, 0.25f, loss, p, d, &err);
    double *x = naive_widen(z, N * CLASSES), y[N], weight[N] = {0.25, 0.25, 0.25};
    double probabilities[N * CLASSES], *t = naive_widen(targets, N * CLASSES);
    struct logits l = {N, CLASSES, t, probabilities};
    for (int i = 0; i < N * CLASSES; i++)
        assert_true(fabs(naive_difference_quotient(loss_of_logits, &l, x, i, y, N, weight) -
                         (double)d[i]) < 1e-6);
    loss_of_logits(&l, x, y);
    assert_true(naive_distance(loss, y, N) < 1e-6);
    assert_true(naive_distance(p, probabilities, N * CLASSES) < 1e-6);
    free(x), free(t);
    cpu_close(cpu);
}

static void loss_keeps_what_is_not_a_number(void **state)
{
    (void)state;
    float target[3] = {1, 0, 0}, loss, p[3], d[3];
    for (int i = 0; i < 3; i++) {
        float z[3] = {0, 0, 0};
        z[i] = NAN;
        loss_image(3, z, target, 1, &loss, p, d);
        assert_true(isnan(loss) && isnan(p[1]) && isnan(d[1]));
        z[i] = INFINITY;
        loss_image(3, z, target, 1, &loss, p, d);
        assert_true(isnan(loss));
    }
    float far[3] = {0, -INFINITY, -1000};
    loss_image(3, far, target, 1, &loss, NULL, NULL);
    assert_true(loss == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_equals_keras),
        cmocka_unit_test(loss_gradient_equals_difference_quotients),
        cmocka_unit_test(loss_keeps_what_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
