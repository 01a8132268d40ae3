/* Convolution on oneDNN: activations NHWC throughout, kernels in the layout that the chosen
 * implementation likes.
 *
 * Which implementation runs is a static rule over oneDNN's own order of preference, never a timing,
 * so the bits do not depend on the day. oneDNN's Winograd is not asked for: it wants other
 * activations, and its bits depend on the size of the shard. own_kernels.h has ours. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/depthwise_cpu.h"
#include "nn/cpu/own_kernels.h"
#include "nn/cpu/strip.h"

#include <stdlib.h>
#include <string.h>

struct conv {
    struct conv_shape shape;
    struct conv_options options;
    struct primitive forward, backward_data, backward_weights;
    struct own_kernels own; /* what they do not take is the primitives' */
    bool finish_apart;      /* residual and activation come after the primitive */
    bool depthwise;         /* the kernel's gradient is depthwise_gradient()'s */
    /* Between the user's kernel layout and the packed ones. */
    struct primitive pack_forward, pack_backward, unpack;
};

/* Layouts of one convolution as oneDNN's names: source, weights and their gradient, bias,
 * destination and its gradient; and the user's kernel. */
struct layouts {
    const_dnnl_memory_desc_t x, w, dw, user_w, bias, y, dy;
    dnnl_dims_t strides, pad_begin, pad_end;
};

static void layouts_release(struct layouts *l)
{
    onednn_layout_free(l->x);
    onednn_layout_free(l->w);
    onednn_layout_free(l->dw);
    onednn_layout_free(l->user_w);
    onednn_layout_free(l->bias);
    onednn_layout_free(l->y);
    onednn_layout_free(l->dy);
}

