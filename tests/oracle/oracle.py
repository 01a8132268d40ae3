"""What the checks share: TAP, our stages by hand, our files, and datasets made to order.

    from oracle import *
    with check("what is promised"):
        assert ...
    done()
"""
import contextlib
import json
import os
import struct
import subprocess
import sys
import traceback
import venv

import numpy as np

BUILD = os.environ["BUILD"]
WORK = os.environ["WORK"]
DATA = os.environ.get("REPRISE_DATA", "")
REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_count = _failed = 0


class Missing(Exception):
    """What a check needs is not there (yet): a skip, with the reason."""


# ---- TAP
@contextlib.contextmanager
def check(promise):
    global _count, _failed
    _count += 1
    try:
        yield
    except Missing as what:
        print(f"ok {_count} - {promise} # SKIP {what}", flush=True)
    except Exception as problem:
        _failed += 1
        for line in traceback.format_exc().splitlines():
            print("#", line)
        print(f"not ok {_count} - {promise}: {' '.join(str(problem).split())[:300]}", flush=True)
    else:
        print(f"ok {_count} - {promise}", flush=True)


def skip(promise, reason):
    global _count
    _count += 1
    print(f"ok {_count} - {promise} # SKIP {reason}", flush=True)


def done():
    print(f"1..{_count}")
    sys.exit(_failed > 0)


def own_python(name, libraries):
    """The interpreter of a venv below BUILD that has these libraries, for those that want other versions of what the rest shares."""
    folder = os.path.join(BUILD, "oracle", name)
    stamp = os.path.join(folder, "installed")
    if not os.path.exists(stamp) or open(stamp).read() != str(libraries):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([os.path.join(folder, "bin", "pip"), "install", "--quiet", "--no-cache-dir", *libraries], check=True)
        open(stamp, "w").write(str(libraries))
    return os.path.join(folder, "bin", "python")


def near(ours, theirs, tolerance, what=""):
    """Largest difference, as a share of the largest value of theirs or of 1."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"{what}: shapes {ours.shape} and {theirs.shape}"
    assert np.isfinite(ours).all(), f"{what}: a value is not finite"
    worst = np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())
    assert worst <= tolerance, f"{what}: differs by {worst:.3g}, more than {tolerance:g}"
    return worst


# ---- files
def load(path):
    """Tensors of a safetensors file by name, and its metadata."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    meta = header.pop("__metadata__", {})
    return {n: np.frombuffer(data[e["data_offsets"][0]:e["data_offsets"][1]], "<f4").reshape(e["shape"]) for n, e in header.items()}, meta


def save(path, tensors, meta=None):
    header, at = ({"__metadata__": meta} if meta else {}), 0
    for name, t in sorted(tensors.items()):
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + 4 * t.size]}
        at += 4 * t.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, t in sorted(tensors.items()):
            f.write(np.ascontiguousarray(t, "<f4").tobytes())
    return path


def sha256(path):
    import hashlib
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# ---- stages
class Failed(Exception):
    pass


def stage(name, params, deps, outs, work=None):
    """Runs build/stages/NAME; the paths of its outs, and what it said. Failed, with its last line, unless it exits with 0."""
    work = os.path.join(WORK, work or name)
    subprocess.run(["rm", "-rf", work], check=True)
    os.makedirs(work + "/checkpoint")
    paths = {k: os.path.join(work, v) for k, v in outs.items()}
    with open(work + "/stage.json", "w") as f:
        json.dump({"stage": name, "key": "0" * 64, "params": params, "deps": {k: os.path.abspath(v) for k, v in deps.items()}, "outs": paths,
                   "checkpoint": work + "/checkpoint", "project": WORK, "resources": {"threads": 2}, "device": "cpu"}, f)
    p = subprocess.run([os.path.join(BUILD, "stages", name), work + "/stage.json"], cwd=work, capture_output=True, text=True)
    said = p.stdout + p.stderr
    if p.returncode:
        raise Failed(f"{name} ends with {p.returncode}: {said.strip().splitlines()[-1] if said.strip() else ''}")
    return paths, said


