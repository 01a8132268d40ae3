/* Optimizers on a lane against Keras' own, step by step. */
#include "nn/optimizer.h"

#include "known.h"
#include "naive.h"
#include "nn/adam.h"
#include "on_lane.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

struct play {
    struct cpu *cpu;
    struct lane *lane;
    bool sgd, averages;
    float rate, decay, ema;
    struct sgd_step step;
    int64_t count;
    float *w, *m, *v, *average;
};

static void step(struct play *p, int64_t number, const float *g)
{
    struct error err;
    /* The second half is a bias, which decay leaves out. */
    if (p->decay > 0)
        assert_int_equal(decay_apply(p->lane, p->count / 2, p->decay, p->rate, p->w, &err), 0);
    if (p->sgd)
        assert_int_equal(sgd_apply(p->lane, p->count, p->step, g, p->w, p->m, &err), 0);
    else
        assert_int_equal(adam_apply(p->lane, p->count,
                                    (struct adam_step){adam_alpha(p->rate, number + 1)}, g, p->w,
                                    p->m, p->v, &err),
                         0);
    if (p->averages)
        assert_int_equal(
            average_apply(p->lane, p->count, number == 0 ? 0.0f : p->ema, p->w, p->average, &err),
            0);
}

static void play_case(struct play *p, struct known_text *golden)
{
    p->rate = (float)known_number(golden);
    p->decay = (float)known_number(golden);
    p->step = (struct sgd_step){.learning_rate = p->rate};
    p->step.momentum = (float)known_number(golden);
    p->step.nesterov = known_number(golden) > 0;
    p->ema = (float)known_number(golden);
    p->averages = p->ema >= 0;
    const int64_t steps = (int64_t)known_number(golden);
    p->count = (int64_t)known_number(golden);
    p->w = known_read(golden, p->count);
    p->m = naive_new(p->count, sizeof(float));
    p->v = naive_new(p->count, sizeof(float));
    p->average = naive_new(p->count, sizeof(float));
    for (int64_t i = 0; i < steps; i++) {
        float *g = known_read(golden, p->count), *w = known_read(golden, p->count);
        step(p, i, g);
        known_compare("weight", p->w, w, p->count, 1e-6, 1e-3);
        free(g), free(w);
        if (!p->averages)
            continue;
        float *average = known_read(golden, p->count);
        known_compare("average", p->average, average, p->count, 1e-6, 1e-3);
        free(average);
    }
    free(p->w), free(p->m), free(p->v), free(p->average);
}

static void optimizers_are_keras(void **state)
{
    struct play p = {0};
    struct known_text golden;
    const char *word;
    int cases = 0;
    (void)state;
    p.cpu = on_lane_open(&p.lane);
    known_open(&golden, "tests/golden/keras_optimizers/optimizers.txt");
    for (; (word = known_word(&golden)) != NULL; cases++) {
        p.sgd = strcmp(word, "sgd") == 0;
        play_case(&p, &golden);
    }
    known_close(&golden);
    cpu_close(p.cpu);
    assert_int_equal(cases, 8);
}

/* The vector loops and what is left over compute the same as one element after another. */
static void optimizers_do_not_depend_on_position(void **state)
{
    enum { COUNT = 203 };
    struct error err;
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    const struct sgd_step nesterov = {0.1f, 0.9f, true};
    float g[COUNT], w[COUNT], m[COUNT], a[COUNT], w1[COUNT], m1[COUNT], a1[COUNT];
    (void)state;
    naive_fill(g, COUNT, 1), naive_fill(w, COUNT, 2), naive_fill(m, COUNT, 3);
    naive_fill(a, COUNT, 4);
    memcpy(w1, w, sizeof w), memcpy(m1, m, sizeof m), memcpy(a1, a, sizeof a);
    decay_apply(lane, COUNT, 0.01f, 0.1f, w, &err);
    sgd_apply(lane, COUNT, nesterov, g, w, m, &err);
    average_apply(lane, COUNT, 0.9f, w, a, &err);
    for (int i = 0; i < COUNT; i++) {
        optimizer_decay(0.01f, 0.1f, &w1[i]);
        optimizer_sgd(nesterov, g[i], &w1[i], &m1[i]);
        optimizer_average(0.9f, w1[i], &a1[i]);
    }
    assert_memory_equal(w, w1, sizeof w);
    assert_memory_equal(m, m1, sizeof m);
    assert_memory_equal(a, a1, sizeof a);
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimizers_are_keras),
        cmocka_unit_test(optimizers_do_not_depend_on_position),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
