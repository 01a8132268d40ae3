/* What differs between oneDNN 2 and 3, hidden: nothing else asks for the library's version.
 *
 * Descriptions of memory are structs in 2 and handles in 3; here they are handles, made by
 * onednn_layout_new. In 2 a convolution is described first and then searched for implementations,
 * in 3 both are one call; here a search does both. What the two have in common (attributes,
 * primitives, memory, execution) is called as it is. */
#ifndef NN_ONEDNN_H
#define NN_ONEDNN_H

#include "base/error.h"

#include <oneapi/dnnl/dnnl.h>

#include <stdbool.h>
#include <stdint.h>

#if DNNL_VERSION_MAJOR < 3
/* The name that 3 has for it. */
typedef const dnnl_memory_desc_t *const_dnnl_memory_desc_t;
#endif

/* 0, or an error that names the call. */
int onednn_check(dnnl_status_t status, const char *call, struct error *err);

/* How a tensor lies in memory. `*layout` changes only on success. */
int onednn_layout_new(const_dnnl_memory_desc_t *layout, int rank, const int64_t *dims,
                      dnnl_data_type_t type, dnnl_format_tag_t tag, struct error *err);
/* NULL is harmless. Only for what onednn_layout_new made: a primitive's own stay its own. */
void onednn_layout_free(const_dnnl_memory_desc_t layout);

/* Appends activation(x) of dnnl_eltwise_... to what follows a primitive. */
dnnl_status_t onednn_append_eltwise(dnnl_post_ops_t operations, dnnl_alg_kind_t algorithm,
                                    float alpha, float beta);

/* Asks for the same bits from run to run, where the library can be asked (3.4 and later); earlier
 * ones are tested to give them. */
dnnl_status_t onednn_ask_same_bits(dnnl_primitive_attr_t attributes);

/* A direct convolution in one direction: dnnl_forward_training, dnnl_backward_data or
 * dnnl_backward_weights. x, w, bias and y are the layouts of the tensors or of their gradients;
 * bias may be NULL. */
struct onednn_convolution {
    dnnl_prop_kind_t direction;
    const_dnnl_memory_desc_t x, w, bias, y;
    dnnl_dims_t strides, pad_begin, pad_end;
};

/* The library's implementations of a convolution, one after another in its order of preference:
 *     status = onednn_search_first(&search, ...);
 *     while (status == dnnl_success) {
 *         look at search.found, perhaps onednn_search_take it
 *         status = onednn_search_next(&search);
 *     }
 *     onednn_search_end(&search);
 * It has ended with dnnl_last_impl_reached or dnnl_iterator_ends, by the library's version. */
struct onednn_search {
    dnnl_primitive_desc_t found;
#if DNNL_VERSION_MAJOR < 3
    dnnl_convolution_desc_t operation; /* the iterator keeps a pointer to it */
    dnnl_primitive_desc_iterator_t iterator;
#endif
};

/* `hint` is a forward description for a backward direction, else NULL. To be ended, failed or not.
 */
dnnl_status_t onednn_search_first(struct onednn_search *search, dnnl_engine_t engine,
                                  const struct onednn_convolution *convolution,
                                  const_dnnl_primitive_attr_t attributes,
                                  const_dnnl_primitive_desc_t hint);
dnnl_status_t onednn_search_next(struct onednn_search *search);
/* The implementation that was found, for the caller to destroy; replaces and destroys *taken,
 * unless it is NULL. Changes nothing where it fails. */
dnnl_status_t onednn_search_take(struct onednn_search *search, dnnl_primitive_desc_t *taken);
void onednn_search_end(struct onednn_search *search);

/* The primitive adds to what its output holds. */
dnnl_status_t onednn_add_to_output(dnnl_primitive_attr_t attributes);

/* What multiplies x [b,m,c] by w [b,c,k] to y [b,m,k], for the caller to destroy: the first of the
 * library's implementations. */
dnnl_status_t onednn_describe_product(dnnl_primitive_desc_t *description, dnnl_engine_t engine,
                                      const_dnnl_memory_desc_t x, const_dnnl_memory_desc_t w,
                                      const_dnnl_memory_desc_t y,
                                      const_dnnl_primitive_attr_t attributes);

/* The name of the instruction set that the library takes: "avx512_core", "generic", or its number
 * in hexadecimal where this header does not know it yet. `name` has ONEDNN_ISA_SIZE bytes. */
enum { ONEDNN_ISA_SIZE = 32 };
void onednn_isa(char *name);

/* Whether the processor multiplies bf16 itself. Without that the library would compute with it,
 * too, but slower than with f32. */
bool onednn_has_bf16(void);

#endif