static dnnl_data_type_t type_of(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* Release it, initialised or failed. */
static int layouts_init(struct layouts *l, const struct conv_shape *s,
                        const struct conv_options *options, struct error *err)
{
    const dnnl_data_type_t type = type_of(options->dtype);
    int64_t g = s->groups;
    dnnl_dims_t x = {s->n, s->c, s->h, s->w};
    dnnl_dims_t y = {s->n, s->k, conv_out_height(s), conv_out_width(s)};
    dnnl_dims_t plain = {s->k, s->c, s->r, s->s};
    dnnl_dims_t grouped = {g, s->k / g, s->c / g, s->r, s->s};
    dnnl_dims_t bias = {s->k};
    const int64_t *w = g == 1 ? plain : grouped;
    dnnl_format_tag_t hwio = g == 1 ? dnnl_hwio : dnnl_hwigo;
    int rank = g == 1 ? 4 : 5;
    *l = (struct layouts){.strides = {s->stride, s->stride},
                          .pad_begin = {s->pad_top, s->pad_left},
                          .pad_end = {s->pad_bottom, s->pad_right}};
    if (onednn_layout_new(&l->x, 4, x, type, dnnl_nhwc, err) != 0 ||
        onednn_layout_new(&l->y, 4, y, type_of(options->y), dnnl_nhwc, err) != 0 ||
        onednn_layout_new(&l->dy, 4, y, type, dnnl_nhwc, err) != 0 ||
        onednn_layout_new(&l->w, rank, w, type, dnnl_format_tag_any, err) != 0 ||
        onednn_layout_new(&l->dw, rank, w, dnnl_f32, dnnl_format_tag_any, err) != 0 ||
        onednn_layout_new(&l->user_w, rank, w, dnnl_f32, hwio, err) != 0 ||
        onednn_layout_new(&l->bias, 1, bias, dnnl_f32, dnnl_x, err) != 0)
        return -1;
    return 0;
}

/* The convolution in one direction, for the search. */
static struct onednn_convolution convolution(const struct layouts *l, dnnl_prop_kind_t direction,
                                             bool bias)
{
    const bool forward = direction == dnnl_forward_training;
    struct onednn_convolution c = {.direction = direction,
                                   .x = l->x,
                                   .w = direction == dnnl_backward_weights ? l->dw : l->w,
                                   .bias = bias ? l->bias : NULL,
                                   .y = forward ? l->y : l->dy};
    memcpy(c.strides, l->strides, sizeof(c.strides));
    memcpy(c.pad_begin, l->pad_begin, sizeof(c.pad_begin));
    memcpy(c.pad_end, l->pad_end, sizeof(c.pad_end));
    return c;
}

/* What is asked of an implementation. */
struct wish {
    const struct conv_shape *shape;
    enum conv_pass pass;
    bool residual; /* added by a post-operation */
};

/* How much an implementation is wanted: lower is better, -1 never. Among equals oneDNN's order of
 * preference holds.
 *   - its reference kernels are many times slower than anything else;
 *   - its gemm convolution adds a residual wrongly to NHWC;
 *   - AMX's jit_1x1 of 2.6 writes beyond the end of an NHWC output;
 *   - brdgmm for depthwise convolution is up to twice as slow as jit_dw;
 *   - jit_1x1 on NHWC, but for the gradient of the kernel, is a third slower than direct
 * convolution where the kernel outgrows the second level cache, and half as fast on dense layers,
 * where its bits also depend on the number of images. */
static int rank(const struct wish *wish, const char *name)
{
    const int64_t large_kernel = 1 << 20;
    const struct conv_shape *s = wish->shape;
    if (strstr(name, "ref") != NULL || (wish->residual && strstr(name, "gemm:") != NULL) ||
        strncmp(name, "jit_1x1:avx512_core_amx", strlen("jit_1x1:avx512_core_amx")) == 0)
        return -1;
    if (strstr(name, "avx512") == NULL)
        return 2;
    bool demoted = strncmp(name, "brdgmm", strlen("brdgmm")) == 0;
    if (wish->pass != CONV_BACKWARD_WEIGHTS && (s->c * s->k >= large_kernel || s->h * s->w == 1))
        demoted = demoted || strncmp(name, "jit_1x1", strlen("jit_1x1")) == 0;
    return demoted ? 1 : 0;
}

/* The best implementation for the convolution. */
static int choose(struct cpu *cpu, const struct wish *wish,
                  const struct onednn_convolution *operation,
                  const_dnnl_primitive_attr_t attributes, const_dnnl_primitive_desc_t hint,
                  dnnl_primitive_desc_t *chosen, struct error *err)
{
    struct onednn_search search;
    dnnl_status_t status =
        onednn_search_first(&search, cpu_engine(cpu), operation, attributes, hint);
    int best = 100;
    *chosen = NULL;
    while (status == dnnl_success && best > 0) {
        const char *name = "ref";
        dnnl_primitive_desc_query(search.found, dnnl_query_impl_info_str, 0, (void *)&name);
        int candidate = rank(wish, name);
        if (candidate >= 0 && candidate < best) {
            status = onednn_search_take(&search, chosen);
            best = candidate;
        }
        if (status == dnnl_success && best > 0)
            status = onednn_search_next(&search);
    }
    onednn_search_end(&search);
    if (status == dnnl_out_of_memory) {
        if (*chosen != NULL)
            dnnl_primitive_desc_destroy(*chosen);
        *chosen = NULL;
        return onednn_check(status, "the search for a convolution", err);
    }
    if (*chosen != NULL)
        return 0;
    return error_set(err, ERR_DEVICE, "oneDNN has no kernel for it but its reference");
}

static dnnl_status_t append_activation(dnnl_post_ops_t operations, enum activation activation)
{
    switch (activation) {
    case ACTIVATION_RELU: return onednn_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
    case ACTIVATION_RELU6: return onednn_append_eltwise(operations, dnnl_eltwise_clip, 0, 6);
    default: return dnnl_success;
    }
}

/* `options` say what follows the sum. */
static int append_operations(const struct layouts *l, const struct conv_options *options,
                             dnnl_primitive_attr_t attributes, struct error *err)
{
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_post_ops_create(&operations);
    if (status == dnnl_success && options->residual)
        status = dnnl_post_ops_append_binary(operations, dnnl_binary_add, l->y);
    if (status == dnnl_success)
        status = append_activation(operations, options->activation);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    if (operations != NULL)
        dnnl_post_ops_destroy(operations);
    return onednn_check(status, "dnnl_primitive_attr_set_post_ops", err);
}

enum { RESIDUAL_ARGUMENT = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1 };

/* The forward primitive with residual and activation of these options fused. */
static int fused_init(struct conv *conv, struct cpu *cpu, const struct layouts *l,
                      const struct conv_options *options, struct error *err)
{
    int arguments[PRIMITIVE_ARGUMENTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    int count = 3;
    const struct onednn_convolution operation =
        convolution(l, dnnl_forward_training, options->bias);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t description = NULL;
    if (options->bias)
        arguments[count++] = DNNL_ARG_BIAS;
    if (options->residual)
        arguments[count++] = RESIDUAL_ARGUMENT;
    int status = primitive_attributes_new(&attributes, err);
    if (status == 0)
        status = append_operations(l, options, attributes, err);
    if (status == 0)
        status = choose(cpu, &(struct wish){&conv->shape, CONV_FORWARD, options->residual},
                        &operation, attributes, NULL, &description, err);
    if (status == 0)
        status = primitive_init(&conv->forward, cpu, description, arguments, count, err);
    if (status == 0)
        status = primitive_init_reorder(
            &conv->pack_forward, cpu, l->user_w,
            dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0), err);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

static int forward_init(struct conv *conv, struct cpu *cpu, const struct layouts *l,
                        struct error *err)
{
    struct conv_options plain = {.passes = conv->options.passes, .bias = conv->options.bias};
    if (fused_init(conv, cpu, l, &conv->options, err) == 0)
        return 0;
    if (!conv->options.residual || err->kind != ERR_DEVICE)
        return -1;
    primitive_release(&conv->forward);
    primitive_release(&conv->pack_forward);
    conv->finish_apart = true;
    return fused_init(conv, cpu, l, &plain, err);
}

static int backward_data_init(struct conv *conv, struct cpu *cpu, const struct layouts *l,
                              const_dnnl_primitive_attr_t attributes,
                              const_dnnl_primitive_desc_t hint, struct error *err)
{
    static const int arguments[] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC};
    const struct onednn_convolution operation = convolution(l, dnnl_backward_data, false);
    dnnl_primitive_desc_t description = NULL;
    int status = choose(cpu, &(struct wish){&conv->shape, CONV_BACKWARD_DATA, false}, &operation,
                        attributes, hint, &description, err);
    if (status == 0)
        status = primitive_init(&conv->backward_data, cpu, description, arguments, 3, err);
    if (status == 0)
        status = primitive_init_reorder(
            &conv->pack_backward, cpu, l->user_w,
            dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0), err);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    return status;
}

