/* Batch norm, and masks with their sums. */
#include "check.h"
extern "C" {
#include "nn/norm.h"
}

#include <cstdio>

static const struct {
    int64_t rows, c;
} sizes[] = {{1, 1}, {1, 8}, {7, 3}, {50, 16}, {1300, 10}, {900, 40}, {40, 520}};

static tensor narrowed(const std::vector<double> &values)
{
    tensor t(DTYPE_F32, (int64_t)values.size());
    for (size_t i = 0; i < values.size(); i++)
        t.f32()[i] = (float)values[i];
    return t;
}

static bool near_f64(const char *what, const std::vector<double> &a, const std::vector<double> &b)
{
    tensor result = narrowed(a), expected = narrowed(b);
    return near(what, result, expected);
}

static std::vector<double> part(const std::vector<double> &v, int64_t c, int half)
{
    return std::vector<double>(v.begin() + half * c, v.begin() + (half + 1) * c);
}

/* `mean` far from 0 compared with the spread: squares would cancel. */
static bool check_statistics(enum dtype dtype, int64_t rows, int64_t c, float mean, bool special)
{
    std::vector<double> result((size_t)(2 * c)), expected((size_t)(2 * c));
    std::vector<unsigned char> scratch(kernel_norm_scratch(rows, c));
    tensor x(dtype, rows * c);
    x.fill(1, mean);
    if (special)
        for (int64_t i = 0; i < rows * c; i += 3 * c)
            x.set(i, i % 2 ? 1.0f / 0.0f : 0.0f / 0.0f);
    kernel_norm_statistics(NULL, dtype, rows, c, x.data(), scratch.data(), result.data());
    norm_statistics(cpu_lane(), dtype, rows, c, x.data(), expected.data(), expected.data() + c,
                    &cpu_error);
    return near_f64("mean", part(result, c, 0), part(expected, c, 0)) &
           near_f64("m2", part(result, c, 1), part(expected, c, 1));
}

static bool check_join(int64_t c)
{
    const int64_t shards = 3, rows = 40, last = 7;
    std::vector<double> statistics((size_t)(shards * 2 * c));
    tensor gamma(DTYPE_F32, c), beta(DTYPE_F32, c), moments(DTYPE_F32, 2 * c);
    tensor factors(DTYPE_F32, NORM_FACTORS * c), expected(DTYPE_F32, NORM_FACTORS * c);
    tensor own(DTYPE_F32, c), moments_expected(DTYPE_F32, 2 * c),
        again(DTYPE_F32, NORM_FACTORS * c);
    tensor scale(DTYPE_F32, c), bias(DTYPE_F32, c), bias_expected(DTYPE_F32, c),
        scale_expected(DTYPE_F32, c);
    for (size_t i = 0; i < statistics.size(); i++)
        statistics[i] = 0.5 + (double)(i * 7 % 11) / 8;
    gamma.fill(1, 1.5f), beta.fill(2), own.fill(3), factors.fill(4), expected.fill(4),
        again.fill(4);
    for (int64_t i = 0; i < c; i++) {
        struct norm_moments all = {};
        for (int64_t s = 0; s < shards; s++) {
            const double *shard = &statistics[(size_t)(s * 2 * c + i)];
            const struct norm_moments more = {s == shards - 1 ? last : rows, shard[0], shard[c]};
            norm_join(&all, &more);
        }
        float *e = expected.f32() + i, *m = moments_expected.f32() + i;
        m[0] = (float)all.mean, m[c] = norm_variance(&all);
        norm_scale_shift(gamma.f32()[i], beta.f32()[i], m[0], m[c], 1e-3f, &e[NORM_SCALE * c],
                         &e[NORM_SHIFT * c]);
        e[NORM_MEAN * c] = m[0], e[NORM_RSTD * c] = norm_rstd(m[c], 1e-3f);
        e[NORM_A * c] = e[NORM_SCALE * c];
        scale_expected.f32()[i] = e[NORM_SCALE * c];
        bias_expected.f32()[i] = own.f32()[i] * e[NORM_SCALE * c] + e[NORM_SHIFT * c];
    }
    kernel_norm_join(NULL, c, shards, rows, last, statistics.data(), gamma.f32(), beta.f32(), 1e-3f,
                     moments.f32(), factors.f32());
    const float *mean = moments.f32(), *variance = moments.f32() + c;
    kernel_norm_factors(NULL, c, gamma.f32(), beta.f32(), mean, variance, 1e-3f, again.f32());
    kernel_norm_fold(NULL, c, own.f32(), gamma.f32(), beta.f32(), mean, variance, 1e-3f,
                     scale.f32(), bias.f32());
    bool ok = same("moments", moments, moments_expected) & same("factors", factors, expected) &
              same("moving factors", again, expected) &
              same("folded scale", scale, scale_expected) &
              same("folded bias", bias, bias_expected);
    kernel_norm_fold(NULL, c, own.f32(), NULL, NULL, NULL, NULL, 1e-3f, scale.f32(), bias.f32());
    for (int64_t i = 0; i < c; i++)
        scale_expected.f32()[i] = 1;
    return ok & same("no norm's scale", scale, scale_expected) & same("no norm's bias", bias, own);
}

