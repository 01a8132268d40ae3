#!/usr/bin/env python3
"""Seconds an epoch of both phases in Keras, on the data and with the settings of tests/bench/transfer.sh.

    keras_transfer.py ARTIFACTS ARCHITECTURE EPOCHS

Prints `phase1 SECONDS` and `phase2 SECONDS`: the median over the epochs after the first, validation included.
"""
import os
import sys
import time

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
from keras import layers

folder, architecture, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
images = np.load(f"{folder}/download/dataset/train_images.npy").astype("float32")
labels = np.load(f"{folder}/download/dataset/train_labels.npy").astype("int32")
train = np.load(f"{folder}/split/splits/train.npy")
val = np.load(f"{folder}/split/splits/val.npy")

shape = (224, 224, 3)
if architecture == "mobilenet":
    base = keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=shape, pooling="avg")
    preprocess, unfrozen = layers.Rescaling(1 / 127.5, -1), ("_12", "_13")
else:
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape, pooling="avg")
    preprocess, unfrozen = layers.Rescaling(1.0, -117.0), ("conv5",)
base.trainable = False

inputs = keras.Input(images.shape[1:])
x = inputs
for layer in (layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1),
              layers.Resizing(224, 224), preprocess):
    x = layer(x)
x = base(x, training=False)
for layer in (layers.Dropout(0.3), layers.Dense(256, activation="relu"), layers.Dropout(0.3),
              layers.Dense(10, activation="softmax")):
    x = layer(x)
model = keras.Model(inputs, x)


class Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.times = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter() - self.start)


def phase(name, learning_rate):
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = Clock()
    model.fit(images[train], labels[train], batch_size=32, epochs=epochs + 1, verbose=0,
              validation_data=(images[val], labels[val]), callbacks=[clock])
    print(name, float(np.median(clock.times[1:])), flush=True)


phase("phase1", 1e-3)
base.trainable = True
for layer in base.layers:
    layer.trainable = any(part in layer.name for part in unfrozen) and not isinstance(layer, layers.BatchNormalization)
phase("phase2", 1e-4)
