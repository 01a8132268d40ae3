#!/usr/bin/env python3
"""Writes small pictures of every kind that is read, and pictures.txt: what Pillow makes of them.

Lines: FILE height width DIGEST, of the RGB pixels; FILE height width DIGEST fit HEIGHT WIDTH squash|crop|pad DIGEST. A digest is
the first 16 hexadecimal digits of the SHA-256 of u8 [height,width,3]. rules.py has the rules of runtime/data/picture.h in Pillow's
terms. Run: python3 generate.py
"""
import os

import numpy as np
import rules
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)


def main():
    r = np.random.RandomState(1)
    rgb = Image.fromarray(r.randint(0, 256, (3, 4, 3)).astype(np.uint8)).resize((19, 13), Image.BICUBIC)
    alpha = Image.fromarray(r.randint(0, 256, (3, 4)).astype(np.uint8)).resize((19, 13), Image.BICUBIC)
    grey = rgb.convert("L")
    rgba, la = rgb.copy(), grey.copy()
    rgba.putalpha(alpha)
    la.putalpha(alpha)
    rgb.save("rgb.png")
    rgba.save("rgba.png")
    la.save("grey_alpha.png")
    grey.save("grey.png")
    grey.save("grey_trns.png", transparency=grey.getpixel((3, 3)))
    rgb.save("rgb_trns.png", transparency=rgb.getpixel((3, 3)))
    rgb.convert("1").save("bits_1.png")
    for bits in (1, 2, 4, 8):
        rgb.quantize(min(2 ** bits, 60)).save("palette_%d.png" % bits, bits=bits)
    rgb.quantize(10).save("palette_trns.png", bits=4, transparency=bytes([0, 50, 128, 254]))
    Image.fromarray(r.randint(0, 65536, (7, 5)).astype(np.uint16)).save("grey_16.png")
    for name, bits, kind in [("grey_2", 2, 0), ("grey_4", 4, 0), ("rgb_16", 16, 2), ("rgba_16", 16, 6), ("grey_alpha_16", 16, 4)]:
        rules.write_png(name + ".png", r, 9, 7, bits, kind, False)
    for name, bits, kind in [("interlaced_1", 1, 0), ("interlaced_rgb", 8, 2), ("interlaced_rgba", 8, 6)]:
        rules.write_png(name + ".png", r, 11, 13, bits, kind, True)
    for s in (0, 1, 2):
        rgb.save("baseline_%d.jpg" % s, quality=60, subsampling=s)
        rgb.save("progressive_%d.jpg" % s, quality=60, subsampling=s, progressive=True)
    grey.save("grey.jpg", quality=60)
    rgb.convert("CMYK").save("cmyk.jpg", quality=60)
    rules.write_ycck("ycck.jpg", "cmyk.jpg")
    for o in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = o
        rgb.save("exif_%d.%s" % (o, "png" if o % 3 == 0 else "jpg"), exif=exif, quality=30)
    names = sorted(n for n in os.listdir(".") if n.endswith((".png", ".jpg")))
    with open("pictures.txt", "w") as f:
        for name in names:
            picture = rules.read(name)
            f.write("%s %d %d %s\n" % (name, picture.height, picture.width, rules.digest(picture)))
        for name in ("rgb.png", "baseline_2.jpg", "exif_6.png"):
            picture = rules.read(name)
            for h, w in [(5, 5), (13, 19), (32, 32), (4, 30), (30, 4), (1, 1)]:
                for fit in ("squash", "crop", "pad"):
                    f.write("%s %d %d %s fit %d %d %s %s\n" % (name, picture.height, picture.width, rules.digest(picture), h, w, fit,
                                                             rules.digest(rules.fit(picture, h, w, fit))))


if __name__ == "__main__":
    main()
