"""Writes adam.txt: steps of keras.optimizers.Adam. Made with Keras 3.12, TensorFlow 2.20.

Line 1: number of weights, number of steps, learning rate. Line 2: initial weights.
Then four lines a step: gradient, weights, first moment, second moment after it."""
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

rng = np.random.default_rng(1)
count, steps, rate = 6, 12, 1e-3
weights = rng.normal(size=count).astype(np.float32)
variable = keras.Variable(weights)
optimizer = keras.optimizers.Adam(rate)
optimizer.build([variable])
scale = np.array([1, 1e-3, 1e-6, 1e2, 0, 1], np.float32)


def line(values):
    return " ".join(f"{x:.9g}" for x in np.asarray(values)) + "\n"


with open(os.path.join(os.path.dirname(__file__), "adam.txt"), "w") as out:
    out.write(f"{count} {steps} {rate}\n" + line(weights))
    for step in range(steps):
        gradient = rng.normal(size=count).astype(np.float32) * scale
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
        moments = {v.path.split("_")[-1]: v for v in optimizer.variables[2:]}
        out.write(line(gradient) + line(variable) + line(moments["momentum"]) + line(moments["velocity"]))
