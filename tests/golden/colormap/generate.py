#!/usr/bin/env python3
"""Writes jet.csv, viridis.csv and blues.csv beside this file: the 256 entries of
matplotlib's colormaps "jet", "viridis" and "Blues", red, green and blue as doubles with
17 significant digits, which read back exactly. Made with matplotlib 3.11.
blend.csv has channels of f32 pictures, entries of jet, and what numpy makes
of 0.6 * picture + 0.4 * jet, cut to [0,1].
"""
import pathlib

import matplotlib
import numpy as np

HERE = pathlib.Path(__file__).parent


def main():
    for name, file in (("jet", "jet.csv"), ("viridis", "viridis.csv"), ("Blues", "blues.csv")):
        entries = matplotlib.colormaps[name](np.arange(256))
        lines = ["index,red,green,blue\n"]
        lines += ["%d,%.17g,%.17g,%.17g\n" % (i, *rgb) for i, (*rgb, _) in enumerate(entries)]
        (HERE / file).write_text("".join(lines))

    random = np.random.RandomState(5)
    picture = random.random_sample((64, 3)).astype(np.float32)
    heat = random.randint(0, 256, 64).astype(np.uint8)
    blend = np.clip(0.6 * picture + 0.4 * matplotlib.colormaps["jet"](heat / 255.0)[:, :3], 0, 1)
    lines = ["red,green,blue,heat,blended red,green,blue\n"]
    lines += [",".join(["%.9g" % v for v in p] + ["%d" % h] + ["%.17g" % v for v in b]) + "\n"
              for p, h, b in zip(picture, heat, blend)]
    (HERE / "blend.csv").write_text("".join(lines))


if __name__ == "__main__":
    main()
