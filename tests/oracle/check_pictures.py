"""The reader of pictures on some hundred files of every kind: pixels are those of Pillow, by the rules of
tests/golden/pictures/rules.py, as they are and made to other shapes."""
import itertools
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image

from oracle import REPO, WORK, check, done, stage

sys.path.insert(0, os.path.join(REPO, "tests/golden/pictures"))
import rules

rng = np.random.RandomState(7)
SIZES = [(8, 8), (37, 23), (64, 81)]  # height, width; no smaller ones can be asked for
TINY = [(1, 1), (1, 9), (7, 1), (3, 2)]
SHAPES = [(16, 16), (9, 40), (33, 12)]
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
files = {}  # name: RGB u8 [height,width,3], as it must be read


def put(name):
    return os.path.join(WORK, "pictures", name)


os.makedirs(put(""))


def keep(name, expected=None):
    files[name] = np.asarray(rules.read(put(name)) if expected is None else expected)


# ---- PNG, sample by sample
def filtered(line, before, step, kind):
    """A row by PNG's filter, 9.2 of its specification."""
    left = np.concatenate([np.zeros(step, np.int64), line[:-step]])[:len(line)]
    corner = np.concatenate([np.zeros(step, np.int64), before[:-step]])[:len(line)]
    p = left + before - corner
    far = [abs(p - v) for v in (left, before, corner)]
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], before, corner))
    return bytes([kind]) + ((line - [0 * line, left, before, (left + before) // 2, paeth][kind]) % 256).astype(np.uint8).tobytes()


def rows(samples, bits):
    for row in samples:
        values = row.reshape(-1)
        if bits == 16:
            yield np.frombuffer(values.astype(">u2").tobytes(), np.uint8).astype(np.int64)
        else:
            spread = np.unpackbits(values.astype(np.uint8)[:, None], axis=1)[:, 8 - bits:].reshape(-1)
            yield np.packbits(spread).astype(np.int64)


def write_png(name, samples, bits, kind, interlaced, more=b""):
    raw, step = b"", max(1, samples.shape[2] * bits // 8)
    for top, left, down, across in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        before = None
        for line in rows(part, bits) if part.size else []:
            before = 0 * line if before is None else before
            raw += filtered(line, before, step, rng.randint(5))
            before = line
    data = zlib.compress(raw, 6)
    cut = len(data) // 3
    with open(put(name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + rules.chunk(b"IHDR", struct.pack(">IIBBBBB", *samples.shape[1::-1], bits, kind, 0, 0, interlaced)) + more
                + rules.chunk(b"IDAT", data[:cut]) + rules.chunk(b"IDAT", data[cut:]) + rules.chunk(b"IEND", b""))


def over_white(colour, alpha):
    c, a = colour.astype(np.int64), alpha.astype(np.int64)[..., None]
    return ((2 * (c * a + 255 * (255 - a)) + 255) // 510).astype(np.uint8)


def png(h, w, bits, kind, interlaced, transparent):
    """Random samples, few enough that the transparent one occurs; where Pillow has no answer by the rules (a transparent colour that is
    not of 8 bits), it is theirs in NumPy's terms."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    name = f"{h}x{w}-{bits}-{kind}-{'i' if interlaced else 'n'}{'-t' if transparent else ''}.png"
    samples = rng.randint(0, 2 ** bits, (h, w, channels))
    more, expected = rules.chunk(b"gAMA", struct.pack(">I", 45455)) if interlaced else b"", None
    if kind == 3:
        count = 2 ** bits - (bits > 1)  # an index beyond the palette is black, for which Pillow has no rule
        samples %= count
        more += rules.chunk(b"PLTE", rng.randint(0, 256, 3 * count).astype(np.uint8).tobytes())
        if transparent:
            more += rules.chunk(b"tRNS", rng.randint(0, 256, max(1, count - 1)).astype(np.uint8).tobytes())
    elif transparent:
        colour = samples[0, 0].copy()
        samples[rng.randint(h), rng.randint(w)] = colour
        more += rules.chunk(b"tRNS", colour.astype(">u2").tobytes())
        if bits != 8:
            wide = (samples * 255 // (2 ** bits - 1) if bits < 8 else samples >> 8) * np.ones(3, int)
            expected = over_white(wide, np.where((samples == colour).all(2), 0, 255))
    write_png(name, samples, bits, kind, interlaced, more)
    keep(name, expected)


KINDS = [(bits, 0) for bits in (1, 2, 4, 8, 16)] + [(8, 2), (16, 2)] + [(bits, 3) for bits in (1, 2, 4, 8)] + [(8, 4), (16, 4), (8, 6), (16, 6)]
for (h, w), (bits, kind), interlaced, transparent in itertools.product(SIZES, KINDS, (0, 1), (0, 1)):
    if not transparent or kind in (0, 2, 3):
        png(h, w, bits, kind, interlaced, transparent)
for h, w in TINY:
    for bits, kind in ((1, 0), (16, 2), (4, 3), (8, 6)):
        png(h, w, bits, kind, 1, 0)


# ---- JPEG, and EXIF in both, by Pillow
def scene(h, w):
    """Soft and hard edges, so that chroma matters."""
    soft = Image.fromarray(rng.randint(0, 256, (4, 5, 3)).astype(np.uint8)).resize((w, h), Image.BICUBIC)
    pixels = np.array(soft)
    pixels[h // 3: h // 2 + 1, w // 4:] = rng.randint(0, 256, 3)
    return Image.fromarray(pixels)


def jpeg(name, picture, **how):
    picture.save(put(name), "JPEG", **how)
    keep(name)


for h, w in SIZES + TINY:
    for progressive in (False, True):
        end = f"{'p' if progressive else 'b'}.jpg"
        for quality in (15, 75, 100):
            for subsampling in (0, 1, 2):
                jpeg(f"{h}x{w}-rgb{subsampling}-{quality}-{end}", scene(h, w), quality=quality, subsampling=subsampling, progressive=progressive)
        jpeg(f"{h}x{w}-grey-{end}", scene(h, w).convert("L"), progressive=progressive)
        jpeg(f"{h}x{w}-kept-{end}", scene(h, w), progressive=progressive, keep_rgb=True)
        jpeg(f"{h}x{w}-optimized-{end}", scene(h, w), progressive=progressive, optimize=True)
        jpeg(f"{h}x{w}-restart-{end}", scene(h, w), progressive=progressive, restart_marker_blocks=3)
        cmyk = Image.fromarray(rng.randint(0, 256, (h, w, 4)).astype(np.uint8), "CMYK").resize((w, h))
        jpeg(f"{h}x{w}-cmyk-{end}", cmyk, progressive=progressive)
        rules.write_ycck(put(f"{h}x{w}-ycck-{end}"), put(f"{h}x{w}-cmyk-{end}"))
        keep(f"{h}x{w}-ycck-{end}")
for (h, w), orientation, end in itertools.product(SIZES, range(1, 9), ("jpg", "png")):
    exif = Image.Exif()
    exif[0x112] = orientation
    exif[0x10f] = "a maker before it"
    if orientation % 2:
        exif.endian = ">"
    # Turned beforehand, so that what is upright has the size that is asked for.
    turned = (w, h) if orientation > 4 else (h, w)
    scene(*turned).save(put(f"{h}x{w}-exif{orientation}.{end}"), exif=exif)
    keep(f"{h}x{w}-exif{orientation}.{end}")


# ---- ours
def imported(names, shape, fit):
    """Rows of the training half, in the order of the table; one picture is there a third time, to test."""
    with open(put("table.csv"), "w") as f:
        f.write("path,label,split\n")
        for i, name in enumerate(names + names[:1]):
            f.write(f"{name},{i % 2},{'test' if i == len(names) else 'train'}\n")
    outs, _ = stage("import", {"image_size": list(shape), "fit": fit}, {"pictures": put("table.csv")}, {"dataset": "dataset"})
    return np.load(outs["dataset"] + "/train_images.npy")


def compare(names, shape, fit, theirs):
    ours = imported(names, shape, fit)
    other = [f"{name} ({int(abs(a.astype(int) - b).max())})" for name, a, b in zip(names, ours, theirs) if (a != b).any()]
    assert len(ours) == len(names) and not other, f"{len(other)} of {len(names)} differ: {', '.join(other[:8])}"


for shape in SIZES:
    names = [n for n, pixels in files.items() if pixels.shape[:2] == shape]
    with check(f"{len(names)} files of {shape[0]}x{shape[1]} have Pillow's pixels"):
        compare(names, shape, "squash", [files[n] for n in names])
for shape, fit in itertools.product(SHAPES, ("squash", "crop", "pad")):
    with check(f"{len(files)} files made {shape[0]}x{shape[1]} by {fit} have Pillow's pixels"):
        compare(list(files), shape, fit, [np.asarray(rules.fit(Image.fromarray(p), *shape, fit)) for p in files.values()])
done()
