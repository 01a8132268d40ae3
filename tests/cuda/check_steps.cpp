/* The numbers of a step, what moves weights, and kernels packed for cuDNN. */
#include "check.h"

#include "emulate.h"

#include <cstdio>

/* A step that was captured once and is replayed takes what changes out of the card's memory. */
static bool check_advance()
{
    const struct train_step steps[] = {{4, 0.5f}, {4, 0.25f}, {3, 0.125f}};
    struct step_scalars s = {}, *scalars = &s;
    uint32_t hidden = 0;
    const uint32_t *raised = &hidden;
    bool ok = true;
    s.index = -1, s.step = -1, s.position = 10;
    emulate::capture_begin();
    kernel_step_advance(NULL, steps, 0.9f, raised, scalars);
    const auto graph = emulate::capture_end();
    for (int i = 0; i < 3; i++) {
        graph[0]();
        ok &= equal("index", (double)s.index, i) & equal("step", (double)s.step, i) &
              equal("position", (double)s.position, 10 + 4 * i) &
              equal("scale", s.scale, 1.0f / (float)steps[i].n) &
              equal("alpha", s.alpha, adam_alpha(steps[i].learning_rate, i + 1)) &
              equal("average's momentum", s.ema_momentum, i == 0 ? 0.0f : 0.9f);
    }
    s.stopped = STOPPED_BY_LOSS;
    graph[0]();
    ok &= equal("index when stopped", (double)s.index, 2);
    s.index = 0, s.stopped = 0, hidden = 1;
    graph[0]();
    ok &= equal("stopped by what is hidden", s.stopped, STOPPED_BY_PREFIX) &
          equal("index when that stopped it", (double)s.index, 0);
    hidden = 0, s.stopped = 0;
    kernel_step_advance(NULL, steps, 0.9f, NULL, scalars);
    return ok & equal("index without a flag", (double)s.index, 1);
}

static bool check_weights(int64_t count, int64_t shift)
{
    struct step_scalars s = {};
    tensor g(DTYPE_F32, count, shift), w(DTYPE_F32, count, shift), m(DTYPE_F32, count, shift);
    tensor v(DTYPE_F32, count, shift), averages(DTYPE_F32, count, shift);
    tensor w_expected(DTYPE_F32, count), m_expected(DTYPE_F32, count), v_expected(DTYPE_F32, count);
    tensor averages_expected(DTYPE_F32, count);
    const auto all_same = [&](const char *what) {
        return same(what, w, w_expected) & same(what, m, m_expected) & same(what, v, v_expected) &
               same(what, averages, averages_expected);
    };
    bool ok = true;
    g.fill(1, 0.1f, count == 13), w.fill(2), m.fill(3), v.fill(4, 2), averages.fill(5);
    w_expected.fill(2), m_expected.fill(3), v_expected.fill(4, 2), averages_expected.fill(5);
    s.learning_rate = 0.01f, s.alpha = 0.02f, s.ema_momentum = 0.9f;
    const auto step = [&](bool nesterov) {
        kernel_decay(NULL, &s, count, 0.004f, w.f32());
        kernel_adam(NULL, &s, count, g.f32(), w.f32(), m.f32(), v.f32());
        kernel_sgd(NULL, &s, count, 0.9f, nesterov, g.f32(), w.f32(), m.f32());
        kernel_average(NULL, &s, count, w.f32(), averages.f32());
    };
    for (bool nesterov : {false, true}) {
        step(nesterov);
        decay_apply(NULL, count, 0.004f, 0.01f, w_expected.f32(), &cpu_error);
        adam_apply(NULL, count, {0.02f}, g.f32(), w_expected.f32(), m_expected.f32(),
                   v_expected.f32(), &cpu_error);
        sgd_apply(NULL, count, {0.01f, 0.9f, nesterov}, g.f32(), w_expected.f32(), m_expected.f32(),
                  &cpu_error);
        average_apply(NULL, count, 0.9f, w_expected.f32(), averages_expected.f32(), &cpu_error);
        ok &= all_same("weights");
    }
    s.stopped = 1;
    step(false);
    return ok & all_same("weights when stopped");
}

void check_steps()
{
    bool weights = true;
    for (int64_t count : {1, 3, 4, 13, 4099})
        for (int64_t shift : {0, 1})
            weights &= check_weights(count, shift);
    report("a_replayed_step_advances_until_stopped", check_advance());
    report("optimizers_have_the_cpus_bits", weights);
}

/* ---- packing ---- */

static bool check_pack(enum dtype dtype, int64_t places, int64_t c, int64_t k, int64_t packed_c,
                       bool scaled)
{
    tensor kernel(DTYPE_F32, places * c * k), scale(DTYPE_F32, k), back(DTYPE_F32, places * c * k);
    tensor packed(dtype, k * places * packed_c), expected(dtype, k * places * packed_c);
    tensor gradient(DTYPE_F32, places * c * k);
    kernel.fill(1), scale.fill(2);
    for (int64_t i = 0; i < k * places * packed_c; i++) {
        const int64_t channel = i % packed_c, place = i / packed_c % places,
                      out = i / packed_c / places;
        const int64_t at = (place * c + channel) * k + out;
        expected.set(i, channel >= c ? 0.0f
                        : scaled     ? kernel.get(at) * scale.get(out)
                                     : kernel.get(at));
        if (channel < c)
            gradient.set(at, expected.get(i));
    }
    kernel_pack(NULL, places, c, k, kernel.f32(), scaled ? scale.f32() : NULL, packed_c, dtype,
                packed.data());
    kernel_unpack_gradient(NULL, places, c, k, packed_c, dtype, expected.data(), back.f32());
    return same("packed", packed, expected) & same("unpacked", back, gradient);
}

static bool check_pack_depthwise(enum dtype dtype, bool scaled)
{
    const int64_t places = 9, c = 37;
    tensor kernel(DTYPE_F32, places * c), scale(DTYPE_F32, c);
    tensor packed(dtype, places * c), expected(dtype, places * c);
    kernel.fill(1), scale.fill(2);
    for (int64_t i = 0; i < places * c; i++)
        expected.set(i, scaled ? kernel.get(i) * scale.get(i % c) : kernel.get(i));
    kernel_pack_depthwise(NULL, places, c, kernel.f32(), scaled ? scale.f32() : NULL, dtype,
                          packed.data());
    return same("packed depthwise", packed, expected);
}

void check_packing()
{
    bool ok = true, depthwise = true;
    EACH_DTYPE(dtype)
    for (bool scaled : {false, true}) {
        ok &= check_pack(dtype, 9, 3, 10, 4, scaled) & check_pack(dtype, 1, 64, 33, 64, scaled) &
              check_pack(dtype, 49, 3, 8, 8, scaled) & check_pack(dtype, 1, 1, 1, 1, scaled);
        depthwise &= check_pack_depthwise(dtype, scaled);
    }
    report("kernels_are_packed_and_gradients_unpacked", ok);
    report("depthwise_kernels_are_scaled_and_rounded", depthwise);
}
