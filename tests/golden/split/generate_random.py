#!/usr/bin/env python3
"""Writes random.txt: train_test_split on random class sizes, test and train sizes and seeds.

Line: test_size train_size random_state label_ndim offset digest counts...
Class c has the label 3*c + offset; labels take turns while they last. The digest is the first 16 hexadecimal digits of the
SHA-256 over train and test as little-endian int64. Cases that scikit-learn refuses are left out.
"""
import hashlib
import os

import numpy as np
import sklearn
from sklearn.model_selection import train_test_split

HERE = os.path.dirname(os.path.abspath(__file__))


def turns(counts, offset):
    labels = []
    for turn in range(max(counts)):
        labels += [3 * c + offset for c, size in enumerate(counts) if size > turn]
    return np.array(labels, dtype=np.uint8)


def main():
    r = np.random.RandomState(2024)
    lines = []
    while len(lines) < 400:
        classes = r.randint(2, 15)
        top = r.choice([4, 12, 60, 250])
        counts = [int(v) for v in r.randint(2, top + 1, classes)]
        if r.rand() < 0.25:
            counts = [counts[0]] * classes
        n = sum(counts)
        test = [0.2, round(float(r.uniform(0.05, 0.6)), 3), int(r.randint(classes, n))][r.randint(3)]
        train = [None, None, round(float(r.uniform(0.1, 0.4)), 3)][r.randint(3)]
        seed = int([r.randint(0, 100), r.randint(0, 2**31), 4294967295][r.randint(3)])
        ndim, offset = int(r.randint(1, 3)), int(r.randint(0, 12))
        labels = turns(counts, offset)
        try:
            a, b = train_test_split(np.arange(n), test_size=test, train_size=train, random_state=seed,
                                    stratify=labels if ndim == 1 else labels.reshape(-1, 1))
        except ValueError:
            continue
        digest = hashlib.sha256(a.astype("<i8").tobytes() + b.astype("<i8").tobytes()).hexdigest()[:16]
        lines.append("%r %s %d %d %d %s %s" % (test, "none" if train is None else repr(train), seed, ndim, offset,
                                               digest, " ".join(map(str, counts))))
    with open(os.path.join(HERE, "random.txt"), "w") as f:
        f.write("# scikit-learn %s, numpy %s; see generate_random.py\n" % (sklearn.__version__, np.__version__))
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