static int backward_weights_init(struct conv *conv, struct cpu *cpu, const struct layouts *l,
                                 const_dnnl_primitive_attr_t attributes,
                                 const_dnnl_primitive_desc_t hint, struct error *err)
{
    static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
                                    DNNL_ARG_DIFF_BIAS};
    const struct onednn_convolution operation =
        convolution(l, dnnl_backward_weights, conv->options.bias);
    dnnl_primitive_desc_t description = NULL;
    int status = choose(cpu, &(struct wish){&conv->shape, CONV_BACKWARD_WEIGHTS, false}, &operation,
                        attributes, hint, &description, err);
    if (status == 0)
        status = primitive_init(&conv->backward_weights, cpu, description, arguments,
                                conv->options.bias ? 4 : 3, err);
    if (status == 0)
        status = primitive_init_reorder(
            &conv->unpack, cpu,
            dnnl_primitive_desc_query_md(description, dnnl_query_diff_weights_md, 0), l->user_w,
            err);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    return status;
}

/* Backward primitives want to know a forward one; it has no influence beyond the shapes. */
static int backward_init(struct conv *conv, struct cpu *cpu, const struct layouts *l,
                         struct error *err)
{
    struct onednn_convolution operation = convolution(l, dnnl_forward_training, false);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t hint = NULL;
    operation.y = l->dy;
    int status = primitive_attributes_new(&attributes, err);
    if (status == 0)
        status = choose(cpu, &(struct wish){&conv->shape, CONV_FORWARD, false}, &operation,
                        attributes, NULL, &hint, err);
    if (status == 0 && (conv->options.passes & CONV_BACKWARD_DATA) != 0)
        status = backward_data_init(conv, cpu, l, attributes, hint, err);
    conv->depthwise = depthwise_gradient_takes(&conv->shape, &conv->options);
    if (status == 0 && (conv->options.passes & CONV_BACKWARD_WEIGHTS) != 0 && !conv->depthwise)
        status = backward_weights_init(conv, cpu, l, attributes, hint, err);
    if (hint != NULL)
        dnnl_primitive_desc_destroy(hint);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

int conv_new(struct cpu *cpu, const struct conv_shape *shape, const struct conv_options *options,
             struct conv **conv, struct error *err)
{
    struct layouts layouts;
    struct conv *made = memory_new(1, sizeof(*made), err);
    if (made == NULL)
        return -1;
    made->shape = *shape;
    made->options = *options;
    omp_set_num_threads(1);
    int status = layouts_init(&layouts, shape, options, err);
    if (status == 0 && (options->passes & CONV_FORWARD) != 0)
        status = forward_init(made, cpu, &layouts, err);
    if (status == 0 && (options->passes & (CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS)) != 0)
        status = backward_init(made, cpu, &layouts, err);
    if (status == 0)
        status = own_kernels_init(&made->own, cpu, shape, options, err);
    layouts_release(&layouts);
    if (status == 0) {
        *conv = made;
        return 0;
    }
    conv_free(made);
    return error_prefix(
        err, "convolution of %lld images %lldx%lldx%lld with %lldx%lldx%lld, groups %lld: ",
        (long long)shape->n, (long long)shape->h, (long long)shape->w, (long long)shape->c,
        (long long)shape->r, (long long)shape->s, (long long)shape->k, (long long)shape->groups);
}

void conv_free(struct conv *conv)
{
    if (conv == NULL)
        return;
    struct primitive *all[] = {&conv->forward,      &conv->backward_data, &conv->backward_weights,
                               &conv->pack_forward, &conv->pack_backward, &conv->unpack};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        primitive_release(all[i]);
    own_kernels_release(&conv->own);
    free(conv);
}

static const struct primitive *primitive_of(const struct conv *conv, enum conv_pass pass)
{
    switch (pass) {
    case CONV_FORWARD: return &conv->forward;
    case CONV_BACKWARD_DATA: return &conv->backward_data;
    default: return &conv->backward_weights;
    }
}

const char *conv_own(const struct conv *conv, enum conv_pass pass, const char **products)
{
    return own_kernels_name(&conv->own, pass, products);
}

const char *conv_implementation(const struct conv *conv, enum conv_pass pass)
{
    const bool depthwise = conv->depthwise && pass == CONV_BACKWARD_WEIGHTS;
    return depthwise ? "depthwise" : primitive_of(conv, pass)->name;
}

static int64_t kernel_count(const struct conv_shape *s)
{
    return s->r * s->s * (s->c / s->groups) * s->k;
}

/* Is the kernel's gradient in the user's layout from the start? */
static bool gradient_is_plain(const struct conv *conv)
{
    return conv->depthwise || own_kernels_has(&conv->own, CONV_BACKWARD_WEIGHTS);
}

static size_t kernel_bytes(const struct conv *conv)
{
    return (size_t)kernel_count(&conv->shape) * sizeof(float);
}

/* Of the first two passes: as ours wants it, then as the primitive does. */
size_t conv_packed_size(const struct conv *conv, enum conv_pass pass)
{
    const size_t own = own_kernels_packed_size(&conv->own, pass);
    switch (pass) {
    case CONV_FORWARD: return own + conv->pack_forward.bytes[1];
    case CONV_BACKWARD_DATA: return own + conv->pack_backward.bytes[1];
    default: return gradient_is_plain(conv) ? kernel_bytes(conv) : conv->unpack.bytes[0];
    }
}

/* Of the reorder that packs, and beside it the kernel times a scale. */
static size_t scaling_bytes(const struct primitive *reorder)
{
    return scratch_part(reorder->scratch_bytes);
}

/* Of the kernel's gradient and its way to the user's layout; beside it that gradient as the
 * primitive writes it. */
static size_t apart_bytes(const struct conv *conv)
{
    const size_t gradient = conv->backward_weights.scratch_bytes;
    const size_t unpack = conv->unpack.scratch_bytes;
    return scratch_part(gradient > unpack ? gradient : unpack);
}

size_t conv_scratch_bytes(const struct conv *conv)
{
    const size_t asked[] = {
        conv->forward.scratch_bytes,
        conv->backward_data.scratch_bytes,
        conv->pack_backward.scratch_bytes,
        scaling_bytes(&conv->pack_forward) + conv->pack_forward.bytes[0],
        apart_bytes(conv) + (gradient_is_plain(conv) ? conv->unpack.bytes[0] : 0),
        own_kernels_scratch_bytes(&conv->own),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        most = asked[i] > most ? asked[i] : most;
    return most;
}

/* scaled [rows,k] = kernel [rows,k] * scale [k] */
VECTORISE static void scale_channels(int64_t rows, int64_t k, const float *restrict kernel,
                                     const float *restrict scale, float *restrict scaled)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *in = kernel + row * k;
        float *out = scaled + row * k;
        int64_t i = 0;
        for (; i + STRIP <= k; i += STRIP)
            STRIP_LOOP
        for (int j = 0; j < STRIP; j++)
            out[i + j] = in[i + j] * scale[i + j];
        for (; i < k; i++)
            out[i] = in[i] * scale[i];
    }
}

