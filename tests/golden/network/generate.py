"""Known answers of Keras 3.12 on TensorFlow for whole networks with weights from a formula (tests/nn/formula.c has the
same one): logits, norms of intermediate outputs, gradients in both modes of batch norm, moving statistics, and a real
step of fit(). A tensor is recorded as its L2 norm and its product with the formula's numbers.

python generate.py [NETWORK]; writes one .txt a network beside this file: `name count numbers...`.
"""
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from formula import CLASSES, IMAGES, units, value

here = os.path.dirname(os.path.abspath(__file__))
# Of a number that is derived again, and the one that is kept: releases of the libraries put values at a ReLU's corner on one side or the
# other.
TOLERANCE = 5e-2


def variable_name(layer, w):
    variable = w.path.split("/")[-1]
    if isinstance(layer, L.DepthwiseConv2D) and variable == "kernel":
        variable = "depthwise_kernel"
    return f"{layer.name}/{variable}"


def weighted(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from weighted(layer)
        else:
            for w in layer.weights:
                yield layer, w


def resnet_cifar(size, blocks):
    def conv(x, name, filters, kernel, stride, relu):
        if kernel == 3:
            x = L.ZeroPadding2D(1)(x)
        x = L.Conv2D(filters, kernel, strides=stride, use_bias=False, name=name + "_conv")(x)
        x = L.BatchNormalization(epsilon=1.001e-5, name=name + "_bn")(x)
        return L.ReLU(name=name + "_relu")(x) if relu else x

    image = L.Input((size, size, 3))
    x = conv(image, "conv1", 16, 3, 1, True)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks):
            name = f"conv{stage + 2}_block{block + 1}"
            stride = 2 if stage and not block else 1
            shortcut = conv(x, name + "_0", filters, 1, stride, False) if stride == 2 else x
            x = conv(x, name + "_1", filters, 3, stride, True)
            x = conv(x, name + "_2", filters, 3, 1, False)
            x = L.ReLU(name=name + "_out")(L.Add()([shortcut, x]))
    return keras.Model(image, L.GlobalAveragePooling2D(name="avg_pool")(x))


def pooled(base, layers):
    """The base with the averages of more layers before its own."""
    averages = [L.GlobalAveragePooling2D(name=name + "_avg_pool")(base.get_layer(name).output) for name in layers]
    return keras.Model(base.inputs, L.Concatenate(name="concatenate")(averages + [base.output]))


def build(base, size, hidden):
    image = L.Input((size, size, 3))
    x = base(image, training=False)
    if hidden:
        x = L.Dense(hidden, activation="relu", name="dense")(x)
    logits = L.Dense(CLASSES, name="dense_1" if hidden else "dense")(x)
    return keras.Model(image, logits)


def record(f, name, numbers):
    f.write(f"{name} {len(numbers)} " + " ".join(f"{v:.9g}" for v in numbers) + "\n")


def summary(f, kind, name, tensor):
    t = np.asarray(tensor, np.float64).ravel()
    record(f, f"{kind}:{name}", [np.sqrt((t * t).sum()), (t * units("probe", t.size)).sum()])


def set_weights(model):
    for layer, w in weighted(model):
        w.assign(value(variable_name(layer, w), tuple(w.shape)))


def gradients(base, model, x, y, training):
    """Mean loss, and (name, variable, gradient) of what trains. `base` is called anew: calling the outer model would keep its
    training=False."""
    named = [(variable_name(l, w), w) for l, w in weighted(model) if w.trainable and l.trainable]
    with tf.GradientTape() as tape:
        h = base(x, training=training)
        for layer in model.layers:
            if isinstance(layer, L.Dense):
                h = layer(h)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, h))
    return float(loss), [(name, w, g) for (name, w), g in zip(named, tape.gradient(loss, [w.value for _, w in named]))]


def step(f, kind, base, model, x, y, training):
    loss, found = gradients(base, model, x, y, training)
    record(f, kind + ":loss", [loss])
    for name, _, g in found:
        summary(f, kind, name, g)


def set_trainable(base, patterns):
    for layer, _ in weighted(base):
        layer.trainable = any(p in layer.name for p in patterns)


