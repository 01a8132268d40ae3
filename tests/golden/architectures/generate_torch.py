"""Layers of timm's EfficientNet-Lite0 to 4, as generate.py lists those of Keras. Made with torch 2.15, timm 1.0.31.

python generate_torch.py; writes efficientnet_lite<N>.txt beside this file.
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../network"))
import timm
import torch

from generate_torch import ours_of_lite, parameters


def layers(number):
    """Name, kernel shape and height of the output, as generate.py lists them."""
    size = (224, 240, 260, 280, 300)[number]
    base = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False, num_classes=0).eval()
    heights = {}
    for name, module in base.named_modules():
        module.register_forward_hook(lambda m, i, out, name=name: heights.__setitem__(name, out.shape[2] if out.dim() == 4 else 1))
    with torch.no_grad():
        base(torch.zeros(1, 3, size, size))
    lines = []
    for (name, tensor, order), (raw, _) in zip(parameters(base, ours_of_lite), base.named_parameters()):
        if "beta" in name or "moving" in name:
            continue
        shape = tuple(tensor.shape) if order is None else tuple(tensor.shape[i] for i in order)
        lines.append(f"{name} {'x'.join(map(str, shape))} {heights[raw.rsplit('.', 1)[0]]}")
    with open(os.path.join(here, f"efficientnet_lite{number}.txt"), "w") as f:
        f.write("\n".join(sorted(lines)) + "\n")


for n in range(5):
    layers(n)