int conv_pack(struct lane *lane, const struct conv *conv, enum conv_pass pass, const float *kernel,
              const float *scale, void *packed, struct error *err)
{
    const struct primitive *reorder =
        pass == CONV_FORWARD ? &conv->pack_forward : &conv->pack_backward;
    const struct conv_shape *s = &conv->shape;
    size_t pad = scaling_bytes(reorder);
    if (own_kernels_pack(lane, &conv->own, pass, kernel, scale, packed, err) != 0)
        return -1;
    packed = (char *)packed + own_kernels_packed_size(&conv->own, pass);
    char *scratch = lane_scratch(lane, pad + (scale ? reorder->bytes[0] : 0), err);
    if (scratch == NULL)
        return -1;
    if (scale != NULL) {
        float *scaled = (float *)(void *)(scratch + pad);
        scale_channels(s->r * s->s * (s->c / s->groups), s->k, kernel, scale, scaled);
        kernel = scaled;
    }
    return primitive_execute(reorder, lane, (const void *[]){kernel, packed}, scratch, err);
}

static int execute(struct lane *lane, const struct primitive *primitive, const void *const *handles,
                   struct error *err)
{
    void *scratch = lane_scratch(lane, primitive->scratch_bytes, err);
    if (scratch == NULL)
        return -1;
    return primitive_execute(primitive, lane, handles, scratch, err);
}