def phases(f, base, model, x, y, patterns):
    """Ten steps of phase 1, the base frozen, and from there ten of phase 2 in either mode of the unfrozen batch norms. Each with an
    Adam of its own."""
    def ten_steps(kind, training):
        optimizer = keras.optimizers.Adam(1e-3)
        losses = []
        for _ in range(10):
            loss, found = gradients(base, model, x, y, training)
            losses.append(loss)
            optimizer.apply([g for _, _, g in found], [w for _, w, _ in found])
        record(f, kind + ":losses", losses)
        for layer in model.layers:
            if isinstance(layer, L.Dense):
                record(f, f"{kind}:{layer.name}/bias", layer.bias.numpy())
        record(f, kind + ":logits", model(x, training=False).numpy().ravel())

    set_weights(model)
    set_trainable(base, [])
    ten_steps("phase1", False)
    after = model.get_weights()
    set_trainable(base, patterns)
    ten_steps("phase2_inference", False)
    model.set_weights(after)
    ten_steps("phase2_batch", True)


def moving(f, kind, model):
    for layer, w in weighted(model):
        if isinstance(layer, L.BatchNormalization) and layer.trainable and "moving" in w.path:
            summary(f, kind, variable_name(layer, w), w.numpy())


def network(file, make, size, hidden, patterns, watched):
    if len(sys.argv) > 1 and file not in sys.argv[1:]:
        return
    base = make()
    model = build(base, size, hidden)
    set_weights(model)
    pixels = ((units("pixels", IMAGES * size * size * 3) + 1) * 128).astype(np.uint8)
    x = (pixels.reshape(IMAGES, size, size, 3) / np.float32(255)).astype(np.float32)
    y = np.arange(IMAGES) % CLASSES
    set_trainable(base, patterns)
    with open(os.path.join(here, file + ".txt"), "w") as f:
        record(f, "logits", model(x, training=False).numpy().ravel())
        taps = keras.Model(base.inputs, [base.get_layer(name).output for name in watched])
        for name, tensor in zip(watched, taps(x, training=False)):
            summary(f, "output", name, tensor)
        step(f, "inference", base, model, x, y, False)
        step(f, "batch", base, model, x, y, True)
        moving(f, "batch", model)
        # fit() as it is: base was called with training=False, and yet layers that may train use the batch's statistics.
        set_weights(model)
        full = keras.Model(model.inputs, L.Softmax()(model.outputs[0]))
        full.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        history = full.fit(x, y, batch_size=IMAGES, epochs=1, shuffle=False, verbose=0)
        record(f, "fit:loss", history.history["loss"])
        moving(f, "fit", model)
        summary(f, "fit", "dense/kernel", model.get_layer("dense").kernel.numpy())
        record(f, "fit:logits", model(x, training=False).numpy().ravel())
    if file in ("resnet8", "mobilenet"):
        with open(os.path.join(here, file + "_phases.txt"), "w") as f:
            phases(f, base, model, x, y, patterns)


network("resnet8", lambda: resnet_cifar(16, 1), 16, 0, [""], ["conv1_relu", "conv2_block1_out", "conv3_block1_out", "conv4_block1_out"])
# Maps that are read by a pool, a convolution and a sum; in an order of its own. Made with Keras 3.15.
network("resnet8_pooled", lambda: pooled(resnet_cifar(16, 1), ["conv3_block1_1_relu", "conv1_relu", "conv3_block1_out"]), 16, 8,
        ["conv1", "conv3", "conv4_block1_2"], ["conv1_relu", "conv3_block1_1_relu", "conv4_block1_out", "concatenate"])
network("mobilenet", lambda: keras.applications.MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25,
                                                  pooling="avg"),
        32, 16, ["conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"],
        ["conv1_relu", "conv_pw_1_relu", "conv_dw_4_relu", "conv_pw_11_relu", "conv_pw_13_relu"])
network("resnet50", lambda: keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3), pooling="avg"),
        64, 8, ["conv5"], ["pool1_pool", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"])
# An odd size: every map's padding is TensorFlow's "same". Made with Keras 3.15.
network("mobilenet_v2", lambda: keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(33, 33, 3), pooling="avg"),
        33, 0, [""], ["Conv1_relu", "expanded_conv_project_BN", "block_2_add", "block_13_depthwise_relu", "out_relu"])
