"""Writes loss.txt: softmax cross-entropy from logits as Keras' fit computes it, and its gradient through TensorFlow.
Made with Keras 3.12, TensorFlow 2.20.

Line 1: number of images, number of classes. Then five lines an image: logits, target distribution, loss, softmax,
gradient of the mean loss with respect to the logits."""
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(2)
images, classes = 6, 10
logits = (rng.normal(size=(images, classes)) * np.array([[1], [5], [30], [1e-3], [100], [1]])).astype(np.float32)
labels = rng.integers(0, classes, images)
targets = np.eye(classes, dtype=np.float32)[labels]
targets[5] = 0.7 * targets[5] + 0.3 * np.eye(classes, dtype=np.float32)[(labels[5] + 3) % classes]  # mixup
variable = tf.Variable(logits)
with tf.GradientTape() as tape:
    probabilities = keras.activations.softmax(variable)
    loss = keras.losses.categorical_crossentropy(targets, probabilities)
    mean = tf.reduce_mean(loss)
gradient = tape.gradient(mean, variable)
sparse = keras.losses.sparse_categorical_crossentropy(labels, keras.activations.softmax(variable))
assert np.allclose(sparse[:5], loss[:5])  # the same from labels


def line(values):
    return " ".join(f"{x:.9g}" for x in np.ravel(values)) + "\n"


with open(os.path.join(os.path.dirname(__file__), "loss.txt"), "w") as out:
    out.write(f"{images} {classes}\n")
    for i in range(images):
        out.write("".join(line(a[i]) for a in (logits, targets, loss, probabilities, gradient)))
