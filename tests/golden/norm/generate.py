"""Writes norm.txt: keras.layers.BatchNormalization forward and backward, in batch mode and in inference mode.
Made with Keras 3.12, TensorFlow 2.20.

Line 1: rows, channels, epsilon, momentum. Then one line each: x, dy, gamma, beta, moving mean, moving variance.
Batch mode: y, dx, dgamma, dbeta, moving mean and moving variance after the step. Inference mode: y, dx, dgamma, dbeta."""
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(3)
n, h, w, c = 3, 4, 5, 7
epsilon, momentum = 1.001e-5, 0.99
x = (rng.normal(size=(n, h, w, c)) * rng.uniform(0.1, 3, c) + rng.normal(size=c) * 4).astype(np.float32)
dy = rng.normal(size=x.shape).astype(np.float32)
start = [rng.normal(size=c), rng.normal(size=c), rng.normal(size=c), rng.uniform(0.5, 2, c)]
start = [a.astype(np.float32) for a in start]


def line(values):
    return " ".join(f"{v:.9g}" for v in np.ravel(values)) + "\n"


def run(training):
    layer = keras.layers.BatchNormalization(epsilon=epsilon, momentum=momentum)
    layer.build(x.shape)
    layer.set_weights(start)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = layer(variable, training=training)
    dx, dgamma, dbeta = tape.gradient(y, [variable, layer.gamma.value, layer.beta.value], output_gradients=dy)
    lines = [y, dx, dgamma, dbeta]
    if training:
        lines += [layer.moving_mean, layer.moving_variance]
    return "".join(line(v) for v in lines)


with open(os.path.join(os.path.dirname(__file__), "norm.txt"), "w") as out:
    out.write(f"{n * h * w} {c} {epsilon} {momentum}\n" + "".join(line(v) for v in [x, dy] + start))
    out.write(run(True) + run(False))
