"""A model with a base inside, as Keras 3 saves it in each of its formats; and weights in half precision. Needs keras.

Tensor i of the model's weights, in their order, counts up from 100 i."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py
import keras
import numpy as np
from keras import layers as L


def build():
    base = keras.Sequential([L.Input((6, 6, 3)), L.Conv2D(4, 3, name="conv1_conv"), L.BatchNormalization(name="conv1_bn"),
                             L.DepthwiseConv2D(3, use_bias=False, name="conv_dw_1"), L.Conv2D(2, 1, use_bias=False, name="conv_pw_1"),
                             L.GlobalAveragePooling2D()], name="base")
    image = L.Input((6, 6, 3))
    x = L.RandomFlip(name="flip")(image)
    x = base(x, training=False)
    x = L.LayerNormalization(name="whiten")(x)
    x = L.Dropout(0.3)(x)
    x = L.Dense(3, activation="relu", name="dense")(x)
    model = keras.Model(image, L.Dense(2, activation="softmax", name="dense_1")(x))
    count_up(model)
    with open("names.txt", "w") as f:
        for i, w in enumerate(model.weights):
            f.write(f"{100 * i} {w.path}\n")
    return model


def count_up(model):
    for i, w in enumerate(model.weights):
        w.assign(np.arange(np.prod(w.shape), dtype=np.float32).reshape(w.shape) + 100 * i)


def narrow(dtype, name):
    keras.config.set_dtype_policy(dtype)
    model = keras.Sequential([L.Input((4, 4, 1)), L.Conv2D(2, 2, name="conv1_conv")])
    count_up(model)
    model.save_weights(name)


model = build()
model.compile("adam", "sparse_categorical_crossentropy")
model.save("nested.keras")
model.save("nested.h5")
model.save_weights("nested.weights.h5")
# Older releases of Keras 3 do not say what layers are called.
with h5py.File("nested.weights.h5") as old, h5py.File("numbered.weights.h5", "w") as new:
    for name in old:
        old.copy(name, new)
    def strip(_, item):  # what it returns would end the walk
        item.attrs.pop("name", None)
    new.visititems(strip)
narrow("float16", "half.weights.h5")
narrow("bfloat16", "brain.weights.h5")
