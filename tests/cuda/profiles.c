#include "profiles.h"

#include "nn/formula.h"

#include <string.h>

#include "tap.h"

const struct profile profiles[] = {
    {"sample, pretrain", "resnet8", 32, 64, 0.1, {""}, NORM_BATCH, 64, 16},
    {"sample, phase1", "resnet8", 32, 64, 0.1, {0}, NORM_INFERENCE, 32, 0},
    {"sample, phase2", "resnet8", 32, 64, 0.1, {"conv3", "conv4"}, NORM_INFERENCE, 32, 0},
    {"cifar10, phase1", "resnet50", 224, 256, 0.3, {0}, NORM_INFERENCE, 32, 0},
    {"cifar10, phase2", "resnet50", 224, 256, 0.3, {"conv5"}, NORM_INFERENCE, 32, 0},
    {"cifar10-mobilenet, phase1", "mobilenet", 160, 0, 0.2, {0}, NORM_BATCH, 32, 0},
    {"cifar10-mobilenet, phase2", "mobilenet", 160, 0, 0.2, {""}, NORM_BATCH, 32, 0},
    {"cifar10-efficientnet, phase1", "efficientnet_lite0", 160, 0, 0.2, {0}, NORM_INFERENCE, 32, 0},
    {"cifar10-efficientnet, phase2",
     "efficientnet_lite0",
     160,
     0,
     0.2,
     {""},
     NORM_INFERENCE,
     32,
     0},
    {"cifar10-scratch, phase1", "resnet20", 32, 0, 0.0, {""}, NORM_BATCH, 128, 64},
    {"notebook, phase2", "resnet50", 224, 256, 0.3, {"conv5"}, NORM_BATCH, 32, 0},
    {"notebook-32, phase2", "resnet50", 32, 256, 0.3, {"conv5"}, NORM_BATCH, 32, 0},
    {"notebook-experiment, phase1", "mobilenet", 224, 256, 0.3, {0}, NORM_INFERENCE, 32, 0},
    {"notebook-experiment, phase2, inference",
     "mobilenet",
     224,
     256,
     0.3,
     {"conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"},
     NORM_INFERENCE,
     32,
     0},
    {"notebook-experiment, phase2, batch",
     "mobilenet",
     224,
     256,
     0.3,
     {"conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"},
     NORM_BATCH,
     32,
     0},
    {"no profile, all of efficientnet_lite0",
     "efficientnet_lite0",
     128,
     0,
     0.2,
     {""},
     NORM_BATCH,
     32,
     0},
    {"no profile, all of resnet50", "resnet50", 224, 0, 0.0, {""}, NORM_BATCH, 32, 0},
    {"no profile, all of mobilenet_v2", "mobilenet_v2", 224, 0, 0.0, {""}, NORM_INFERENCE, 32, 0},
};
const size_t profile_count = sizeof profiles / sizeof profiles[0];

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

void profiled_init(struct profiled *profiled, const struct profile *profile, enum dtype dtype)
{
    struct architecture architecture = {.image_size = profile->size,
                                        .classes = PROFILE_CLASSES,
                                        .hidden = profile->hidden,
                                        .dropout = profile->dropout};
    const struct preprocess preprocess = {PREPROCESS_UNIT, 255};
    struct error err = {0};
    size_t patterns = 0;
    *profiled = (struct profiled){0};
    formula_name(&architecture, profile->architecture);
    architecture.alpha = strcmp(architecture.name, "mobilenet") == 0 ? 0.25 : 1.0;
    ok(model_new_blank(&architecture, &preprocess, &profiled->model, &err), &err);
    while (patterns < 4 && profile->patterns[patterns])
        patterns++;
    ok(model_set_trainable(profiled->model, profile->patterns, patterns, &err), &err);
    ok(program_init(&profiled->program, profiled->model, true, profile->norm, dtype, &err), &err);
    const int64_t ahead = fusion_inference_batch(FUSION_INFERENCE_IMAGES, profile->size);
    profiled->options = (struct fusion_options){.inference_batch = ahead,
                                                .prefix_batch = ahead,
                                                .batch = profile->batch,
                                                .last_batch = profile->last_batch,
                                                .dw = DTYPE_F32};
}

void profiled_release(struct profiled *profiled)
{
    program_release(&profiled->program);
    model_free(profiled->model);
}

void profiles_list(enum dtype dtype, struct fusion_list *list)
{
    struct error err = {0};
    for (size_t i = 0; i < profile_count; i++) {
        struct profiled profiled;
        profiled_init(&profiled, &profiles[i], dtype);
        ok(fusion_list_add(list, &profiled.program, &profiled.options, &err), &err);
        ok(fusion_list_observe(list, &profiled.program, profiled.options.inference_batch, &err),
           &err);
        profiled_release(&profiled);
    }
}
