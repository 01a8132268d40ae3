#include "nn/cpu/onednn.h"
#include "base/memory.h"

#include <oneapi/dnnl/dnnl_debug.h>

#include <stdio.h>
#include <stdlib.h>

int onednn_check(dnnl_status_t status, const char *call, struct error *err)
{
    if (status == dnnl_success)
        return 0;
    return error_set(err, status == dnnl_out_of_memory ? ERR_MEMORY : ERR_DEVICE,
                     "oneDNN: %s failed: %s", call, dnnl_status2str(status));
}

int onednn_layout_new(const_dnnl_memory_desc_t *layout, int rank, const int64_t *dims,
                      dnnl_data_type_t type, dnnl_format_tag_t tag, struct error *err)
{
#if DNNL_VERSION_MAJOR < 3
    dnnl_memory_desc_t *made = memory_new(1, sizeof(*made), err);
    if (made == NULL)
        return -1;
    if (onednn_check(dnnl_memory_desc_init_by_tag(made, rank, dims, type, tag),
                     "dnnl_memory_desc_init_by_tag", err) != 0) {
        free(made);
        return -1;
    }
#else
    dnnl_memory_desc_t made = NULL;
    if (onednn_check(dnnl_memory_desc_create_with_tag(&made, rank, dims, type, tag),
                     "dnnl_memory_desc_create_with_tag", err) != 0)
        return -1;
#endif
    *layout = made;
    return 0;
}

void onednn_layout_free(const_dnnl_memory_desc_t layout)
{
#if DNNL_VERSION_MAJOR < 3
    free((void *)(uintptr_t)layout);
#else
    if (layout != NULL)
        dnnl_memory_desc_destroy((dnnl_memory_desc_t)(uintptr_t)layout);
#endif
}

dnnl_status_t onednn_append_eltwise(dnnl_post_ops_t operations, dnnl_alg_kind_t algorithm,
                                    float alpha, float beta)
{
#if DNNL_VERSION_MAJOR < 3
    return dnnl_post_ops_append_eltwise(operations, 1, algorithm, alpha, beta);
#else
    return dnnl_post_ops_append_eltwise(operations, algorithm, alpha, beta);
#endif
}

dnnl_status_t onednn_add_to_output(dnnl_primitive_attr_t attributes)
{
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_post_ops_create(&operations);
    if (status != dnnl_success)
        return status;
#if DNNL_VERSION_MAJOR < 3
    status = dnnl_post_ops_append_sum(operations, 1.0f);
#else
    status = dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
#endif
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    dnnl_post_ops_destroy(operations);
    return status;
}

dnnl_status_t onednn_ask_same_bits(dnnl_primitive_attr_t attributes)
{
#if DNNL_VERSION_MAJOR > 3 || (DNNL_VERSION_MAJOR == 3 && DNNL_VERSION_MINOR >= 4)
    return dnnl_primitive_attr_set_deterministic(attributes, 1);
#else
    (void)attributes;
    return dnnl_success;
#endif
}

#if DNNL_VERSION_MAJOR < 3

static dnnl_status_t describe(dnnl_convolution_desc_t *operation,
                              const struct onednn_convolution *c)
{
    switch (c->direction) {
    case dnnl_backward_data:
        return dnnl_convolution_backward_data_desc_init(operation, dnnl_convolution_direct, c->x,
                                                        c->w, c->y, c->strides, c->pad_begin,
                                                        c->pad_end);
    case dnnl_backward_weights:
        return dnnl_convolution_backward_weights_desc_init(operation, dnnl_convolution_direct, c->x,
                                                           c->w, c->bias, c->y, c->strides,
                                                           c->pad_begin, c->pad_end);
    default:
        return dnnl_convolution_forward_desc_init(operation, c->direction, dnnl_convolution_direct,
                                                  c->x, c->w, c->bias, c->y, c->strides,
                                                  c->pad_begin, c->pad_end);
    }
}

static dnnl_status_t fetch(struct onednn_search *search)
{
    search->found = dnnl_primitive_desc_iterator_fetch(search->iterator);
    return search->found != NULL ? dnnl_success : dnnl_out_of_memory;
}

dnnl_status_t onednn_search_first(struct onednn_search *search, dnnl_engine_t engine,
                                  const struct onednn_convolution *convolution,
                                  const_dnnl_primitive_attr_t attributes,
                                  const_dnnl_primitive_desc_t hint)
{
    *search = (struct onednn_search){0};
    dnnl_status_t status = describe(&search->operation, convolution);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_iterator_create(&search->iterator, &search->operation,
                                                     attributes, engine, hint);
    return status == dnnl_success ? fetch(search) : status;
}

