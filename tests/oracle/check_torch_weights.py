"""Weights as torchvision and timm write them give the features that those libraries compute, in ours.

Our features come out of the model that phase1 writes: its head is laid on the features by hand, and the logits compared."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file

from oracle import *

NAMES = ["a", "b", "c", "d"]
SIZE = 64
rng = np.random.default_rng(2)
pictures = rng.integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
labels = np.arange(16) % 4
folder = dataset("pictures", pictures, labels, pictures[:8], labels[:8], NAMES)
torch.manual_seed(3)


def liven(model):
    """Statistics and scales as a trained network has them."""
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.3, 2.0)
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.normal_(0, 0.2)
    return model.eval()


def from_torch(what, model, architecture, mean, deviation, features, file="weights.safetensors", dtype=None, **more):
    liven(model)
    path = os.path.join(WORK, file)
    state = {k: v.clone().contiguous() for k, v in model.state_dict().items()}
    if dtype:
        state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        model.load_state_dict(state)
    save_file(state, path)
    x = (torch.from_numpy(pictures[:8]).permute(0, 3, 1, 2).float() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    with torch.no_grad():
        theirs = features(model, x).flatten(1).numpy()
    weights, said = download_weights(path)
    ours_agree(folder, what, weights, theirs, architecture, **more)


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
LITE = ([127 / 255.0] * 3, [128 / 255.0] * 3)


def resnet(model, x):
    model.fc = torch.nn.Identity()
    return model(x)


def timm_features(model, x):
    return model.forward_head(model.forward_features(x), pre_logits=True)


def mobilenet_v2(model, x):
    return model.features(x).mean((2, 3))


for name, ours in (("resnet18", "resnet18_v1.5"), ("resnet34", "resnet34_v1.5"), ("resnet50", "resnet50_v1.5"), ("resnet101", "resnet101_v1.5")):
    from_torch(f"torchvision's {name}", getattr(torchvision.models, name)(weights=None), ours, *IMAGENET, resnet, preprocess="torch")
from_torch("torchvision's resnet18 in our resnet18", torchvision.models.resnet18(weights=None), "resnet18", *IMAGENET, resnet, preprocess="torch")
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    m = torchvision.models.resnet18(weights=None)
    if dtype != torch.float64:
        from_torch(f"torchvision's resnet18 as {dtype}", m, "resnet18", *IMAGENET, resnet, dtype=dtype, preprocess="torch")
    else:
        path = os.path.join(WORK, "wide.safetensors")
        save_file({k: v.double() if v.is_floating_point() else v for k, v in liven(m).state_dict().items()}, path)
        x = (torch.from_numpy(pictures[:8]).permute(0, 3, 1, 2).float() / 255 - torch.tensor(IMAGENET[0]).view(3, 1, 1)) / torch.tensor(IMAGENET[1]).view(3, 1, 1)
        with torch.no_grad():
            ours_agree(folder, f"torchvision's resnet18 as {dtype}", download_weights(path)[0], resnet(m, x).numpy(), "resnet18", preprocess="torch")
from_torch("timm's resnet50", timm.create_model("resnet50", pretrained=False), "resnet50_v1.5", *IMAGENET, timm_features, preprocess="torch")
from_torch("timm's mobilenetv1_100", timm.create_model("mobilenetv1_100", pretrained=False), "mobilenet", *IMAGENET, timm_features, preprocess="torch")
from_torch("torchvision's mobilenet_v2", torchvision.models.mobilenet_v2(weights=None), "mobilenet_v2", *IMAGENET, mobilenet_v2, preprocess="torch")
from_torch("timm's mobilenetv2_100", timm.create_model("mobilenetv2_100", pretrained=False), "mobilenet_v2", *IMAGENET, timm_features,
           preprocess="torch")
for i in range(5):
    from_torch(f"timm's efficientnet_lite{i}", timm.create_model(f"efficientnet_lite{i}", pretrained=False), f"efficientnet_lite{i}", *IMAGENET,
               timm_features, preprocess="torch")
    from_torch(f"timm's tf_efficientnet_lite{i}", timm.create_model(f"tf_efficientnet_lite{i}", pretrained=False), f"efficientnet_lite{i}", *LITE,
               timm_features, f"tf_efficientnet_lite{i}.safetensors", preprocess="lite")

with check("ResNet v1.5's weights are refused for v1, with the architecture to take"):
    path = os.path.join(WORK, "r50.safetensors")
    save_file({k: v.contiguous() for k, v in liven(torchvision.models.resnet50(weights=None)).state_dict().items()}, path)
    try:
        trained(folder, model_params("resnet50", SIZE), download_weights(path)[0])
        assert False, "they are taken"
    except Failed as problem:
        assert "'resnet50_v1.5'" in str(problem), problem
done()
