#!/usr/bin/env python3
"""Writes augment.txt: what the layers of Keras 3.12 on TensorFlow 2.20 make of one picture.

Each array is a line `name count` and a line of numbers. Run: CUDA_VISIBLE_DEVICES= python3 generate.py
"""
import os

import keras
import numpy as np
import tensorflow as tf
from keras.applications.imagenet_utils import preprocess_input

HERE = os.path.dirname(os.path.abspath(__file__))
H, W = 8, 10  # unequal, so that swapped axes show up


def rotate(x, degrees):
    layer = keras.layers.RandomRotation(0.1)
    angle = tf.constant([degrees], tf.float32)
    zero = tf.zeros([1])
    matrix = layer._compute_affine_matrix(
        center_x=0.5, center_y=0.5, angle=angle, translate_x=zero, translate_y=zero,
        scale=tf.ones([1]), shear_x=zero, shear_y=zero, height=H, width=W)
    return np.array(layer.transform_images(x[None], {"rotation_matrix": matrix})[0])


def zoom(x, z):
    layer = keras.layers.RandomZoom(0.1)
    change = tf.constant([[z]], tf.float32)
    return np.array(layer.transform_images(
        tf.constant(x[None]), {"height_zoom": change, "width_zoom": change})[0])


def flip(x):
    layer = keras.layers.RandomFlip("horizontal")
    return np.array(layer.transform_images(
        tf.constant(x[None]), {"flips": tf.constant([[[[True]]]])})[0])


def resize(x, size):
    return np.array(keras.layers.Resizing(size, size, "bilinear")(x[None])[0])


def main():
    stored = np.random.RandomState(5).randint(0, 256, (H, W, 3)).astype("u1")
    x = stored.astype("f4") / np.float32(255)
    out = {"picture": stored, "flip": flip(x)}
    for degrees in (20.0, -36.0, 35.5):
        out["rotate_%g" % degrees] = rotate(x, degrees)
    for z in (0.9, 0.93, 1.1):
        out["zoom_%g" % z] = zoom(x, z)
    for size in (5, 10, 12, 21):
        out["resize_%d" % size] = resize(x, size)
    for mode in ("caffe", "tf", "torch"):
        out["preprocess_" + mode] = np.array(
            preprocess_input(tf.constant(resize(x, 12) * np.float32(255)), mode=mode))
    # The published notebook's way: [0,1] pixels into caffe.
    out["preprocess_caffe_unscaled"] = np.array(
        preprocess_input(tf.constant(resize(x, 12)), mode="caffe"))
    out["chain"] = zoom(rotate(flip(x), 20.0), 0.93)
    with open(os.path.join(HERE, "augment.txt"), "w") as f:
        for name, a in out.items():
            f.write("%s %d\n" % (name, a.size))
            f.write(" ".join("%.9g" % v for v in a.reshape(-1)) + "\n")


if __name__ == "__main__":
    main()
