#!/usr/bin/env python3
"""Writes golden warps next to this file.

The expected pixels come from scipy.ndimage.map_coordinates (order 1, mode
"reflect", binary64), which agrees with the TensorFlow kernel's reflect rule;
the sampling coordinates are computed here in binary64 from the matrices that
Keras' layers use.  Compare with an absolute tolerance of 1e-5.
Run: python3 generate.py
"""
import math
import os

import numpy as np
from scipy.ndimage import map_coordinates

HERE = os.path.dirname(os.path.abspath(__file__))


def rotation(deg, w, h):
    a = math.radians(deg)
    c, s = math.cos(a), math.sin(a)
    cx, cy = 0.5 * (w - 1), 0.5 * (h - 1)
    return [c, -s, cx - cx * c + cy * s, s, c, cy - cx * s - cy * c]


def zoom(z, w, h):
    return [z, 0.0, 0.5 * (w - 1) * (1 - z), 0.0, z, 0.5 * (h - 1) * (1 - z)]


def main():
    # sides are unequal on purpose: swapped axes show up
    h, w = 8, 10
    img = np.random.RandomState(11).randint(0, 256, (h, w)) / 255.0
    cases = [("rotate_20", rotation(20.0, w, h)),
             ("rotate_minus_36", rotation(-36.0, w, h)),
             ("rotate_36", rotation(36.0, w, h)),
             ("zoom_0.9", zoom(0.9, w, h)),
             ("zoom_1.1", zoom(1.1, w, h)),
             ("identity", rotation(0.0, w, h))]
    ys, xs = np.mgrid[0:h, 0:w].astype(float)
    with open(os.path.join(HERE, "warps.txt"), "w") as f:
        f.write("# input: h w, then rows\ninput %d %d\n" % (h, w))
        for r in img:
            f.write(" ".join("%.9g" % v for v in r) + "\n")
        for name, (a0, a1, a2, b0, b1, b2) in cases:
            px = a0 * xs + a1 * ys + a2
            py = b0 * xs + b1 * ys + b2
            out = map_coordinates(img, [py, px], order=1, mode="reflect")
            f.write("# case, then a0 a1 a2 b0 b1 b2, then rows\n")
            f.write("case %s\n" % name)
            f.write(" ".join("%.17g" % v for v in
                             (a0, a1, a2, b0, b1, b2)) + "\n")
            for r in out:
                f.write(" ".join("%.9g" % v for v in r) + "\n")


if __name__ == "__main__":
    main()