static bool check_move(int64_t c)
{
    struct step_scalars scalars = {};
    tensor moments(DTYPE_F32, 2 * c), mean(DTYPE_F32, c), variance(DTYPE_F32, c);
    tensor mean_expected(DTYPE_F32, c), variance_expected(DTYPE_F32, c);
    moments.fill(1, 2), mean.fill(2), variance.fill(3, 2);
    for (int64_t i = 0; i < c; i++) {
        mean_expected.f32()[i] = norm_moving(mean.f32()[i], moments.f32()[i], 0.99);
        variance_expected.f32()[i] = norm_moving(variance.f32()[i], moments.f32()[c + i], 0.99);
    }
    kernel_norm_move(NULL, &scalars, c, moments.f32(), 0.99, mean.f32(), variance.f32());
    scalars.stopped = 1;
    kernel_norm_move(NULL, &scalars, c, moments.f32(), 0.99, mean.f32(), variance.f32());
    return same("moving mean", mean, mean_expected) &
           same("moving variance", variance, variance_expected);
}

static bool check_apply(enum dtype dtype, int64_t rows, int64_t c, bool residual,
                        enum activation activation, bool special)
{
    tensor x(dtype, rows * c), y(dtype, rows * c), r(dtype, rows * c), expected(dtype, rows * c);
    tensor scale(DTYPE_F32, c), shift(DTYPE_F32, c), d(DTYPE_F32, c);
    x.fill(1, 0.75f, special), r.fill(2, 0.25f, special), scale.fill(3), shift.fill(4, -0.5f),
        d.fill(5);
    kernel_norm_apply(NULL, dtype, rows, c, x.data(), scale.f32(), shift.f32(),
                      residual ? r.data() : NULL, activation, y.data());
    norm_apply(cpu_lane(), dtype, rows, c, x.data(), scale.f32(), shift.f32(),
               residual ? r.data() : NULL, activation, expected.data(), &cpu_error);
    bool ok = same("norm apply", y, expected);
    kernel_norm_backward_data(NULL, dtype, rows, c, x.data(), r.data(), scale.f32(),
                              residual ? shift.f32() : NULL, d.f32(), y.data());
    norm_backward_data(cpu_lane(), dtype, rows, c, x.data(), r.data(), scale.f32(),
                       residual ? shift.f32() : NULL, d.f32(), expected.data(), &cpu_error);
    return ok & same("norm backward data", y, expected);
}

static bool check_mask(enum dtype dtype, int64_t rows, int64_t c, enum activation activation,
                       bool residual, bool adds, bool sums, bool norm)
{
    tensor y(dtype, rows * c), dy(dtype, rows * c), to(dtype, rows * c), z(dtype, rows * c);
    tensor dy_expected(dtype, rows * c), to_expected(dtype, rows * c);
    tensor mean(DTYPE_F32, c), rstd(DTYPE_F32, c);
    std::vector<double> result((size_t)(2 * c)), expected((size_t)(2 * c));
    std::vector<unsigned char> scratch(kernel_norm_scratch(rows, c));
    y.fill(1, 0.5f), dy.fill(2, 0.5f), to.fill(3), z.fill(4, 1.5f), mean.fill(5, 1.5f),
        rstd.fill(6);
    dy_expected.fill(2, 0.5f), to_expected.fill(3);
    kernel_mask(NULL, dtype, rows, c, activation, y.data(), dy.data(), adds,
                residual ? to.data() : NULL, norm ? z.data() : NULL, mean.f32(), rstd.f32(),
                scratch.data(), sums ? result.data() : NULL);
    activation_backward(cpu_lane(), dtype, rows * c, activation, y.data(), dy_expected.data(),
                        &cpu_error);
    if (residual)
        (adds ? tensor_accumulate : tensor_copy)(cpu_lane(), dtype, rows * c, dy_expected.data(),
                                                 to_expected.data(), &cpu_error);
    bool ok = same("masked", dy, dy_expected) & same("residual", to, to_expected);
    if (!sums)
        return ok;
    norm_backward_sums(cpu_lane(), dtype, rows, c, z.data(), dy_expected.data(), mean.f32(),
                       rstd.f32(), expected.data(), expected.data() + c, &cpu_error);
    return ok & (!norm || near_f64("dgamma", part(result, c, 0), part(expected, c, 0))) &
           near_f64("dbeta", part(result, c, 1), part(expected, c, 1));
}

