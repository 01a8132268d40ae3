#!/bin/sh
# A data set made by a stage of one's own, in the format that docs/stages.md describes: split, phase1 and evaluate take it.
# (A shared case of this asks phase1 and evaluate for figures; these are drawn by `curves`, so that no trainer draws.)
. tests/runner/project.sh
command -v python3 > /dev/null || { skip a_data_set_by_a_stage_of_ones_own_is_trained_on "there is no python3"; finish; }
project=$here/own
mkdir "$project"
ln -s "$BUILD" "$project/build"
cat > "$project/import.py" <<'PY'
"""Three classes of flat colours with some noise."""
import json, os, random, struct


def npy(path, shape, raw):
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }" % "".join(f"{n}, " for n in shape)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + raw)


out = json.load(open(os.environ["REPRISE_STAGE"]))["outs"]["dataset"]
os.makedirs(out)
draw = random.Random(1)
colours, counts = [(200, 60, 60), (60, 200, 60), (60, 60, 200)], {"train": 30, "test": 10}
for part, each in counts.items():
    labels = [k for k in range(3) for _ in range(each)]
    pixels = bytes(min(255, max(0, colours[k][c] + draw.randint(-40, 40))) for k in labels for _ in range(32 * 32) for c in range(3))
    npy(f"{out}/{part}_images.npy", (len(labels), 32, 32, 3), pixels)
    npy(f"{out}/{part}_labels.npy", (len(labels),), bytes(labels))
open(f"{out}/classes.txt", "w").write("red\ngreen\nblue\n")
json.dump({"source": "own", "sha256": "0" * 64, "generated": True, **{part: 3 * each for part, each in counts.items()},
           **{part + "_counts": [each] * 3 for part, each in counts.items()}}, open(f"{out}/dataset.json", "w"))
PY
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  import: {cmd: python3 import.py, outs: {dataset: dataset}}
  split: {cmd: split, deps: {dataset: import.dataset}, outs: {splits: splits}}
  phase1:
    cmd: phase1
    deps: {dataset: import.dataset, splits: split.splits}
    params:
      seed: 7
      model: {architecture: resnet8, image_size: 32, preprocess: tf, hidden: 0, dropout: 0.0}
      train: {batch: 16, norm: batch, preflight: "off"}
      phase: {trainable: [""], epochs: 4, learning_rate: 3.0e-3}
    outs: {model: model.safetensors, history: history.json}
  evaluate:
    cmd: evaluate
    deps: {dataset: import.dataset, model: phase1.model}
    outs: {metrics: metrics.json, predictions: predictions.npy, report: report.txt}
    metrics: [metrics]
YAML
r run
[ $status -eq 0 ] && grep -q '"test": 30' "$project/artifacts/import/dataset/dataset.json"
ok $? a_data_set_by_a_stage_of_ones_own_is_trained_on
accuracy=$(sed -n 's/^ *"test_accuracy": *\([0-9.]*\).*/\1/p' "$project/artifacts/evaluate/metrics.json")
awk -v a="${accuracy:-0}" 'BEGIN { exit !(a >= 0.9) }'
ok $? colours_are_told_apart
finish
