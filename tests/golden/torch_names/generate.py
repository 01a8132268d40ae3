"""Names and shapes of the tensors of torchvision's and timm's networks: `name dimension...`, one a line. Needs timm."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import timm
import torchvision

NETWORKS = {
    "resnet18": torchvision.models.resnet18(weights=None),
    "resnet50_v1.5": torchvision.models.resnet50(weights=None),
    "mobilenet": timm.create_model("mobilenetv1_100", pretrained=False),
    "mobilenet_v2": torchvision.models.mobilenet_v2(weights=None),
    "mobilenet_v2.timm": timm.create_model("mobilenetv2_100", pretrained=False),
    "efficientnet_lite0": timm.create_model("efficientnet_lite0", pretrained=False),
    "efficientnet_lite2": timm.create_model("efficientnet_lite2", pretrained=False),
}
for name, model in NETWORKS.items():
    with open(name + ".txt", "w") as f:
        for tensor, value in model.state_dict().items():
            if not tensor.endswith("num_batches_tracked"):
                f.write(" ".join([tensor, *map(str, value.shape)]) + "\n")
