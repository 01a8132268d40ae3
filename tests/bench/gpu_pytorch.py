#!/usr/bin/env python3
"""What tests/bench/gpu_train does, in PyTorch 2: ResNet50 at 224 from pictures of 32 x 32 that lie on the card, flipped, turned,
zoomed, resized and preprocessed there, batch 32, bf16 with channels_last. Images a second of the head on the frozen base
(phase1), of layer4 unfrozen with batch norm in inference mode (phase2), and of evaluation in batches of 256.

    gpu_pytorch.py MODE [STEPS]     MODE: eager, compile (torch.compile) or graphs (one CUDA graph a step)

Prints one JSON object.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
import torchvision

mode, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 512
PICTURES, BATCH, CLASSES = 10000, 32, 10
device = torch.device("cuda")
torch.backends.cudnn.benchmark = True
torch.manual_seed(1)
images = torch.randint(0, 256, (PICTURES, 3, 32, 32), dtype=torch.uint8, device=device)
labels = torch.arange(PICTURES, device=device) % CLASSES
means = torch.tensor([103.939, 116.779, 123.68], device=device).view(1, 3, 1, 1)


def present(x):
    x = F.interpolate(x, size=224, mode="bilinear", align_corners=False)
    return (x.flip(1) - means).to(memory_format=torch.channels_last)


def augment(x):
    n = x.shape[0]
    x = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.5, x.flip(3), x)
    for angle, zoom in ((0.1 * 2 * 3.14159265, 0.0), (0.0, 0.1)):  # Keras' two layers, one warp each
        a = (torch.rand(n, device=device) * 2 - 1) * angle
        z = 1 + (torch.rand(n, device=device) * 2 - 1) * zoom
        zero = torch.zeros_like(a)
        theta = torch.stack([torch.stack([z * a.cos(), -a.sin(), zero], 1), torch.stack([a.sin(), z * a.cos(), zero], 1)], 1)
        x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), padding_mode="reflection", align_corners=False)
    return x


class Network(torch.nn.Module):
    def __init__(self, unfrozen):
        super().__init__()
        self.base = torchvision.models.resnet50(weights=None)
        self.base.fc = torch.nn.Identity()
        for name, p in self.base.named_parameters():
            p.requires_grad = unfrozen and name.startswith("layer4")
        self.base.eval()
        self.head = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(2048, 256), torch.nn.ReLU(),
                                        torch.nn.Dropout(0.3), torch.nn.Linear(256, CLASSES))

    def forward(self, x):
        return self.head(self.base(x))


def timed(unfrozen):
    net = Network(unfrozen).to(device).to(memory_format=torch.channels_last)
    net.head.train()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-4, fused=True, capturable=True)
    run = torch.compile(net) if mode == "compile" else net

    def step(x, y):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = F.cross_entropy(run(present(augment(x.float()))), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    index = torch.randperm(PICTURES, device=device)
    call = lambda i: step(images[i], labels[i])
    if mode == "graphs":
        fixed = index[:BATCH].clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(4):
                call(fixed)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call(fixed)

        def call(i, graph=graph, fixed=fixed):
            fixed.copy_(i)
            graph.replay()

    for s in range(32):
        call(index[s * BATCH:(s + 1) * BATCH])
    torch.cuda.synchronize()
    start = time.perf_counter()
    for s in range(steps):
        at = s % (PICTURES // BATCH) * BATCH
        call(index[at:at + BATCH])
    torch.cuda.synchronize()
    return net, run, steps * BATCH / (time.perf_counter() - start)


def evaluated(net):
    net.eval()
    run = torch.compile(net) if mode == "compile" else net
    for _ in range(2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        hits = torch.zeros((), device=device)
        with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16):
            for at in range(0, PICTURES, 256):
                hits += (run(present(images[at:at + 256].float())).argmax(1) == labels[at:at + 256]).sum()
        hits.item()
        seconds = time.perf_counter() - start
    return PICTURES / seconds


net, _, phase1 = timed(False)
evaluation = evaluated(net)
_, _, phase2 = timed(True)
print(json.dumps({"program": f"pytorch {torch.__version__} {mode}", "device": torch.cuda.get_device_name(), "precision": "bf16",
                  "phase1": phase1, "phase2": phase2, "evaluation": evaluation}))
