#!/usr/bin/env python3
"""What tests/bench/train_cpu does, in Keras on TensorFlow: the same networks from the same pictures of 32 x 32, resized and
preprocessed on the way, by fit, whose step it compiles.

    train_cpu_keras.py NETWORK WORK f32|bf16 [THREADS]

Speaks as train_cpu.py does. Keras has no EfficientNet-Lite0. Needs keras and tensorflow.
"""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow
from keras import layers

from rounds import CLASSES, PICTURES, ROUNDS, serve

network, work, precision = sys.argv[1:4]
if len(sys.argv) > 4:
    tensorflow.config.threading.set_intra_op_parallelism_threads(int(sys.argv[4]))
if network not in ("resnet50", "mobilenet", "resnet20"):
    sys.exit(f"Keras has no {network}")
keras.utils.set_random_seed(1)
keras.mixed_precision.set_global_policy("float32" if precision == "f32" else "mixed_bfloat16")
BATCH, STEPS, TRAIN, VALIDATE = ROUNDS[network]
images = np.random.default_rng(1).integers(0, 256, (PICTURES, 32, 32, 3)).astype("float32")
labels = (np.arange(PICTURES) % CLASSES).astype("int32")


def resnet20():
    def conv_norm(x, k, size, stride):
        x = layers.Conv2D(k, size, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(conv_norm(inputs, 16, 3, 1))
    for k in (16, 32, 64):
        for i in range(3):
            stride = 2 if i == 0 and k > 16 else 1
            y = conv_norm(layers.ReLU()(conv_norm(x, k, 3, stride)), k, 3, 1)
            short = conv_norm(x, k, 1, stride) if stride > 1 else x
            x = layers.ReLU()(layers.Add()([y, short]))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


if network == "resnet50":
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    unfrozen = ("conv5",)
elif network == "mobilenet":
    base = keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=(224, 224, 3), pooling="avg")
    unfrozen = ("_12", "_13")
else:
    base, unfrozen = resnet20(), ()
base.trainable = work in ("top", "all")
for layer in base.layers if work == "top" else ():
    layer.trainable = any(part in layer.name for part in unfrozen) and not isinstance(layer, layers.BatchNormalization)
inputs = keras.Input((32, 32, 3))
x = layers.Resizing(224, 224)(inputs) if network != "resnet20" else inputs
x = base(layers.Rescaling(1 / 127.5, -1)(x), training=work == "all")
if network == "resnet50":
    x = layers.Dense(256, activation="relu")(x)
model = keras.Model(inputs, layers.Dense(CLASSES, dtype="float32")(x))
model.compile(keras.optimizers.Adam(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
evaluates = work == "evaluate"


def part(count):
    return tensorflow.data.Dataset.from_tensor_slices((images[:count], labels[:count])).batch(BATCH).prefetch(tensorflow.data.AUTOTUNE)


rounds = part(TRAIN if work == "top" else BATCH * STEPS)
validation = part(VALIDATE)


def run_round():
    if evaluates:
        model.evaluate(rounds, verbose=0)
        return BATCH * STEPS
    model.fit(rounds, epochs=1, verbose=0, shuffle=False)
    if work != "top":
        return BATCH * STEPS
    model.evaluate(validation, verbose=0)
    return TRAIN + VALIDATE


serve(run_round)