dnnl_status_t onednn_search_next(struct onednn_search *search)
{
    if (search->found != NULL)
        dnnl_primitive_desc_destroy(search->found);
    search->found = NULL;
    dnnl_status_t status = dnnl_primitive_desc_iterator_next(search->iterator);
    return status == dnnl_success ? fetch(search) : status;
}

dnnl_status_t onednn_search_take(struct onednn_search *search, dnnl_primitive_desc_t *taken)
{
    if (*taken != NULL)
        dnnl_primitive_desc_destroy(*taken);
    *taken = search->found;
    search->found = NULL;
    return dnnl_success;
}

void onednn_search_end(struct onednn_search *search)
{
    if (search->found != NULL)
        dnnl_primitive_desc_destroy(search->found);
    if (search->iterator != NULL)
        dnnl_primitive_desc_iterator_destroy(search->iterator);
    *search = (struct onednn_search){0};
}

dnnl_status_t onednn_describe_product(dnnl_primitive_desc_t *description, dnnl_engine_t engine,
                                      const_dnnl_memory_desc_t x, const_dnnl_memory_desc_t w,
                                      const_dnnl_memory_desc_t y,
                                      const_dnnl_primitive_attr_t attributes)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, x, w, NULL, y);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(description, &operation, attributes, engine, NULL);
}

#else

dnnl_status_t onednn_search_first(struct onednn_search *search, dnnl_engine_t engine,
                                  const struct onednn_convolution *c,
                                  const_dnnl_primitive_attr_t attributes,
                                  const_dnnl_primitive_desc_t hint)
{
    static const dnnl_dims_t dense = {0}; /* no dilation */
    *search = (struct onednn_search){0};
    switch (c->direction) {
    case dnnl_backward_data:
        return dnnl_convolution_backward_data_primitive_desc_create(
            &search->found, engine, dnnl_convolution_direct, c->x, c->w, c->y, c->strides, dense,
            c->pad_begin, c->pad_end, hint, attributes);
    case dnnl_backward_weights:
        return dnnl_convolution_backward_weights_primitive_desc_create(
            &search->found, engine, dnnl_convolution_direct, c->x, c->w, c->bias, c->y, c->strides,
            dense, c->pad_begin, c->pad_end, hint, attributes);
    default:
        return dnnl_convolution_forward_primitive_desc_create(
            &search->found, engine, c->direction, dnnl_convolution_direct, c->x, c->w, c->bias,
            c->y, c->strides, dense, c->pad_begin, c->pad_end, attributes);
    }
}

dnnl_status_t onednn_search_next(struct onednn_search *search)
{
    return dnnl_primitive_desc_next_impl(search->found);
}

/* A copy: the search goes on in its own. */
dnnl_status_t onednn_search_take(struct onednn_search *search, dnnl_primitive_desc_t *taken)
{
    dnnl_primitive_desc_t copy = NULL;
    dnnl_status_t status = dnnl_primitive_desc_clone(&copy, search->found);
    if (status != dnnl_success)
        return status;
    if (*taken != NULL)
        dnnl_primitive_desc_destroy(*taken);
    *taken = copy;
    return dnnl_success;
}

void onednn_search_end(struct onednn_search *search)
{
    if (search->found != NULL)
        dnnl_primitive_desc_destroy(search->found);
    *search = (struct onednn_search){0};
}

dnnl_status_t onednn_describe_product(dnnl_primitive_desc_t *description, dnnl_engine_t engine,
                                      const_dnnl_memory_desc_t x, const_dnnl_memory_desc_t w,
                                      const_dnnl_memory_desc_t y,
                                      const_dnnl_primitive_attr_t attributes)
{
    return dnnl_matmul_primitive_desc_create(description, engine, x, w, NULL, y, attributes);
}

#endif

void onednn_isa(char *name)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } names[] = {
        {dnnl_cpu_isa_sse41, "sse41"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
#if DNNL_VERSION_MAJOR < 3
        {dnnl_cpu_isa_avx512_mic, "avx512_mic"},
        {dnnl_cpu_isa_avx512_mic_4ops, "avx512_mic_4ops"},
#else
        {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
        {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
        {dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"},
#endif
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
        {(dnnl_cpu_isa_t)0, "generic"},
    };
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    snprintf(name, ONEDNN_ISA_SIZE, "0x%x", (unsigned)isa);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].isa == isa)
            snprintf(name, ONEDNN_ISA_SIZE, "%s", names[i].name);
}

bool onednn_has_bf16(void)
{
    /* Each is a set of bits that holds those of the sets below it; that of AMX holds it. */
    const unsigned wanted = dnnl_cpu_isa_avx512_core_bf16;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}
