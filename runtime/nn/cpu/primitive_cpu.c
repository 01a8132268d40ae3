#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <stdlib.h>

static int memories_init(struct primitive *primitive, dnnl_engine_t engine,
                         const const_dnnl_memory_desc_t *layouts, struct error *err)
{
    int columns = primitive->count + 1;
    primitive->memories =
        memory_new((size_t)primitive->lanes * (size_t)columns, sizeof(dnnl_memory_t), err);
    if (primitive->memories == NULL)
        return -1;
    for (int i = 0; i < primitive->lanes * columns; i++)
        if (onednn_check(dnnl_memory_create(&primitive->memories[i], layouts[i % columns], engine,
                                            DNNL_MEMORY_NONE),
                         "dnnl_memory_create", err) != 0)
            return -1;
    return 0;
}

int primitive_init(struct primitive *primitive, struct cpu *cpu,
                   const_dnnl_primitive_desc_t description, const int *arguments, int count,
                   struct error *err)
{
    const_dnnl_memory_desc_t layouts[PRIMITIVE_ARGUMENTS + 1];
    const char *name = "";
    ASSERT(count <= PRIMITIVE_ARGUMENTS);
    *primitive = (struct primitive){.count = count, .lanes = cpu_lanes(cpu)};
    if (onednn_check(
            dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name),
            "dnnl_primitive_desc_query", err) != 0)
        return -1;
    snprintf(primitive->name, sizeof(primitive->name), "%s", name);
    for (int i = 0; i < count; i++) {
        primitive->arguments[i] = arguments[i];
        layouts[i] =
            dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, arguments[i]);
        if (layouts[i] == NULL)
            return error_set(err, ERR_DEVICE, "oneDNN: '%s' has no argument %d", name,
                             arguments[i]);
        primitive->bytes[i] = dnnl_memory_desc_get_size(layouts[i]);
    }
    layouts[count] = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    primitive->scratch_bytes = dnnl_memory_desc_get_size(layouts[count]);
    if (onednn_check(dnnl_primitive_create(&primitive->handle, description),
                     "dnnl_primitive_create", err) != 0)
        return -1;
    return memories_init(primitive, cpu_engine(cpu), layouts, err);
}

int primitive_attributes_new(dnnl_primitive_attr_t *attributes, struct error *err)
{
    *attributes = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = onednn_ask_same_bits(*attributes);
    return onednn_check(status, "dnnl_primitive_attr_create", err);
}

int primitive_init_reorder(struct primitive *reorder, struct cpu *cpu,
                           const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to,
                           struct error *err)
{
    static const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    dnnl_engine_t engine = cpu_engine(cpu);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t description = NULL;
    int status = primitive_attributes_new(&attributes, err);
    if (status == 0)
        status = onednn_check(
            dnnl_reorder_primitive_desc_create(&description, from, engine, to, engine, attributes),
            "dnnl_reorder_primitive_desc_create", err);
    if (status == 0)
        status = primitive_init(reorder, cpu, description, arguments, 2, err);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

void primitive_release(struct primitive *primitive)
{
    if (primitive->memories != NULL)
        for (int i = 0; i < primitive->lanes * (primitive->count + 1); i++)
            if (primitive->memories[i] != NULL)
                dnnl_memory_destroy(primitive->memories[i]);
    free(primitive->memories);
    if (primitive->handle != NULL)
        dnnl_primitive_destroy(primitive->handle);
    *primitive = (struct primitive){0};
}

/* Setting a handle makes oneDNN write zeros into the padding of a blocked layout. A packed kernel
 * that several lanes share has them already, so a handle that stays is not set again. */
static int set_handle(dnnl_memory_t memory, void *handle, struct error *err)
{
    void *old = NULL;
    if (dnnl_memory_get_data_handle(memory, &old) == dnnl_success && old == handle)
        return 0;
    return onednn_check(dnnl_memory_set_data_handle(memory, handle), "dnnl_memory_set_data_handle",
                        err);
}

int primitive_execute(const struct primitive *primitive, struct lane *lane,
                      const void *const *handles, void *scratchpad, struct error *err)
{
    int count = primitive->count;
    dnnl_memory_t *memories = primitive->memories + (ptrdiff_t)lane->index * (count + 1);
    dnnl_exec_arg_t arguments[PRIMITIVE_ARGUMENTS + 1];
    for (int i = 0; i < count; i++) {
        arguments[i] = (dnnl_exec_arg_t){primitive->arguments[i], memories[i]};
        if (set_handle(memories[i], (void *)(uintptr_t)handles[i], err) != 0)
            return -1;
    }
    arguments[count] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, memories[count]};
    if (set_handle(memories[count], scratchpad, err) != 0)
        return -1;
    return onednn_check(
        dnnl_primitive_execute(primitive->handle, lane->stream, count + 1, arguments),
        "dnnl_primitive_execute", err);
}
