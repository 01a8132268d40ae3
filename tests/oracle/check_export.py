"""What the stage export writes, Keras and ONNX Runtime read: the same predictions, and the same bytes each time."""
import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import onnx
import onnxruntime

from oracle import *

NAMES = ["cat", "dög", "a \"quoted\" one", "bird"]
rng = np.random.default_rng(1)
SIDE = 32
pictures = rng.integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
labels = np.arange(16) % 4
folder = dataset("pictures", pictures, labels, pictures[:8], labels[:8], NAMES)
NETWORKS = [("resnet8", 32, dict(preprocess="tf")), ("resnet8", 48, dict(preprocess="unit", hidden=0, dropout=0.0)),
            ("mobilenet", 64, dict(preprocess="tf", alpha=0.25)), ("mobilenet", 96, dict(preprocess="torch", alpha=0.5)),
            ("resnet18", 64, dict(preprocess="torch")), ("resnet50", 64, dict(preprocess="caffe")),
            ("resnet50", 64, dict(preprocess="caffe", pixel_range=1)), ("resnet50_v1.5", 64, dict(preprocess="torch")),
            ("mobilenet_v2", 64, dict(preprocess="tf")), ("efficientnet_lite0", 64, dict(preprocess="lite")),
            ("resnet8", 32, dict(preprocess="tf", pooled_layers=["conv3_block1_1_relu", "conv1_relu", "conv3_block1_0_bn"])),
            ("resnet50", 64, dict(preprocess="caffe", hidden=0, pooled_layers=["conv4_block1_2_relu", "pool1_pool", "conv3_block4_out"])),
            ("mobilenet", 64, dict(preprocess="tf", alpha=0.25, pooled_layers=["conv_pw_5_relu", "conv_pw_11_relu"]))]


def exported(model, work="export"):
    outs, _ = stage("export", {}, {"model": model}, {"keras": "model.keras", "onnx": "model.onnx"}, work)
    return outs["keras"], outs["onnx"]


for architecture, size, more in NETWORKS:
    what = f"{architecture} at {size}, {more}"
    try:
        model, _ = trained(folder, model_params(architecture, size, **more), phase={"learning_rate": 1e-2})
    except Failed as problem:
        if "unknown architecture" not in str(problem) and "'lite', not one of" not in str(problem):
            raise
        skip(what, "there is no such architecture")
        continue
    ours = predictions(folder, model)
    as_keras, as_onnx = exported(model)
    with check(f"{what}: Keras predicts the same"):
        theirs = keras.saving.load_model(as_keras)
        near(theirs.predict(pictures[:8].astype(np.float32), verbose=0), ours, 1e-5, "probabilities")
    with check(f"{what}: ONNX Runtime predicts the same"):
        onnx.checker.check_model(as_onnx, full_check=True)
        session = onnxruntime.InferenceSession(as_onnx)
        near(session.run(None, {"pixels": pictures[:8].astype(np.float32)})[0], ours, 1e-5, "probabilities")
    with check(f"{what}: names and preprocessing are inside"):
        meta = session.get_modelmeta().custom_metadata_map
        assert json.loads(meta["class_names"]) == NAMES and meta["preprocess"].startswith(more["preprocess"]), meta
        import zipfile
        said = json.loads(zipfile.ZipFile(as_keras).read("metadata.json"))["reprise"]
        assert said["class_names"] == NAMES and said["preprocess"] == more["preprocess"], said
    with check(f"{what}: written again, the same bytes"):
        again = exported(model, "again")
        assert sha256(as_keras) == sha256(again[0]) and sha256(as_onnx) == sha256(again[1])
    with check(f"{what}: Keras' own copy is read again as our base"):
        copy = os.path.join(WORK, "copy.keras")
        theirs.save(copy)
        for path in (as_keras, copy):
            weights, said = download_weights(path)
            assert load(weights)[0], said
            again, said = trained(folder, model_params(architecture, size, **more), weights)
            ours_again, before = load(again)[0], load(model)[0]
            for name, values in before.items():
                if not name.startswith("dense"):
                    assert (ours_again[name] == values).all(), name
            assert "left out, as no part of the base" in said, said
done()
