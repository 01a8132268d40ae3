"""The rules of runtime/data/picture.h in Pillow's terms, and files that Pillow reads and doesn't write."""
import hashlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps


def read(path):
    """As RGB. Of 16 bits Pillow itself takes the high byte, but for grey."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.array(picture) >> 8).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        return white
    return picture.convert("RGB")


def share(side, numerator, denominator, most):
    return min(most, max(1, (2 * side * numerator + denominator) // (2 * denominator)))


def fit(picture, h, w, how):
    ph, pw = picture.height, picture.width
    wide = pw * h > ph * w
    if how == "crop":
        ch = ph if wide else share(pw, h, w, ph)
        cw = share(ph, w, h, pw) if wide else pw
        top, left = (ph - ch) // 2, (pw - cw) // 2
        return picture.crop((left, top, left + cw, top + ch)).resize((w, h), Image.BILINEAR)
    if how == "pad":
        rh = share(ph, w, pw, h) if wide else h
        rw = w if wide else share(pw, h, ph, w)
        white = Image.new("RGB", (w, h), "white")
        white.paste(picture.resize((rw, rh), Image.BILINEAR), ((w - rw) // 2, (h - rh) // 2))
        return white
    return picture.resize((w, h), Image.BILINEAR)


def digest(picture):
    return hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, random, height, width, bits, kind, interlaced):
    """Random samples; kind is PNG's colour type."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    samples = random.randint(0, 2 ** bits, (height, width, channels))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b""
    for top, left, down, across in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        for row in part if part.shape[1] else []:
            values = row.reshape(-1)
            line = "".join(format(v, "0%db" % bits) for v in values)
            line += "0" * (-len(line) % 8)
            raw += b"\0" + int(line, 2).to_bytes(len(line) // 8, "big")
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced))
                + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def write_ycck(path, cmyk):
    """The same data with Adobe's marker saying transform 2: the first three channels are YCbCr."""
    data = open(cmyk, "rb").read()
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    with open(path, "wb") as f:
        f.write(data[:at + 11] + b"\2" + data[at + 12:])
