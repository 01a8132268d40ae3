#!/usr/bin/env python3
"""What tests/bench/train_cpu does, in PyTorch 2: the same networks from the same pictures of 32 x 32, resized and preprocessed
on the way, channels_last, the frozen base under inference_mode with its batch norms folded where the mode can.

    train_cpu.py NETWORK WORK f32|bf16 MODE [THREADS]

MODE is eager or compile (torch.compile, with freezing for what does not train). Prints `ready`, then for each line of its
input the images a second of one more round. Needs torch, torchvision and timm.
"""
import contextlib
import sys

import torch
import torch.nn.functional as F

from rounds import CLASSES, PICTURES, ROUNDS, serve

network, work, precision, mode = sys.argv[1:5]
torch.set_num_threads(int(sys.argv[5]) if len(sys.argv) > 5 else torch.get_num_threads())
torch.manual_seed(1)
SIZE = 32 if network == "resnet20" else 224
BATCH, STEPS, TRAIN, VALIDATE = ROUNDS[network]
images = torch.randint(0, 256, (PICTURES, 3, 32, 32), dtype=torch.uint8)
labels = torch.arange(PICTURES) % CLASSES


def conv_norm(c, k, size, stride=1, groups=1, act=torch.nn.ReLU6):
    layers = [torch.nn.Conv2d(c, k, size, stride, size // 2, groups=groups, bias=False), torch.nn.BatchNorm2d(k)]
    return torch.nn.Sequential(*layers, *([act(inplace=True)] if act else []))


def mobilenet():
    layers, c = [conv_norm(3, 8, 3, 2)], 8
    for k, stride in zip([64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024], [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]):
        layers += [conv_norm(c, c, 3, stride, groups=c), conv_norm(c, k // 4, 1)]
        c = k // 4
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), c


class Block(torch.nn.Module):
    def __init__(self, c, k, stride):
        super().__init__()
        self.a, self.b = conv_norm(c, k, 3, stride, act=torch.nn.ReLU), conv_norm(k, k, 3, act=None)
        self.short = conv_norm(c, k, 1, stride, act=None) if stride > 1 else torch.nn.Identity()

    def forward(self, x):
        return F.relu(self.b(self.a(x)) + self.short(x))


def resnet20():
    layers, c = [conv_norm(3, 16, 3, act=torch.nn.ReLU)], 16
    for k in (16, 32, 64):
        for i in range(3):
            layers.append(Block(c, k, 2 if i == 0 and k > 16 else 1))
            c = k
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), c


def make():
    """Base, what follows it, and names of what `top` unfreezes."""
    if network == "resnet50":
        import torchvision
        base = torchvision.models.resnet50(weights=None)
        base.fc = torch.nn.Identity()
        stem = torch.nn.Sequential(base.conv1, base.bn1, base.relu, base.maxpool, base.layer1, base.layer2, base.layer3)
        rest = torch.nn.Sequential(base.layer4, base.avgpool, torch.nn.Flatten())
        head = torch.nn.Sequential(torch.nn.Linear(2048, 256), torch.nn.ReLU(), torch.nn.Linear(256, CLASSES))
        return stem, rest, head
    if network == "mobilenet":
        base, c = mobilenet()
        return base[:23], base[23:], torch.nn.Linear(c, CLASSES)
    if network == "efficientnet_lite0":
        import timm
        base = timm.create_model("efficientnet_lite0", pretrained=False)
        stem = torch.nn.Sequential(base.conv_stem, base.bn1, *base.blocks[:6])
        rest = torch.nn.Sequential(base.blocks[6], base.conv_head, base.bn2, base.global_pool)
        return stem, rest, torch.nn.Linear(1280, CLASSES)
    base, c = resnet20()
    return torch.nn.Identity(), base, torch.nn.Linear(c, CLASSES)


stem, rest, head = (part.to(memory_format=torch.channels_last) for part in make())
trained = {"head": [head], "top": [rest, head], "all": [stem, rest, head], "evaluate": []}[work]
for part in (stem, rest, head):
    part.requires_grad_(part in trained)
    part.train(part in trained and work == "all")
frozen = {"head": torch.nn.Sequential(stem, rest), "top": stem, "all": torch.nn.Identity(), "evaluate": torch.nn.Sequential(stem, rest, head)}[work]
trains = {"head": head, "top": torch.nn.Sequential(rest, head), "all": torch.nn.Sequential(stem, rest, head), "evaluate": torch.nn.Identity()}[work]
if mode == "compile":
    import torch._inductor.config
    frozen = frozen.eval() if work != "all" else frozen
    inferred = torch.compile(frozen, options={"freezing": True})
    stepped = torch.compile(trains) if work != "evaluate" else trains
else:
    inferred, stepped = frozen, trains
optimizer = torch.optim.Adam([p for part in trained for p in part.parameters()], lr=1e-4, fused=True) if trained else None
cast = (lambda: torch.autocast("cpu", dtype=torch.bfloat16)) if precision == "bf16" else contextlib.nullcontext
offset, scale = (127.5, 127.5) if network != "efficientnet_lite0" else (127.0, 128.0)


def present(i):
    x = images[i].float()
    if SIZE != 32:
        x = F.interpolate(x, size=SIZE, mode="bilinear", align_corners=False)
    return ((x - offset) / scale).contiguous(memory_format=torch.channels_last)


def base(x):
    with torch.no_grad(), cast():
        return inferred(x)


def step(i):
    x = base(present(i)) if work != "all" else present(i)
    with cast():
        loss = F.cross_entropy(stepped(x), labels[i])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def evaluated(count):
    for at in range(0, count, BATCH):
        i = torch.arange(at, min(at + BATCH, count))
        with torch.no_grad(), cast():
            trains(base(present(i))).argmax(1)


def run_round():
    if work == "evaluate":
        evaluated(BATCH * STEPS)
        return BATCH * STEPS
    count = TRAIN if work == "top" else BATCH * STEPS
    for at in range(0, count, BATCH):
        at %= PICTURES - BATCH
        step(torch.arange(at, at + BATCH))
    if work != "top":
        return count
    evaluated(VALIDATE)
    return count + VALIDATE


serve(run_round)
