"""The folders tensorboard and vega of the stage curves: TensorBoard reads each value of history.json, and of its parameters what the
tab HPARAMS shows; the specifications are valid by Vega-Lite's own schema, and vl-convert draws them. The model's card of the stage
report: huggingface_hub reads it, and its intervals are SciPy's."""
import math
import struct

import altair
import jsonschema
import vl_convert
from huggingface_hub import ModelCard
from scipy.stats import binomtest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

from oracle import *

FIXTURES = os.path.join(REPO, "tests/stages/report")
SET = {"seed": 7, "model": {"architecture": "resnet8", "dropout": 0.1, "alpha": None}, "train": {"flip": True, "layers": ["conv3", "é"]}}
DRAWN = {"training_curves.vl.json": (600, 300), "confusion_matrix.vl.json": (300, 300), "classes.vl.json": (400, 100)}


def history(losses):
    """A file of many epochs; what is not finite stands there as the stages write it."""
    f32 = lambda v: float("%.15g" % np.float32(v))
    said = lambda v: None if math.isnan(v) else ("-inf" if v < 0 else "inf") if math.isinf(v) else f32(v)
    rows = [{"epoch": i, "loss": said(v), "accuracy": f32(1 - 1 / (i + 1)), "val_loss": said(-v), "val_accuracy": f32(i / 1000),
             "learning_rate": f32(1e-3 / i)} for i, v in enumerate(losses, 1)]
    path = os.path.join(WORK, "history.json")
    with open(path, "w") as f:
        json.dump({"epochs": rows, "best_epoch": 2, "checkpoint_epoch": 1, "stopped_early": False, "phase": "phase2",
                   "trainable_parameters": 1, "frozen_parameters": 1}, f)
    return path


def many_classes(n):
    rng = np.random.RandomState(1)
    counts = rng.randint(0, 3, (n, n)) + 20 * np.eye(n, dtype=int)
    names = [f'class {i} "é" <b>' for i in range(n)]
    scores = [{"name": c, "f1": rng.rand(), "precision": rng.rand(), "recall": rng.rand(), "support": int(counts[i].sum())}
              for i, c in enumerate(names)]
    path = os.path.join(WORK, "metrics.json")
    with open(path, "w") as f:
        json.dump({"classes": names, "confusion": counts.tolist(), "per_class": scores, "test_accuracy": 0.5, "test_loss": 1.25}, f)
    return path


deps = {"pretrain_history": FIXTURES + "/pretrain_history.json", "phase1_history": FIXTURES + "/phase1_history.json",
        "phase2_history": history([0.7, 0.1, math.inf, math.nan, 1e-38, 3.4e38] + [1 / i for i in range(1, 400)]),
        "metrics": FIXTURES + "/metrics.json"}
outs, _ = stage("curves", {"hyperparameters": SET}, deps, {"tensorboard": "tensorboard", "vega": "vega"})
runs = EventMultiplexer(tensor_size_guidance={"scalars": 0, "hparams": 0}).AddRunsFromDirectory(outs["tensorboard"])
runs.Reload()


def value(json_value):
    return {None: math.nan, "inf": math.inf, "-inf": -math.inf}.get(json_value, json_value)


def same(a, b):
    return struct.pack("<f", a) == struct.pack("<f", b) or (math.isnan(a) and math.isnan(b))


with check("TensorBoard finds a run for each part of each phase, and one for the test"):
    assert set(runs.Runs()) == {f"{p}/{part}" for p in ("pretrain", "phase1", "phase2") for part in ("train", "validation")} | {"test"}

for phase in ("pretrain", "phase1", "phase2"):
    with check(f"each value of {phase} is that of its history, at its epoch"):
        epochs = json.load(open(deps[phase + "_history"]))["epochs"]
        for run, tag, name in (("train", "epoch_loss", "loss"), ("train", "epoch_accuracy", "accuracy"),
                               ("train", "epoch_learning_rate", "learning_rate"), ("validation", "epoch_loss", "val_loss"),
                               ("validation", "epoch_accuracy", "val_accuracy")):
            events = runs.Tensors(f"{phase}/{run}", tag)
            assert [e.step for e in events] == [e["epoch"] for e in epochs], f"{run}: {tag}"
            for event, epoch in zip(events, epochs):
                found = tensor_util.make_ndarray(event.tensor_proto)
                assert found.shape == () and same(found, value(epoch[name])), f"{run} {tag} {epoch['epoch']}: {found}, not {epoch[name]}"
            assert [e.wall_time for e in events] == [946684800 + e["epoch"] for e in epochs]

