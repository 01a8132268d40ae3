#include "nn/cpu/cpu_device.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>

struct cpu_device {
    struct device device; /* first */
    struct cpu *cpu;
};

static int new_executor(struct device *device, const struct program *program,
                        const struct model *model, const struct network_options *options,
                        struct executor **executor, struct error *err)
{
    return executor_new(((struct cpu_device *)device)->cpu, program, model, options, executor, err);
}

static void cpu_device_close(struct device *device)
{
    cpu_close(((struct cpu_device *)device)->cpu);
    free(device);
}

static const struct device_table table = {
    .executor_new = new_executor,
    .executor_free = executor_free,
    .set_optimizer = executor_set_optimizer,
    .train = executor_train,
    .gradients = executor_gradients,
    .remember = executor_remember,
    .infer = executor_infer,
    .observe = executor_observe,
    .load = executor_load,
    .store = executor_store,
    .get_moments = executor_get_moments,
    .set_moments = executor_set_moments,
    .swap_averages = executor_swap_averages,
    .get_averages = executor_get_averages,
    .set_averages = executor_set_averages,
    .is_careful = executor_is_careful,
    .be_careful = executor_be_careful,
    .describe = executor_describe,
    .measure = executor_measure,
    .close = cpu_device_close,
};

int cpu_device_open(int threads, struct device **device, struct error *err)
{
    const dnnl_version_t *version = dnnl_version();
    char isa[ONEDNN_ISA_SIZE];
    struct cpu_device *made = memory_new(1, sizeof(*made), err);
    if (made == NULL)
        return -1;
    if (cpu_open(threads, &made->cpu, err) != 0) {
        free(made);
        return -1;
    }
    onednn_isa(isa);
    threads = cpu_lanes(made->cpu);
    made->device = (struct device){
        .table = &table, .name = "cpu", .preferred = DTYPE_F32, .shard = 8, .steps_at_once = 1};
    if (!onednn_has_bf16())
        made->device.no_bf16 = "this processor has neither avx512_bf16 nor amx_bf16, or oneDNN is "
                               "told not to use them";
    snprintf(made->device.description, sizeof(made->device.description),
             "cpu, oneDNN %d.%d.%d, %s, %d thread%s", version->major, version->minor,
             version->patch, isa, threads, threads == 1 ? "" : "s");
    *device = &made->device;
    return 0;
}

int cpu_device_fingerprint(FILE *stream, struct error *err)
{
    struct text words = {0};
    cpu_describe(&words);
    int result = text_check(&words, err);
    if (result == 0 && fputs(text_string(&words), stream) < 0)
        result = error_errno(err, "cannot write the fingerprint");
    text_release(&words);
    return result;
}
