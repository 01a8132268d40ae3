#include "nn/cpu/own_kernels.h"

#include "nn/cpu/depthwise_bf16.h"
#include "nn/cpu/winograd_cpu.h"

/* For the passes that it is faster for. */
static int winograd_init(struct own_kernels *own, struct cpu *cpu, struct error *err)
{
    const struct conv_options *options = &own->options;
    if (!winograd_takes(&own->shape, options))
        return 0;
    for (unsigned pass = CONV_FORWARD; pass <= CONV_BACKWARD_WEIGHTS; pass *= 2) {
        if ((options->passes & pass) == 0 || (pass == CONV_BACKWARD_WEIGHTS && options->bias))
            continue;
        if (winograd_new(cpu, &own->shape, options, (enum conv_pass)pass, &own->winograd[pass],
                         err) != 0 &&
            err->kind != ERR_DEVICE)
            return -1;
    }
    return 0;
}

int own_kernels_init(struct own_kernels *own, struct cpu *cpu, const struct conv_shape *shape,
                     const struct conv_options *options, struct error *err)
{
    *own = (struct own_kernels){.shape = *shape, .options = *options};
    for (unsigned pass = CONV_FORWARD; pass <= CONV_BACKWARD_WEIGHTS; pass *= 2)
        if (depthwise_bf16_takes(shape, options, (enum conv_pass)pass))
            own->depthwise_bf16 |= pass;
    return winograd_init(own, cpu, err);
}

void own_kernels_release(struct own_kernels *own)
{
    for (size_t i = 0; i < sizeof(own->winograd) / sizeof(own->winograd[0]); i++)
        winograd_free(own->winograd[i]);
}

bool own_kernels_has(const struct own_kernels *own, enum conv_pass pass)
{
    return own->winograd[pass] != NULL || (own->depthwise_bf16 & pass) != 0;
}

const char *own_kernels_name(const struct own_kernels *own, enum conv_pass pass,
                             const char **products)
{
    const struct winograd *winograd = own->winograd[pass];
    *products = winograd != NULL ? winograd_implementation(winograd) : "";
    if (winograd != NULL)
        return "winograd";
    return (own->depthwise_bf16 & pass) != 0 ? "depthwise_bf16" : NULL;
}

size_t own_kernels_packed_size(const struct own_kernels *own, enum conv_pass pass)
{
    if (own->winograd[pass] != NULL)
        return winograd_packed_size(own->winograd[pass]);
    return (own->depthwise_bf16 & pass) != 0 ? depthwise_bf16_packed_size(&own->shape) : 0;
}

size_t own_kernels_scratch_bytes(const struct own_kernels *own)
{
    size_t most = own->depthwise_bf16 != 0 ? depthwise_bf16_scratch_bytes(&own->shape) : 0;
    for (size_t i = 0; i < sizeof(own->winograd) / sizeof(own->winograd[0]); i++) {
        const size_t asked = winograd_scratch_bytes(own->winograd[i]);
        most = asked > most ? asked : most;
    }
    return most;
}

int own_kernels_pack(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                     const float *kernel, const float *scale, void *packed, struct error *err)
{
    if ((own->depthwise_bf16 & pass) != 0)
        depthwise_bf16_pack(&own->shape, pass, kernel, scale, packed);
    if (own->winograd[pass] == NULL)
        return 0;
    return winograd_pack(lane, own->winograd[pass], kernel, scale, packed, err);
}

/* Of depthwise_bf16(). */
static struct depthwise_operands
depthwise_operands(const struct own_kernels *own, enum conv_pass pass, const struct own_operands *o)
{
    return (struct depthwise_operands){.activation = pass == CONV_FORWARD ? own->options.activation
                                                                          : ACTIVATION_NONE,
                                       .x = o->x,
                                       .packed = o->kernel,
                                       .bias = own->options.bias ? o->bias : NULL,
                                       .y = o->y};
}

int own_kernels_run(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                    const struct own_operands *o, bool *taken, struct error *err)
{
    const struct winograd *winograd = own->winograd[pass];
    const struct depthwise_operands depthwise = depthwise_operands(own, pass, o);
    if (winograd == NULL)
        return depthwise_bf16(lane, &own->shape, &depthwise, taken, err);
    if (pass == CONV_BACKWARD_WEIGHTS)
        return winograd_gradient(lane, winograd, o->x, o->kernel, o->y, taken, err);
    return winograd_run(lane, winograd, o->x, o->kernel, o->bias, o->residual, o->y, taken, err);
}

int own_kernels_mend(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                     const struct own_operands *o, struct error *err)
{
    const struct winograd *winograd = own->winograd[pass];
    const struct depthwise_operands depthwise = depthwise_operands(own, pass, o);
    if (winograd != NULL)
        return winograd_run_sound(lane, winograd, o->x, o->kernel, o->bias, o->residual, o->y, err);
    if ((own->depthwise_bf16 & pass) != 0)
        return depthwise_bf16_sound(lane, &own->shape, &depthwise, err);
    return 0;
}