static const enum profile_kind kinds[] = {[CONV_FORWARD] = PROFILE_FORWARD,
                                          [CONV_BACKWARD_DATA] = PROFILE_BACKWARD_DATA,
                                          [CONV_BACKWARD_WEIGHTS] = PROFILE_BACKWARD_WEIGHTS};

/* Additions and products of a direct convolution, and each operand once. */
static struct profile_work work_of(const struct conv *conv, enum conv_pass pass, const char *kernel)
{
    const struct conv_shape *s = &conv->shape;
    const struct primitive *primitive = primitive_of(conv, pass);
    struct profile_work work = {.flops = 2 * kernel_count(s) * s->n * conv_out_height(s) *
                                         conv_out_width(s),
                                .kernel = kernel};
    for (int i = 0; i < primitive->count; i++)
        work.bytes += (int64_t)primitive->bytes[i];
    return work;
}

/* A pass by its primitive, in a span of its own. */
static int execute_pass(struct lane *lane, const struct conv *conv, enum conv_pass pass,
                        const void *const *handles, struct error *err)
{
    const struct primitive *primitive = primitive_of(conv, pass);
    const struct profile_span span = profile_begin(lane->profile, PROFILE_SAME_NODE);
    const struct profile_work work = work_of(conv, pass, primitive->name);
    const int status = execute(lane, primitive, handles, err);
    profile_end(lane->profile, &span, kinds[pass], &work);
    return status;
}

/* A pass by a kernel of ours, where there is one and it takes the operands. */
static int try_own(struct lane *lane, const struct conv *conv, enum conv_pass pass,
                   const struct own_operands *operands, bool *taken, struct error *err)
{
    const char *products, *own = conv_own(conv, pass, &products);
    *taken = false;
    if (own == NULL)
        return 0;
    const struct profile_span span = profile_begin(lane->profile, PROFILE_SAME_NODE);
    const struct profile_work work = work_of(conv, pass, own);
    const int status = own_kernels_run(lane, &conv->own, pass, operands, taken, err);
    profile_end(lane->profile, &span, kinds[pass], *taken ? &work : NULL);
    return status;
}

/* y = activation(y + residual), where no kernel could do it on the way; bf16 is rounded once more.
 */
VECTOR_INLINE void finish_values(enum dtype dtype, int64_t count, enum activation activation,
                                 const void *residual, void *y)
{
    for (int64_t i = 0; i < count; i++) {
        float value, other;
        strip_load(dtype, 1, y, i, &value);
        strip_load(dtype, 1, residual, i, &other);
        value = strip_activate(activation, value + other);
        strip_store(dtype, 1, &value, y, i);
    }
}

