"""Layers with weights of keras.applications' networks without top: `name kernel-shape...`, one line a layer, sorted.

Run with Keras 3.12: python generate.py [ARCHITECTURE]; writes <architecture>.txt beside this file.
"""
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras

here = os.path.dirname(os.path.abspath(__file__))
networks = {
    "resnet50": keras.applications.ResNet50(weights=None, include_top=False, input_shape=(224, 224, 3), pooling="avg"),
    "resnet101": keras.applications.ResNet101(weights=None, include_top=False, input_shape=(224, 224, 3), pooling="avg"),
    "resnet152": keras.applications.ResNet152(weights=None, include_top=False, input_shape=(224, 224, 3), pooling="avg"),
    "mobilenet": keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3), alpha=0.25,
                                              pooling="avg"),
    # Made with Keras 3.15.
    "mobilenet_v2": keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3), alpha=1.4,
                                                   pooling="avg"),
}
for name, model in networks.items():
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        continue
    lines = []
    for layer in model.layers:
        for w in layer.weights:
            variable = w.path.split("/")[-1]
            # `kernel` of a depthwise convolution is named depthwise_kernel in the files.
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                variable = "depthwise_kernel"
            if variable in ("kernel", "depthwise_kernel", "bias", "gamma"):
                lines.append(f"{layer.name}/{variable} {'x'.join(map(str, w.shape))} {layer.output.shape[1]}")
    with open(os.path.join(here, name + ".txt"), "w") as f:
        f.write("\n".join(sorted(lines)) + "\n")
