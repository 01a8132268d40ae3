#!/usr/bin/env python3
"""Weights in the layouts that Keras' HDF5 files have had. Run here; needs h5py (made with 3.16.0).

With an argument, also keras3.h5, by Keras itself (made with 3.12.0).
"""
import sys

import h5py
import numpy as np

LAYERS = [("input_1", []), ("conv1_conv", ["kernel", "bias"]),
          ("conv1_bn", ["gamma", "beta", "moving_mean", "moving_variance"]), ("conv1_relu", []),
          ("conv_dw_1", ["depthwise_kernel"])]
SHAPES = {"kernel": (1, 1, 3, 2), "depthwise_kernel": (2, 2, 2, 1)}


def strings(names, variable):
    if not names:
        return np.array([], dtype=np.float64)
    if variable:
        return np.array(names, dtype=object)
    return np.array([n.encode() for n in names])


def put(attributes, name, value, variable, split):
    value = strings(value, variable)
    dtype = h5py.string_dtype() if variable and len(value) else None
    if not split:
        attributes.create(name, value, dtype=dtype)
        return
    for i, part in enumerate(np.array_split(value, 2)):
        attributes.create(f"{name}{i}", part, dtype=dtype)


def write(path, layers=LAYERS, variable=False, split=False, dtype=np.float32, external=False):
    with h5py.File(path, "w") as file:
        put(file.attrs, "layer_names", [name for name, _ in layers], variable, split)
        count = 0
        for layer, variables in layers:
            group = file.create_group(layer)
            put(group.attrs, "weight_names", [f"{layer}/{v}:0" for v in variables], variable, False)
            for v in variables:
                shape = SHAPES.get(v, (2,))
                values = count + np.arange(np.prod(shape), dtype=dtype).reshape(shape)
                if external:
                    group[f"{layer}/{v}:0"] = h5py.ExternalLink("fixed.h5", f"/{layer}/{layer}/{v}:0")
                else:
                    group.create_dataset(f"{layer}/{v}:0", data=values)
                count += 100


write("fixed.h5")
write("variable.h5", variable=True)
write("split.h5", split=True)
write("old_names.h5", [("conv1", ["kernel"]), ("bn2a_branch2a", ["gamma"])])
write("f64.h5", [("conv1", ["kernel"])], dtype=np.float64)
write("external.h5", [("conv1_conv", ["kernel"])], external=True)
write("unknown.h5", [("gru", ["recurrent_kernel"])])
with h5py.File("unwritten.h5", "w") as claimed:
    put(claimed.attrs, "layer_names", ["conv1"], False, False)
    layer = claimed.create_group("conv1")
    put(layer.attrs, "weight_names", ["conv1/kernel:0"], False, False)
    layer.create_dataset("conv1/kernel:0", (1, 1, 4096, 16384), dtype=np.float32)
with h5py.File("no_names.h5", "w") as other:
    other.create_dataset("values", data=np.zeros(3, dtype=np.float32))
if len(sys.argv) > 1:
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    model = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.DepthwiseConv2D(2, use_bias=False, name="conv_dw_1"),
                              keras.layers.BatchNormalization(name="conv_dw_1_bn"),
                              keras.layers.Flatten(name="flatten"), keras.layers.Dense(2, name="dense")])
    for weight in model.weights:
        weight.assign(np.arange(np.prod(weight.shape), dtype=np.float32).reshape(weight.shape) + len(weight.path))
    with h5py.File("keras3.h5", "w") as out:
        legacy_h5_format.save_weights_to_hdf5_group(out, model)
