"""Weights and pictures from a formula; tests/nn/formula.c has the same one."""
import numpy as np

IMAGES, CLASSES = 6, 5


def units(name, count):
    """count numbers in [-1, 1) from the FNV-1a hash of the name."""
    h = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for b in name.encode():
            h = np.uint32((int(h) ^ b) * 16777619 & 0xFFFFFFFF)
        x = (np.arange(count, dtype=np.uint64) * 2654435761 + int(h)).astype(np.uint32)
        x ^= x >> np.uint32(16)
        x = (x.astype(np.uint64) * 0x85EBCA6B).astype(np.uint32)
        x ^= x >> np.uint32(13)
        x = (x.astype(np.uint64) * 0xC2B2AE35).astype(np.uint32)
        x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def value(name, shape):
    u = units(name, int(np.prod(shape))).reshape(shape)
    kind = name.split("/")[1]
    if kind in ("kernel", "depthwise_kernel"):
        fan = shape[0] * shape[1] if kind != "kernel" else int(np.prod(shape[:-1]))
        return (u * np.sqrt(6.0 / fan)).astype(np.float32)
    return {"gamma": 1 + 0.2 * u, "moving_variance": 1 + 0.3 * u}.get(kind, 0.1 * u).astype(np.float32)
