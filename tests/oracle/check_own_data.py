"""The stage import on what NumPy, Python's pickle and Pillow write: pixels and labels are theirs."""
import io
import os
import pickle
import tarfile

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

from oracle import WORK, check, done, stage

rng = np.random.RandomState(1)


def imported(path, **params):
    outs, _ = stage("import", params, {"pictures": path}, {"dataset": "dataset"})
    return [np.load(f"{outs['dataset']}/{part}_{what}.npy") for part in ("train", "test") for what in ("images", "labels")]


def put(name):
    return os.path.join(WORK, name)


with check("an .npz of numpy.savez_compressed, grey, has its pixels and labels"):
    x, y = rng.randint(0, 256, (60, 28, 28), dtype=np.uint8), rng.randint(0, 5, 60)
    np.savez_compressed(put("grey.npz"), x_train=x, y_train=y, x_test=x[:9], y_test=y[:9, None].astype(np.uint8))
    ours = imported(put("grey.npz"))
    assert (ours[0] == x[..., None]).all() and (ours[1] == y).all() and (ours[2] == x[:9, ..., None]).all() and (ours[3] == y[:9]).all()

with check("without a test part the one of scikit-learn's train_test_split is held out"):
    np.savez(put("plain.npz"), images=np.repeat(x[..., None], 3, 3), labels=y)
    ours = imported(put("plain.npz"), test_size=0.25, seed=3)
    _, test = train_test_split(np.arange(60), test_size=0.25, random_state=3, stratify=y)
    assert (ours[2] == x[np.sort(test)][..., None]).all()

for protocol in (2, 3, 4, 5):
    with check(f"CIFAR-100 in pickles of protocol {protocol}, fine and coarse"):
        # Two pictures of each fine class, the fewest that import trains with.
        batch = {n: {"data": rng.randint(0, 256, (n, 3072), dtype=np.uint8), "fine_labels": [int(v) for v in rng.permutation(n) % 100],
                     "coarse_labels": [int(v) for v in rng.permutation(n) % 20]} for n in (200, 20)}
        meta = {f"{kind}_label_names": [f"{kind}{i}" for i in range(n)] for kind, n in (("fine", 100), ("coarse", 20))}
        with tarfile.open(put("c.tar.gz"), "w:gz") as archive:
            for name, value in (("train", batch[200]), ("test", batch[20]), ("meta", meta)):
                data = pickle.dumps(value, protocol)
                info = tarfile.TarInfo("cifar-100-python/" + name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        for labels in ("fine", "coarse"):
            ours = imported(put("c.tar.gz"), labels=labels)
            assert (ours[0] == batch[200]["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)).all()
            assert (ours[1] == batch[200][labels + "_labels"]).all() and (ours[3] == batch[20][labels + "_labels"]).all()

with check("class folders of PNG and JPEG of any size have Pillow's pixels, resized"):
    theirs = set()
    for c, name in enumerate(("chat", "é", "犬")):
        os.makedirs(put(f"own/{name}"))
        for i in range(20):
            size = (rng.randint(20, 60), rng.randint(20, 60))
            path = put(f"own/{name}/{i}." + ("png" if i % 2 else "jpg"))
            Image.fromarray(rng.randint(0, 256, (*size, 3), dtype=np.uint8)).save(path)
            theirs.add((c, np.asarray(Image.open(path).convert("RGB").resize((24, 24), Image.BILINEAR)).tobytes()))
    ours = imported(put("own"), image_size=24, fit="squash")
    assert {(int(c), x.tobytes()) for part in (0, 2) for x, c in zip(ours[part], ours[part + 1])} == theirs
done()