with check("EventAccumulator reads the same file, and knows its scalars as the plugin's"):
    events = EventAccumulator(os.path.join(outs["tensorboard"], "phase2/train"), size_guidance={"tensors": 0})
    events.Reload()
    assert sorted(events.Tags()["tensors"]) == ["epoch_accuracy", "epoch_learning_rate", "epoch_loss"]
    assert len(events.Tensors("epoch_loss")) == 405
    assert events.SummaryMetadata("epoch_loss").plugin_data.plugin_name == "scalars"

with check("HPARAMS has what was set, and the test's numbers"):
    said = runs.SummaryMetadata("test", hparams.SESSION_START_INFO_TAG).plugin_data.content
    info = hparams.parse_session_start_info_plugin_data(said)
    found = {k: getattr(v, v.WhichOneof("kind")) for k, v in info.hparams.items()}
    assert found == {"seed": 7, "model.architecture": "resnet8", "model.dropout": 0.1, "train.flip": True,
                     "train.layers": '["conv3","é"]'}, found
    said = runs.SummaryMetadata("test", hparams.SESSION_END_INFO_TAG).plugin_data.content
    assert hparams.parse_session_end_info_plugin_data(said).status == 1  # success
    metrics = json.load(open(deps["metrics"]))
    for name in ("test_accuracy", "test_loss"):
        assert same(tensor_util.make_ndarray(runs.Tensors("test", name)[0].tensor_proto), metrics[name])

schema = os.path.join(os.path.dirname(altair.__file__), "vegalite/v5/schema/vega-lite-schema.json")
with open(schema, encoding="utf-8") as f:
    valid = jsonschema.Draft7Validator(json.load(f))
wide, _ = stage("curves", {}, dict(deps, metrics=many_classes(200)), {"vega": "vega"}, "wide")
for what, folder in (("ten classes", outs["vega"]), ("200 classes", wide["vega"])):
    for name, (width, height) in DRAWN.items():
        with check(f"{name} of {what} is valid, and is drawn"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
            problem = jsonschema.exceptions.best_match(valid.iter_errors(json.loads(text)))
            assert problem is None, problem.message[:300]
            png = vl_convert.vegalite_to_png(text, vl_version="5.20")
            size = struct.unpack(">II", png[16:24])
            assert png[:4] == b"\x89PNG" and size[0] >= width and size[1] >= height, f"{size}"


def card(params, **more):
    deps = {"metrics": FIXTURES + "/metrics.json", "lineage": FIXTURES + "/lineage.json", "dataset": FIXTURES + "/dataset", **more}
    outs, _ = stage("report", params, deps, {"report": "report", "card": "card.md"})
    with open(outs["card"], encoding="utf-8", newline="") as f:
        return ModelCard.load(outs["card"]), f.read()


with check("huggingface_hub reads the card's head, with the metrics' own values"):
    found, text = card({"title": "Objects", "card": {"license": "mit", "datasets": ["a/b", "c"]}})
    assert found.data.license == "mit" and found.data.datasets == ["a/b", "c"] and found.data.library_name == "reprise"
    assert found.data.tags == ["image-classification", "resnet8", "safetensors"] and found.data.model_name == "Objects"
    results = {r.metric_type: r for r in found.data.eval_results}
    macro = metrics["macro"]
    for name, wanted in (("accuracy", metrics["test_accuracy"]), ("loss", metrics["test_loss"]), ("f1", macro["f1"]),
                         ("precision", macro["precision"]), ("recall", macro["recall"])):
        assert abs(results[name].metric_value - wanted) < 1e-6 and results[name].dataset_type == "a/b"

with check("a title of any characters stays a title, and what was not said is not there"):
    title = 'a: "b" \\ # - [c] {d} é 犬 \u2028 % @ ` & *'
    found, text = card({"title": title})
    assert found.data.model_name == title.replace("\u2028", "\ufffd"), found.data.model_name
    assert found.data.license is None and found.data.datasets is None

with check("its intervals are Wilson's, by SciPy"):
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "% to " in line]
    assert len(rows) == len(metrics["classes"])
    for c, row in enumerate(rows):
        counts = metrics["confusion"][c]
        low, high = binomtest(counts[c], sum(counts)).proportion_ci(method="wilson")
        assert row[4] == f"{100 * low:.1f}% to {100 * high:.1f}%", row
done()
