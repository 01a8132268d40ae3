"""What the stage import does, by Pillow on all processors: pictures in class folders, cropped and resized, into one array on disk.

    python3 tests/bench/pillow_pictures.py PICTURES OUT.npy SIDE"""
import hashlib
import multiprocessing
import os
import sys

import numpy as np
from PIL import Image, ImageOps

folder, out, side = sys.argv[1], sys.argv[2], int(sys.argv[3])
paths = sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
array = np.lib.format.open_memmap(out, "w+", np.uint8, (len(paths), side, side, 3))


def read(i):
    picture = ImageOps.exif_transpose(Image.open(paths[i])).convert("RGB")
    digest = hashlib.sha256(picture.tobytes()).digest()  # equal pictures are looked for
    w, h = picture.size
    s = min(w, h)
    left, top = (w - s) // 2, (h - s) // 2
    array[i] = picture.crop((left, top, left + s, top + s)).resize((side, side), Image.BILINEAR)
    return digest


with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
    digests = pool.map(read, range(len(paths)), chunksize=256)
array.flush()
print(len(paths), "pictures,", len(set(digests)), "different")