static void finish(const struct conv_shape *s, const struct conv_options *options,
                   const void *residual, void *y)
{
    int64_t count = s->n * conv_out_height(s) * conv_out_width(s) * s->k;
    if (options->y == DTYPE_F32)
        finish_values(DTYPE_F32, count, options->activation, residual, y);
    else
        finish_values(DTYPE_BF16, count, options->activation, residual, y);
}

int conv_forward(struct lane *lane, const struct conv *conv, const void *x, const void *packed,
                 const float *bias, const void *residual, void *y, struct error *err)
{
    const struct own_operands operands = {x, packed, bias, residual, y};
    bool taken;
    if (try_own(lane, conv, CONV_FORWARD, &operands, &taken, err) != 0)
        return -1;
    if (taken)
        return 0;
    const void *handles[PRIMITIVE_ARGUMENTS] = {
        x, (const char *)packed + own_kernels_packed_size(&conv->own, CONV_FORWARD), y};
    int count = 3;
    if (conv->options.bias)
        handles[count++] = bias;
    if (conv->options.residual && !conv->finish_apart)
        handles[count++] = residual;
    if (execute_pass(lane, conv, CONV_FORWARD, handles, err) != 0)
        return -1;
    if (conv->finish_apart)
        finish(&conv->shape, &conv->options, residual, y);
    return own_kernels_mend(lane, &conv->own, CONV_FORWARD, &operands, err);
}

int conv_backward_data(struct lane *lane, const struct conv *conv, const void *dy,
                       const void *packed, void *dx, struct error *err)
{
    const struct own_operands operands = {.x = dy, .kernel = packed, .y = dx};
    bool taken;
    if (try_own(lane, conv, CONV_BACKWARD_DATA, &operands, &taken, err) != 0)
        return -1;
    if (taken)
        return 0;
    packed = (const char *)packed + own_kernels_packed_size(&conv->own, CONV_BACKWARD_DATA);
    if (execute_pass(lane, conv, CONV_BACKWARD_DATA, (const void *[]){dy, packed, dx}, err) != 0)
        return -1;
    return own_kernels_mend(lane, &conv->own, CONV_BACKWARD_DATA, &operands, err);
}

/* Not by the primitive alone: it is in the user's layout. */
static int plain_gradient(struct lane *lane, const struct conv *conv, const void *x, const void *dy,
                          float *dw, struct error *err)
{
    if (conv->depthwise) {
        depthwise_gradient(&conv->shape, conv->options.dtype, x, dy, dw);
        return 0;
    }
    char *scratch = lane_scratch(lane, apart_bytes(conv) + conv->unpack.bytes[0], err);
    if (scratch == NULL)
        return -1;
    void *packed = scratch + apart_bytes(conv);
    if (primitive_execute(&conv->backward_weights, lane, (const void *[]){x, dy, packed}, scratch,
                          err) != 0)
        return -1;
    return primitive_execute(&conv->unpack, lane, (const void *[]){packed, dw}, scratch, err);
}

int conv_backward_weights(struct lane *lane, const struct conv *conv, const void *x, const void *dy,
                          void *dw, float *dbias, struct error *err)
{
    bool taken;
    if (try_own(lane, conv, CONV_BACKWARD_WEIGHTS,
                &(struct own_operands){.x = x, .kernel = dy, .y = dw}, &taken, err) != 0)
        return -1;
    if (taken)
        return 0;
    if (!gradient_is_plain(conv))
        return execute_pass(lane, conv, CONV_BACKWARD_WEIGHTS, (const void *[]){x, dy, dw, dbias},
                            err);
    const struct profile_span span = profile_begin(lane->profile, PROFILE_SAME_NODE);
    const struct profile_work work =
        work_of(conv, CONV_BACKWARD_WEIGHTS, conv_implementation(conv, CONV_BACKWARD_WEIGHTS));
    const int status = plain_gradient(lane, conv, x, dy, dw, err);
    profile_end(lane->profile, &span, PROFILE_BACKWARD_WEIGHTS, &work);
    return status;
}

int conv_unpack_gradient(struct lane *lane, const struct conv *conv, const void *dw,
                         float *kernel_gradient, struct error *err)
{
    if (!gradient_is_plain(conv))
        return execute(lane, &conv->unpack, (const void *[]){dw, kernel_gradient}, err);
    memcpy(kernel_gradient, dw, kernel_bytes(conv));
    return 0;
}
