#!/usr/bin/env python3
"""Writes cases.txt: Grad-CAM by GradientTape in Keras, on random maps and heads, in double precision: in single, 1 - p
has no digits left where the softmax saturates.

Case: `case height width channels hidden classes predicted`, then one line each of map, hidden_kernel, hidden_bias,
kernel, probabilities, gradient (mean over the places), heat (normalised) and bytes. Rows are flattened in C order.
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
# height, width, channels, hidden units, classes, scale of the weights (a large one saturates the softmax)
CASES = [(4, 4, 6, 5, 3, 1.0), (7, 7, 24, 8, 10, 1.0), (8, 8, 6, 0, 10, 1.0), (2, 3, 5, 4, 4, 1.0), (1, 1, 6, 3, 3, 1.0),
         (7, 7, 8, 6, 10, 1.4)]


def main():
    keras.config.set_floatx("float64")
    with open(os.path.join(HERE, "cases.txt"), "w") as f:
        f.write("# Keras %s, TensorFlow %s; see generate.py\n" % (keras.__version__, tf.__version__))
        for number, (h, w, c, hidden, classes, scale) in enumerate(CASES):
            r = np.random.RandomState(100 + number)
            maps = keras.Input((h, w, c))
            x = keras.layers.GlobalAveragePooling2D()(maps)
            if hidden:
                x = keras.layers.Dense(hidden, activation="relu", name="hidden")(x)
            model = keras.Model(maps, keras.layers.Dense(classes, activation="softmax", name="out")(x))
            for layer in model.layers:
                layer.set_weights([(scale * r.normal(size=v.shape)).astype("f4").astype("f8") for v in layer.get_weights()])
            a = tf.constant(np.maximum(r.normal(size=(1, h, w, c)), 0).astype("f4").astype("f8"))
            with tf.GradientTape() as tape:
                tape.watch(a)
                p = model(a, training=False)
                k = int(tf.argmax(p[0]))
                score = p[:, k]
            gradient = tf.reduce_mean(tape.gradient(score, a), axis=(0, 1, 2))
            heat = tf.maximum(tf.squeeze(a[0] @ gradient[..., tf.newaxis], -1), 0)
            heat = (heat / (tf.reduce_max(heat) + 1e-8)).numpy()
            weights = model.get_layer("hidden").get_weights() if hidden else [np.zeros(0), np.zeros(0)]
            f.write("case %d %d %d %d %d %d\n" % (h, w, c, hidden, classes, k))
            for name, values in [("map", a.numpy()), ("hidden_kernel", weights[0]), ("hidden_bias", weights[1]),
                                 ("kernel", model.get_layer("out").get_weights()[0]), ("probabilities", p.numpy()),
                                 ("gradient", gradient.numpy()), ("heat", heat), ("bytes", np.uint8(255 * heat))]:
                f.write(" ".join([name] + ["%.9g" % v for v in values.ravel()]) + "\n")


if __name__ == "__main__":
    main()
