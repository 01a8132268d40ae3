"""Known answers of PyTorch for whole networks with weights from the same formula as generate.py has: EfficientNet-Lite0 of
timm at an odd size, ResNet50 of torchvision, which is v1.5. Made with torch 2.15, timm 1.0.31, torchvision 0.29.

python generate_torch.py; writes one .txt a network beside this file.
"""
import os
import re

import numpy as np
import timm
import torch
import torchvision

from formula import CLASSES, IMAGES, units, value

here = os.path.dirname(os.path.abspath(__file__))
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def ours_of_lite(name):
    """The layer of keras.applications' EfficientNet; NORM or kernel come after it."""
    stem = {"conv_stem": "stem_conv", "bn1": "stem_bn", "conv_head": "top_conv", "bn2": "top_bn"}
    if name in stem:
        return stem[name]
    group, block, part = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(\w+)", name).groups()
    parts = {"conv_pw": "expand_conv", "bn1": "expand_bn", "conv_dw": "dwconv", "bn2": "bn", "conv_pwl": "project_conv",
             "bn3": "project_bn"}
    if group == "0":
        parts = {"conv_dw": "dwconv", "bn1": "bn", "conv_pw": "project_conv", "bn2": "project_bn"}
    return f"block{int(group) + 1}{'abcdefgh'[int(block)]}_{parts[part]}"


def ours_of_resnet(name):
    if name in ("conv1", "bn1"):
        return "conv1_" + name[:-1]
    stage, block, part = re.fullmatch(r"layer(\d)\.(\d+)\.(.+)", name).groups()
    parts = {"downsample.0": "0_conv", "downsample.1": "0_bn"}
    return f"conv{int(stage) + 1}_block{int(block) + 1}_{parts.get(part) or part[-1] + '_' + part[:-1]}"


def parameters(base, ours):
    """Our name, the tensor, and how its values go to our layout (a permutation or None)."""
    for name, tensor in list(base.named_parameters()) + list(base.named_buffers()):
        layer, variable = name.rsplit(".", 1)
        if variable == "num_batches_tracked" or layer in ("classifier", "fc"):
            continue
        if tensor.dim() == 1:
            yield f"{ours(layer)}/{NORM[variable]}", tensor, None
        elif tensor.shape[1] == 1 and tensor.shape[0] > 1 and "dw" in layer:
            yield f"{ours(layer)}/depthwise_kernel", tensor, (2, 3, 0, 1)
        else:
            yield f"{ours(layer)}/kernel", tensor, (2, 3, 1, 0)


def set_weights(base, ours):
    with torch.no_grad():
        for name, tensor, order in parameters(base, ours):
            shape = tuple(tensor.shape) if order is None else tuple(tensor.shape[i] for i in order)
            v = value(name, shape)
            tensor.copy_(torch.from_numpy(v if order is None else np.ascontiguousarray(v.transpose(np.argsort(order)))))


def record(f, name, numbers):
    f.write(f"{name} {len(numbers)} " + " ".join(f"{v:.9g}" for v in numbers) + "\n")


def summary(f, kind, name, tensor):
    t = np.asarray(tensor.detach(), np.float64).ravel()
    record(f, f"{kind}:{name}", [np.sqrt((t * t).sum()), (t * units("probe", t.size)).sum()])


def logits_of(base, features, x):
    kernel = torch.from_numpy(value("dense/kernel", (features, CLASSES))).requires_grad_()
    bias = torch.from_numpy(value("dense/bias", (CLASSES,))).requires_grad_()
    return base(x) @ kernel + bias, kernel, bias


def step(f, kind, base, ours, x, y):
    base.train(kind == "batch")
    base.zero_grad()
    pooled = base(x)
    logits, kernel, bias = logits_of(base, pooled.shape[1], x)
    loss = torch.nn.functional.cross_entropy(logits, y)
    loss.backward()
    record(f, kind + ":loss", [float(loss)])
    for name, tensor, order in parameters(base, ours):
        if tensor.grad is not None:
            summary(f, kind, name, tensor.grad if order is None else tensor.grad.permute(order))
    summary(f, kind, "dense/kernel", kernel.grad)
    summary(f, kind, "dense/bias", bias.grad)


def network(file, base, ours, size, watched):
    base.eval()
    set_weights(base, ours)
    pixels = ((units("pixels", IMAGES * size * size * 3) + 1) * 128).astype(np.uint8)
    x = torch.from_numpy((pixels.reshape(IMAGES, size, size, 3) / np.float32(255)).astype(np.float32)).permute(0, 3, 1, 2)
    y = torch.arange(IMAGES) % CLASSES
    seen = {}
    for name, module in base.named_modules():
        if name in watched:
            module.register_forward_hook(lambda m, i, out, name=name: seen.__setitem__(watched[name], out))
    with open(os.path.join(here, file + ".txt"), "w") as f:
        logits = logits_of(base, base(x).shape[1], x)[0]
        record(f, "logits", logits.detach().numpy().ravel())
        for name, out in dict(seen).items():
            summary(f, "output", name, out.permute(0, 2, 3, 1))
        step(f, "inference", base, ours, x, y)
        set_weights(base, ours)
        step(f, "batch", base, ours, x, y)


def main():
    torch.manual_seed(0)
    network("efficientnet_lite0", timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0, drop_rate=0.0), ours_of_lite, 45,
            {"bn1": "stem_activation", "blocks.0.0": "block1a_project_bn", "blocks.1.1": "block2b_add", "blocks.4.2": "block5c_add",
             "bn2": "top_activation"})
    resnet = torchvision.models.resnet50(weights=None)
    resnet.fc = torch.nn.Identity()
    network("resnet50_v1.5", resnet, ours_of_resnet, 49,
            {"maxpool": "pool1_pool", "layer1": "conv2_block3_out", "layer2": "conv3_block4_out", "layer3": "conv4_block6_out",
             "layer4": "conv5_block3_out"})


if __name__ == "__main__":
    main()
