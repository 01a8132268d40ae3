"""Weights as Keras writes them, alone and inside a model, in each of its formats, give the features that Keras computes, in ours."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np

from oracle import *

SIZE = 64
rng = np.random.default_rng(2)
pictures = rng.integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
labels = np.arange(16) % 4
folder = dataset("pictures", pictures, labels, pictures[:8], labels[:8], ["a", "b", "c", "d"])


def liven_keras(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            liven_keras(layer)
        for w in layer.weights if isinstance(layer, keras.layers.BatchNormalization) else []:
            shape, kind = w.shape, w.path.split("/")[-1]
            w.assign({"gamma": rng.uniform(0.5, 1.5, shape), "beta": rng.normal(0, 0.2, shape), "moving_mean": rng.normal(0, 0.2, shape),
                      "moving_variance": rng.uniform(0.3, 2.0, shape)}[kind])


def from_keras(name, base, architecture, preprocess, **more):
    liven_keras(base)
    x = pictures[:8].astype(np.float32)
    modes = {"tf": lambda v: v / 127.5 - 1, "caffe": lambda v: v[..., ::-1] - np.float32([103.939, 116.779, 123.68])}
    features = base.predict(modes[preprocess](x), verbose=0)
    image = keras.Input((SIZE, SIZE, 3))
    h = keras.layers.RandomFlip("horizontal")(image)
    h = base(h, training=False)
    h = keras.layers.Dropout(0.2)(h)
    h = keras.layers.BatchNormalization(name="a_head_norm")(h)
    whole = keras.Model(image, keras.layers.Dense(7, name="another_head")(h))
    for what, model in (("alone", base), ("inside a model", whole)):
        for ending, write in ((".keras", model.save), (".weights.h5", model.save_weights), (".h5", model.save)):
            path = os.path.join(WORK, "model" + ending)
            write(path)
            ours_agree(folder, f"{name} of Keras {what} as {ending}", download_weights(path)[0], features, architecture, preprocess=preprocess, **more)
            if ending == ".weights.h5" and model is base:
                ours_agree(folder, f"{name} of Keras {what}, its layers only numbered", download_weights(numbered(path))[0], features, architecture,
                           preprocess=preprocess, **more)


def numbered(path):
    """As older releases of Keras 3 wrote it: without the layers' names."""
    import h5py
    with h5py.File(path, "r+") as f:
        def strip(_, item): # what it returns would end the walk
            item.attrs.pop("name", None)
        f.visititems(strip)
    return path


A = keras.applications
kw = dict(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3), pooling="avg")
from_keras("ResNet50", A.ResNet50(**kw), "resnet50", "caffe")
from_keras("MobileNet", A.MobileNet(alpha=0.25, **kw), "mobilenet", "tf", alpha=0.25)
from_keras("MobileNetV2", A.MobileNetV2(alpha=0.5, **kw), "mobilenet_v2", "tf", alpha=0.5)
with check("a network with its top, in the old format"):
    m = A.MobileNet(alpha=0.25, weights=None, include_top=True, input_shape=(SIZE, SIZE, 3))
    path = os.path.join(WORK, "top.h5")
    m.save(path)
    weights, _ = download_weights(path)
    _, said = trained(folder, model_params("mobilenet", SIZE, alpha=0.25, preprocess="tf"), weights)
    assert "left out, as no part of the base: conv_preds" in said, said
done()
