/* A network's weights on the host, with what is needed to feed it. A model
 * file (.safetensors) holds both: tensors named "<layer>/<variable>" in Keras'
 * layouts and an architecture in its metadata.
 */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "base/error.h"
#include "base/text.h"
#include "nn/feed.h"
#include "nn/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parameter_role {
    PARAMETER_KERNEL, /* conv [r,s,c/groups,k]; dense [in,out]; depthwise in the file [r,s,c,1] */
    PARAMETER_BIAS,
    PARAMETER_GAMMA,
    PARAMETER_BETA,
    PARAMETER_MOVING_MEAN,
    PARAMETER_MOVING_VARIANCE,
};

struct parameter {
    char name[2 * NODE_NAME_SIZE]; /* "conv1_conv/kernel", "dense_1/bias",
                                      "conv_dw_1/depthwise_kernel" */
    enum parameter_role role;
    int node;
    int rank;
    int64_t shape[4];
    int64_t count;
    bool trainable; /* never for moving statistics */
    float *value;
};

struct model {
    struct architecture architecture;
    struct preprocess preprocess;
    char **class_names; /* [architecture.classes]; NULL where nobody said them */
    struct model_pictures {
        const char *fit; /* one of picture_fit_names (data/picture.h); NULL: nobody said */
        int64_t height, width;
    } pictures;       /* what pictures of any shape were made to before they were fed */
    char *trained_on; /* network_describe()'s lines, of a card that stored weights here; or NULL */
    struct graph graph;
    struct parameter *parameters; /* in order of nodes, then of roles */
    size_t count;
    bool large_pass; /* values that weights.check lets pass were read, and may be written */
};

/* Fresh weights drawn with Philox(seed, RANDOM_INIT, parameter, element): kernels of dense layers
 * glorot_uniform, of convolutions he_normal truncated at 2 deviations as Keras does, biases 0,
 * gamma 1, beta 0, moving 0 and 1. */
int model_new(const struct architecture *architecture, const struct preprocess *preprocess,
              uint32_t seed, struct model **model, struct error *err);
/* The same with all weights zero, to be filled by the caller. */
int model_new_blank(const struct architecture *architecture, const struct preprocess *preprocess,
                    struct model **model, struct error *err);
void model_free(struct model *model);

/* Copies names [classes]: what the outputs mean. */
int model_name_classes(struct model *model, const char *const *names, struct error *err);

struct weight_check;

/* Replaces the base's weights (not the head's) by those of a file that data/weights.h reads, by
 * whatever names tensor_names.h knows. Every base parameter must be there with its shape; tensors
 * of the file that are a head's are left out, other unknown ones are errors; so are values that
 * weight_check.h refuses (`check` NULL: all that is wrong). Words for people are added to *note,
 * which may be NULL. */
int model_load_base(struct model *model, const char *path, const struct weight_check *check,
                    struct text *note, struct error *err);

int model_read(const char *path, const struct weight_check *check, struct model **model,
               struct error *err);
/* Both ways of writing refuse what reading would refuse. */
int model_write(const struct model *model, const char *path, struct error *err);
/* Only the base: what a later model_load_base() takes. */
int model_write_base(const struct model *model, const char *path, struct error *err);

/* Unfreezes the base's layers whose name contains one of the patterns ("" matches all), freezes its
 * others; the head is always trainable. A pattern that matches no layer is ERR_USAGE. */
int model_set_trainable(struct model *model, const char *const *patterns, size_t count,
                        struct error *err);

/* Numbers of values that train and that don't. */
void model_count(const struct model *model, int64_t *trainable, int64_t *frozen);

#endif
