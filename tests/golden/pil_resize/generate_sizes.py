#!/usr/bin/env python3
"""Writes sizes.txt: Image.resize of grey pictures of many sizes, larger and smaller.

Line: h w out_h out_w digest. Pixel i of the input is (i*i*37 + i*101 + 11*h + w) % 256; the digest is the first 16
hexadecimal digits of the SHA-256 of the output's bytes.
"""
import hashlib
import os

import numpy as np
import PIL
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = [(1, 1, 1, 1), (1, 1, 32, 32), (2, 2, 32, 32), (4, 4, 32, 32), (8, 8, 32, 32), (7, 7, 224, 224), (7, 7, 32, 32),
         (3, 9, 17, 40), (16, 16, 32, 32), (32, 32, 32, 32), (32, 32, 7, 7), (37, 100, 37, 20), (5, 64, 6, 3),
         (64, 64, 1, 1), (13, 13, 12, 12), (48, 50, 49, 48)]


def main():
    with open(os.path.join(HERE, "sizes.txt"), "w") as f:
        f.write("# Pillow %s; see generate_sizes.py\n" % PIL.__version__)
        for h, w, oh, ow in SIZES:
            i = np.arange(h * w)
            pixels = ((i * i * 37 + i * 101 + 11 * h + w) % 256).astype(np.uint8).reshape(h, w)
            out = np.array(Image.fromarray(pixels).resize((ow, oh)))
            f.write("%d %d %d %d %s\n" % (h, w, oh, ow, hashlib.sha256(out.tobytes()).hexdigest()[:16]))


if __name__ == "__main__":
    main()