static bool check_backward_join(int64_t c, bool batch)
{
    const int64_t shards = 3, rows = 77;
    std::vector<double> sums((size_t)(shards * 2 * c));
    tensor gamma(DTYPE_F32, c), factors(DTYPE_F32, NORM_FACTORS * c);
    tensor expected(DTYPE_F32, NORM_FACTORS * c), dgamma(DTYPE_F32, c), dbeta(DTYPE_F32, c);
    tensor dgamma_expected(DTYPE_F32, c), dbeta_expected(DTYPE_F32, c);
    gamma.fill(1), factors.fill(2), expected.fill(2);
    for (size_t i = 0; i < sums.size(); i++)
        sums[i] = (double)(i * 5 % 13) / 3 - 1;
    for (int64_t i = 0; i < c; i++) {
        double g = 0, b = 0;
        for (int64_t s = 0; s < shards; s++)
            g += sums[(size_t)(s * 2 * c + i)], b += sums[(size_t)(s * 2 * c + c + i)];
        float *e = expected.f32() + i;
        dgamma_expected.f32()[i] = (float)g, dbeta_expected.f32()[i] = (float)b;
        if (batch)
            norm_batch_backward(gamma.f32()[i], e[NORM_MEAN * c], e[NORM_RSTD * c], rows, g, b,
                                &e[NORM_A * c], &e[NORM_B * c], &e[NORM_D * c]);
    }
    kernel_norm_backward(NULL, c, shards, rows, sums.data(), gamma.f32(),
                         batch ? factors.f32() : NULL, dgamma.f32(), dbeta.f32());
    bool ok = same("joined dgamma", dgamma, dgamma_expected) &
              same("joined dbeta", dbeta, dbeta_expected) & same("a, b, d", factors, expected);
    dbeta.fill(9);
    kernel_norm_backward(NULL, c, shards, rows, sums.data(), NULL, NULL, NULL, dbeta.f32());
    return ok & same("bias gradient", dbeta, dbeta_expected);
}

void check_norms()
{
    bool statistics = true, apply = true, mask = true;
    EACH_DTYPE(dtype)
    for (const auto &size : sizes) {
        statistics &= check_statistics(dtype, size.rows, size.c, 0.75f, false);
        statistics &= check_statistics(dtype, size.rows, size.c, 300.0f, false);
        statistics &= check_statistics(dtype, size.rows, size.c, 0.75f, true);
        for (enum activation activation : {ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6})
            for (bool residual : {false, true}) {
                apply &= check_apply(dtype, size.rows, size.c, residual, activation, residual);
                mask &= check_mask(dtype, size.rows, size.c, activation, residual,
                                   activation == ACTIVATION_RELU6, true, !residual);
            }
        mask &= check_mask(dtype, size.rows, size.c, ACTIVATION_RELU, true, true, false, false);
    }
    report("norm_statistics_are_near_the_cpus", statistics);
    report("shards_of_statistics_are_joined_with_the_cpus_bits", check_join(5) & check_join(300));
    report("moving_statistics_move_until_stopped", check_move(5));
    report("norms_are_applied_with_the_cpus_bits", apply);
    report("masked_gradients_have_the_cpus_bits_and_sums_near_them", mask);
    report("sums_of_norms_are_joined_with_the_cpus_bits",
           check_backward_join(5, true) & check_backward_join(300, false));
}
