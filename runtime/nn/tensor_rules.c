#include "nn/tensor_rules.h"

#define RULES(table) table, sizeof table / sizeof table[0]

static const struct tensor_rule resnet[] = {
    {"conv1_conv", "conv1"},
    {"conv1_bn", "bn1"},
    {"conv{s}_block{b}_0_conv", "layer{s-1}.{b-1}.downsample.0"},
    {"conv{s}_block{b}_0_bn", "layer{s-1}.{b-1}.downsample.1"},
    {"conv{s}_block{b}_{i}_conv", "layer{s-1}.{b-1}.conv{i}"},
    {"conv{s}_block{b}_{i}_bn", "layer{s-1}.{b-1}.bn{i}"},
};

static const struct tensor_rule timm_mobilenet[] = {
    {"conv1", "conv_stem"},
    {"conv1_bn", "bn1"},
    {"conv_dw_{k}", "blocks.{S}.{B}.conv_dw"},
    {"conv_dw_{k}_bn", "blocks.{S}.{B}.bn1"},
    {"conv_pw_{k}", "blocks.{S}.{B}.conv_pw"},
    {"conv_pw_{k}_bn", "blocks.{S}.{B}.bn2"},
};

static const struct tensor_rule torchvision_mobilenet_v2[] = {
    {"Conv1", "features.0.0"},
    {"bn_Conv1", "features.0.1"},
    {"expanded_conv_depthwise", "features.1.conv.0.0"},
    {"expanded_conv_depthwise_BN", "features.1.conv.0.1"},
    {"expanded_conv_project", "features.1.conv.1"},
    {"expanded_conv_project_BN", "features.1.conv.2"},
    {"block_{k}_expand", "features.{k+1}.conv.0.0"},
    {"block_{k}_expand_BN", "features.{k+1}.conv.0.1"},
    {"block_{k}_depthwise", "features.{k+1}.conv.1.0"},
    {"block_{k}_depthwise_BN", "features.{k+1}.conv.1.1"},
    {"block_{k}_project", "features.{k+1}.conv.2"},
    {"block_{k}_project_BN", "features.{k+1}.conv.3"},
    {"Conv_1", "features.18.0"},
    {"Conv_1_bn", "features.18.1"},
};

static const struct tensor_rule timm_mobilenet_v2[] = {
    {"Conv1", "conv_stem"},
    {"bn_Conv1", "bn1"},
    {"expanded_conv_depthwise", "blocks.0.0.conv_dw"},
    {"expanded_conv_depthwise_BN", "blocks.0.0.bn1"},
    {"expanded_conv_project", "blocks.0.0.conv_pw"},
    {"expanded_conv_project_BN", "blocks.0.0.bn2"},
    {"block_{k}_expand", "blocks.{S}.{B}.conv_pw"},
    {"block_{k}_expand_BN", "blocks.{S}.{B}.bn1"},
    {"block_{k}_depthwise", "blocks.{S}.{B}.conv_dw"},
    {"block_{k}_depthwise_BN", "blocks.{S}.{B}.bn2"},
    {"block_{k}_project", "blocks.{S}.{B}.conv_pwl"},
    {"block_{k}_project_BN", "blocks.{S}.{B}.bn3"},
    {"Conv_1", "conv_head"},
    {"Conv_1_bn", "bn2"},
};

static const struct tensor_rule timm_efficientnet[] = {
    {"stem_conv", "conv_stem"},
    {"stem_bn", "bn1"},
    {"block1{a}_dwconv", "blocks.0.{a}.conv_dw"},
    {"block1{a}_bn", "blocks.0.{a}.bn1"},
    {"block1{a}_project_conv", "blocks.0.{a}.conv_pw"},
    {"block1{a}_project_bn", "blocks.0.{a}.bn2"},
    {"block{s}{a}_expand_conv", "blocks.{s-1}.{a}.conv_pw"},
    {"block{s}{a}_expand_bn", "blocks.{s-1}.{a}.bn1"},
    {"block{s}{a}_dwconv", "blocks.{s-1}.{a}.conv_dw"},
    {"block{s}{a}_bn", "blocks.{s-1}.{a}.bn2"},
    {"block{s}{a}_project_conv", "blocks.{s-1}.{a}.conv_pwl"},
    {"block{s}{a}_project_bn", "blocks.{s-1}.{a}.bn3"},
    {"top_conv", "conv_head"},
    {"top_bn", "bn2"},
};

static const struct tensor_rule lite_pytorch[] = {
    {"stem_conv", "_conv_stem"},
    {"stem_bn", "_bn0"},
    {"block{s}{a}_expand_conv", "_blocks.{K}._expand_conv"},
    {"block{s}{a}_expand_bn", "_blocks.{K}._bn0"},
    {"block{s}{a}_dwconv", "_blocks.{K}._depthwise_conv"},
    {"block{s}{a}_bn", "_blocks.{K}._bn1"},
    {"block{s}{a}_project_conv", "_blocks.{K}._project_conv"},
    {"block{s}{a}_project_bn", "_blocks.{K}._bn2"},
    {"top_conv", "_conv_head"},
    {"top_bn", "_bn1"},
};

/* timm's tf_ networks are ports from TensorFlow, and keep its padding and epsilon. */
const struct tensor_dialect tensor_dialects[] = {
    {"torchvision's and timm's ResNet", "resnet", "", 0, false, 1e-5f, NULL, RULES(resnet)},
    {"timm's MobileNet", "mobilenet ", "12262", 1, true, 1e-5f, NULL, RULES(timm_mobilenet)},
    {"torchvision's MobileNetV2", "mobilenet_v2 ", "", 0, true, 1e-5f, NULL,
     RULES(torchvision_mobilenet_v2)},
    {"timm's MobileNetV2", "mobilenet_v2 ", "1234331", 0, true, 1e-5f, NULL,
     RULES(timm_mobilenet_v2)},
    {"timm's tf_efficientnet_lite", "efficientnet_lite", "", 0, false, 1e-3f, "tf_",
     RULES(timm_efficientnet)},
    {"timm's efficientnet_lite", "efficientnet_lite", "", 0, true, 1e-5f, NULL,
     RULES(timm_efficientnet)},
    {"efficientnet_lite_pytorch's", "efficientnet_lite", "", 0, false, 1e-3f, NULL,
     RULES(lite_pytorch)},
};
const size_t tensor_dialect_count = sizeof tensor_dialects / sizeof tensor_dialects[0];
