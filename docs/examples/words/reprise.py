"""The stage's side of Reprise, in one file without dependencies: copy it beside your script, and declare it as a dep.

    stage = reprise.Stage()
    rate = stage.params["rate"]
    with open(stage.outs["model"], "w") as out: ...
    stage.progress("epoch 1/3", step, steps, "step")
    stage.metric("val_accuracy", 0.71, epoch)

By hand: REPRISE_STAGE=stage.json python3 script.py; `reprise run --keep-work` leaves such a file."""
import json
import math
import os


class Stage:
    """What the runner gave this stage. Paths are absolute; deps are read-only, the folders of outs exist."""

    def __init__(self, path=None):
        path = path or os.environ.get("REPRISE_STAGE")
        if path is None:
            raise SystemExit("REPRISE_STAGE is not set: run this by `reprise run`, or name a stage.json there")
        with open(path, encoding="utf-8") as file:
            given = json.load(file)
        folder = os.path.dirname(os.path.abspath(path))

        def place(name):
            return os.path.normpath(os.path.join(folder, name))

        self.name = given["stage"]
        self.key = given.get("key")
        self.params = given.get("params") or {}
        self.deps = {name: place(dep) for name, dep in (given.get("deps") or {}).items()}
        self.outs = {name: place(out) for name, out in (given.get("outs") or {}).items()}
        # Kept for this key until the stage succeeds: what was saved here before a kill is there when it begins again.
        self.checkpoint = place(given["checkpoint"]) if given.get("checkpoint") else None
        self.threads = (given.get("resources") or {}).get("threads", 1)
        self.device = given.get("device", "auto")
        self._progress = given.get("progress_fd")

    def progress(self, what, done, total, unit="step"):
        """How far it is: `what` is shown with a bar and an estimate of the rest."""
        self._tell({"event": "progress", "what": what, "done": done, "total": total, "unit": unit})

    def metric(self, name, value, step=0):
        """A number that the live display follows. What `require` bounds stands in an out, listed under `metrics`."""
        if isinstance(value, float) and not math.isfinite(value):
            value = None if math.isnan(value) else "inf" if value > 0 else "-inf"
        self._tell({"event": "metric", "name": name, "value": value, "step": step})

    def note(self, text):
        """A line for people, beside the stage's name."""
        self._tell({"event": "note", "text": text})

    def _tell(self, event):
        if self._progress is None:
            return
        try:
            os.write(self._progress, (json.dumps(event) + "\n").encode())
        except OSError:  # nobody listens: a stage does not fail for that
            self._progress = None
