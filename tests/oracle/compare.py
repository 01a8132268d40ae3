"""compare.py KEPT DERIVED: whether a golden folder that was derived again is the one that is kept.

Texts are compared word by word, and numbers in them by their size (libraries round differently from one version to the next); other
files by their bytes, HDF5 and .npy by what they hold."""
import os
import re
import sys

import numpy as np

TOLERANCE = 2e-5  # or what the folder's generate.py says


def number(word):
    try:
        return float(word)
    except ValueError:
        return None


def texts(a, b):
    lines, others = a.splitlines(), b.splitlines()
    if len(lines) != len(others):
        return f"{len(lines)} lines are kept, {len(others)} derived"
    for i, (line, other) in enumerate(zip(lines, others), 1):
        words, their = line.replace(",", " ").split(), other.replace(",", " ").split()
        if len(words) != len(their):
            return f"line {i} has {len(words)} words, derived {len(their)}"
        values = [number(w) for w in words]
        scale = max([abs(v) for v in values if v is not None and np.isfinite(v)], default=0.0)
        for word, value, derived in zip(words, values, their):
            if word == derived:
                continue
            v = number(derived)
            if value is None or v is None or not abs(value - v) <= TOLERANCE * max(scale, 1e-6):
                return f"line {i}: '{word}' is kept, '{derived}' derived"
    return None


def hdf5(path):
    import h5py
    found = {}
    with h5py.File(path) as f:
        def visit(name, item):
            found[name] = {k: str(v) for k, v in item.attrs.items()}, item[()].tobytes() if isinstance(item, h5py.Dataset) else b""
        f.visititems(visit)
    return found


def archive(path):
    """A .keras: all but the date."""
    import tempfile
    import zipfile
    found = {}
    with zipfile.ZipFile(path) as z, tempfile.NamedTemporaryFile(suffix=".h5") as f:
        for name in z.namelist():
            found[name] = z.read(name)
        f.write(found["model.weights.h5"])
        f.flush()
        found["model.weights.h5"] = hdf5(f.name)
    del found["metadata.json"]
    found["config.json"] = re.sub(rb'"shared_object_id": \d+', b"", found["config.json"])
    return found


def differ(kept, derived):
    if kept.endswith(".keras"):
        return None if archive(kept) == archive(derived) else "they hold other things"
    if kept.endswith(".h5"):
        return None if hdf5(kept) == hdf5(derived) else "they hold other things"
    a, b = open(kept, "rb").read(), open(derived, "rb").read()
    if a == b:
        return None
    try:
        return texts(a.decode(), b.decode())
    except UnicodeDecodeError:
        return "other bytes"


def tolerance_of(folder):
    try:
        said = re.search(r"^TOLERANCE = (\S+)$", open(os.path.join(folder, "generate.py")).read(), re.M)
    except FileNotFoundError:
        said = None
    return float(said.group(1)) if said else TOLERANCE


def main(kept, derived):
    global TOLERANCE
    TOLERANCE = tolerance_of(kept)
    names = sorted(n for n in set(os.listdir(kept)) | set(os.listdir(derived)) if n != "__pycache__" and os.path.isfile(os.path.join(derived, n)))
    bad = 0
    for i, name in enumerate(names, 1):
        a, b = os.path.join(kept, name), os.path.join(derived, name)
        why = "it is not kept" if not os.path.exists(a) else differ(a, b)
        print(f"not ok {i} - {name}: {why}" if why else f"ok {i} - {name}")
        bad += why is not None
    return bad > 0


sys.exit(main(*sys.argv[1:]))
