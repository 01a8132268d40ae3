/* Loss and dropout. */
#include "check.h"

#include <cmath>
#include <cstdio>
#include <cstring>

static bool check_loss(int64_t n, int64_t classes, bool weighted, enum dtype dtype, bool special)
{
    struct step_scalars s = {};
    tensor logits(DTYPE_F32, n * classes), targets(DTYPE_F32, n * classes),
        weights(DTYPE_F32, classes);
    tensor losses(DTYPE_F32, n), probabilities(DTYPE_F32, n * classes), dlogits(dtype, n * classes);
    tensor losses_expected(DTYPE_F32, n), probabilities_expected(DTYPE_F32, n * classes);
    tensor wide(DTYPE_F32, n * classes), dlogits_expected(dtype, n * classes);
    tensor alone(DTYPE_F32, n);
    std::vector<int32_t> hits((size_t)n), others((size_t)n);
    bool ok = true;
    logits.fill(1, 3, special), targets.fill(2, 1), weights.fill(3, 1.5f);
    for (int64_t i = 0; i < n * classes; i++)
        targets.set(i, i % 3 ? 0.0f : targets.get(i)); /* a class of no share has no loss */
    s.scale = 1.0f / 7;
    kernel_loss(NULL, &s, n, classes, logits.f32(), targets.f32(), weighted ? weights.f32() : NULL,
                losses.f32(), hits.data(), probabilities.f32(), dtype, dlogits.data());
    kernel_loss(NULL, NULL, n, classes, logits.f32(), targets.f32(),
                weighted ? weights.f32() : NULL, alone.f32(), others.data(), NULL, dtype, NULL);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = i * classes, target = network_argmax(targets.f32() + at, classes);
        const float weight = weighted ? weights.get(target) : 1.0f;
        cross_entropy(NULL, 1, classes, logits.f32() + at, targets.f32() + at,
                      weighted ? s.scale * weight : s.scale, losses_expected.f32() + i,
                      probabilities_expected.f32() + at, wide.f32() + at, &cpu_error);
        losses_expected.f32()[i] *= weight;
        const bool hit = network_argmax(logits.f32() + at, classes) == target;
        ok &= equal("hit", hits[(size_t)i], hit) & equal("hit", others[(size_t)i], hit);
    }
    tensor_convert(NULL, n * classes, DTYPE_F32, wide.data(), dtype, dlogits_expected.data(),
                   &cpu_error);
    return ok & same("losses", losses, losses_expected) &
           same("losses alone", alone, losses_expected) &
           same("probabilities", probabilities, probabilities_expected) &
           same("dlogits", dlogits, dlogits_expected);
}

/* Equal largest logits; a NaN at the begin, which wins, and later, which does not. */
static bool check_ties()
{
    tensor logits(DTYPE_F32, 4 * 40), targets(DTYPE_F32, 4 * 40), losses(DTYPE_F32, 4);
    int32_t hits[4];
    bool ok = true;
    for (int64_t i = 0; i < 160; i++)
        logits.set(i, (float)(i % 40 == 35 || i % 40 == 3)), targets.set(i, i % 40 == 3);
    logits.set(40 + 0, NAN);
    logits.set(80 + 1, NAN);
    targets.set(120 + 3, 0), targets.set(120 + 35, 1);
    kernel_loss(NULL, NULL, 4, 40, logits.f32(), targets.f32(), NULL, losses.f32(), hits, NULL,
                DTYPE_F32, NULL);
    for (int64_t i = 0; i < 4; i++)
        ok &= equal("hit", hits[i],
                    network_argmax(logits.f32() + i * 40, 40) ==
                        network_argmax(targets.f32() + i * 40, 40));
    return ok & equal("hits", hits[0] + 2 * hits[1] + 4 * hits[2] + 8 * hits[3], 5);
}

static bool check_sums()
{
    const int64_t n = 37;
    struct step_scalars s = {};
    struct batch_result results[3] = {}, sum = {};
    tensor losses(DTYPE_F32, n);
    std::vector<int32_t> hits((size_t)n);
    losses.fill(1, 2);
    for (int64_t i = 0; i < n; i++) {
        hits[(size_t)i] = i % 3 == 0;
        sum.loss += (double)losses.get(i);
        sum.hits += i % 3 == 0;
    }
    s.index = 1;
    kernel_loss_sums(NULL, &s, n, losses.f32(), hits.data(), results);
    kernel_loss_sums(NULL, NULL, n, losses.f32(), hits.data(), results);
    bool ok = equal("loss", results[1].loss, sum.loss) & equal("loss", results[0].loss, sum.loss) &
              equal("hits", (double)results[1].hits, (double)sum.hits) &
              equal("stopped", s.stopped, 0);
    losses.set(5, INFINITY);
    s.index = 2;
    kernel_loss_sums(NULL, &s, n, losses.f32(), hits.data(), results);
    kernel_loss_sums(NULL, &s, n, losses.f32(), hits.data(), results);
    return ok & equal("stopped", s.stopped, 1) & equal("loss", results[2].loss, (double)INFINITY) &
           equal("hits", (double)results[2].hits, (double)sum.hits);
}

static bool check_dropout(enum dtype dtype, int64_t n, int64_t c, bool in_place)
{
    const int64_t samples[] = {9, 9, 7, 123456, 2};
    const struct dropout_key key = {5, 1000, 3, 0.3f};
    struct step_scalars s = {};
    tensor x(dtype, n * c), y(dtype, n * c), expected(dtype, n * c);
    s.step = 1000, s.position = 2;
    x.fill(1, 0.75f, c == 13);
    dropout_apply(NULL, dtype, &key, n, c, samples + 2, x.data(), expected.data(), &cpu_error);
    tensor &to = in_place ? x : y;
    kernel_dropout(NULL, dtype, &s, samples, key.seed, key.layer, key.rate, n, c, x.data(),
                   to.data());
    return same("dropout", to, expected);
}

void check_losses()
{
    bool loss = true, dropout = true;
    EACH_DTYPE(dtype)
    {
        for (bool weighted : {false, true})
            for (bool special : {false, true})
                loss &= check_loss(3, 10, weighted, dtype, special) &
                        check_loss(1, 1, weighted, dtype, special) &
                        check_loss(2, 100, weighted, dtype, special) &
                        check_loss(1, 10000, weighted, dtype, special);
        for (int64_t c : {1, 13, 16, 2050})
            dropout &= check_dropout(dtype, 3, c, c == 16);
    }
    report("losses_and_their_gradients_have_the_cpus_bits", loss);
    report("the_first_of_equal_logits_is_the_most_likely", check_ties());
    report("losses_are_summed_in_order_and_stop_a_training", check_sums());
    report("dropout_has_the_cpus_bits", dropout);
}