def download_weights(path, work="download"):
    """What the stage download makes of a weights file."""
    none = {"url": None, "sha256": None}
    outs, said = stage("download", {"dataset": dict(none, train_limit=None, test_limit=None), "pretrain": none,
                                    "weights": {"url": "file:" + os.path.abspath(path), "sha256": sha256(path)}},
                       {}, {"weights": "weights.safetensors"}, work)
    return outs["weights"], said


def dataset(folder, train, train_labels, test, test_labels, names):
    """A dataset folder; pictures are u8 [n,h,w,3]."""
    folder = os.path.join(WORK, folder)
    os.makedirs(folder, exist_ok=True)
    for part, pictures, labels in (("train", train, train_labels), ("test", test, test_labels)):
        np.save(f"{folder}/{part}_images.npy", np.ascontiguousarray(pictures, np.uint8))
        np.save(f"{folder}/{part}_labels.npy", np.asarray(labels, np.uint8))
    with open(f"{folder}/classes.txt", "w") as f:
        f.write("".join(n + "\n" for n in names))
    counts = lambda y: [int((np.asarray(y) == k).sum()) for k in range(len(names))]
    with open(f"{folder}/dataset.json", "w") as f:
        json.dump({"source": "made", "sha256": "0" * 64, "generated": False, "train": len(train), "test": len(test),
                   "train_counts": counts(train_labels), "test_counts": counts(test_labels)}, f)
    return folder


AUGMENT = {"flip": True, "rotation": 0.05, "zoom": 0.1, "cutout": 0, "mixup": 0.0}
TRAIN = {"batch": 32, "shard": 8, "norm": "inference", "preflight": "off", "steps_per_epoch": None}
PHASE = {"trainable": [], "augment": False, "epochs": 1, "learning_rate": 1e-3, "early_stopping": None, "reduce_learning_rate": None}


def model_params(architecture, size, **more):
    return dict({"architecture": architecture, "alpha": 1.0, "image_size": size, "preprocess": "torch", "pixel_range": 255, "hidden": 16,
                 "dropout": 0.1}, **more)


def trained(folder, model, weights=None, phase=None, work="phase1"):
    """A model of one epoch: what the stage phase1 writes, and what it said."""
    splits, _ = stage("split", {"test_size": 0.2, "seed": 42}, {"dataset": folder}, {"splits": "splits"}, work + "-split")
    deps = {"dataset": folder, "splits": splits["splits"]}
    if weights:
        deps["weights"] = weights
    outs, said = stage("phase1", {"seed": 7, "model": model, "augment": AUGMENT, "train": TRAIN, "phase": dict(PHASE, **(phase or {}))}, deps,
                       {"model": "model.safetensors", "history": "history.json"}, work)
    return outs["model"], said


def predictions(folder, model, work="evaluate"):
    """Probabilities of the test pictures [n,classes], as the stage evaluate writes them."""
    outs, _ = stage("evaluate", {}, {"dataset": folder, "model": model},
                    {"metrics": "metrics.json", "predictions": "predictions.npy", "report": "report.txt"}, work)
    return np.load(outs["predictions"])


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def ours_agree(folder, what, weights, features, architecture, **more):
    """Trains a head on our base; with that head on their features the probabilities must be ours."""
    params = model_params(architecture, np.load(f"{folder}/test_images.npy").shape[1], hidden=0, dropout=0.0, **more)
    with check(what):
        try:
            model, said = trained(folder, params, weights)
        except Failed as problem:
            if "unknown architecture" in str(problem) or "'lite', not one of" in str(problem):
                raise Missing("there is no such architecture")
            raise
        head = load(model)[0]
        scale = max(1.0, np.abs(features).max())
        logits = features @ head["dense/kernel"] + head["dense/bias"]
        near(predictions(folder, model), softmax(logits), 2e-5 * max(1.0, np.abs(logits).max()), f"probabilities (features to {scale:.3g})")
