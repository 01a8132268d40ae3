"""Writes crop.txt, smoothing.txt and class_weight.txt. Made with torchvision 0.29, Keras 3.15, scikit-learn 1.9.

crop.txt: for each padding mode of torchvision its name, size, padding, and what pad() makes of the row 1, 2, ... size.
smoothing.txt: classes, smoothing, label, the logits, the loss of keras.losses.CategoricalCrossentropy(label_smoothing).
class_weight.txt: number of labels, of classes, the labels, the weights of compute_class_weight("balanced")."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
import torchvision.transforms.functional as F
from sklearn.utils.class_weight import compute_class_weight

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(5)
with open(os.path.join(HERE, "crop.txt"), "w") as out:
    for mode in ("constant", "edge", "reflect", "symmetric"):
        for size, padding in ((7, 6), (5, 2)):
            row = torch.arange(1, size + 1, dtype=torch.float32).reshape(1, 1, size)
            padded = F.pad(row, [padding, 0, padding, 0], padding_mode=mode).flatten()
            out.write(f"{mode} {size} {padding} " + " ".join(str(int(x)) for x in padded) + "\n")
with open(os.path.join(HERE, "smoothing.txt"), "w") as out:
    for classes, smoothing in ((4, 0.1), (4, 0.5), (10, 0.05), (2, 0.3)):
        logits = rng.normal(size=classes).astype(np.float32) * 3
        label = int(rng.integers(classes))
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        value = float(loss(np.eye(classes, dtype=np.float32)[None, label], logits[None]))
        out.write(f"{classes} {smoothing} {label} " + " ".join(f"{x:.9g}" for x in logits) + f" {value:.9g}\n")
with open(os.path.join(HERE, "class_weight.txt"), "w") as out:
    for classes in (3, 5):
        labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 20) ** 2 % classes])
        weights = compute_class_weight("balanced", classes=np.arange(classes), y=labels)
        out.write(f"{len(labels)} {classes} " + " ".join(map(str, labels)) + " " + " ".join(f"{x:.17g}" for x in weights) + "\n")
