#!/usr/bin/env python3
"""Writes callbacks.txt: what EarlyStopping, ReduceLROnPlateau and ModelCheckpoint of Keras 3.12 do, epoch by epoch.

A case is `case name early_patience reduce_patience factor minimum learning_rate`, then a line per epoch:
val_loss val_accuracy learning_rate_logged stop best_epoch checkpoint_epoch, and `restored EPOCH`.
`options` instead of `case` has after its learning rate: early_min_delta monitor reduce_min_delta cooldown (written with Keras 3.15.1).
Run: CUDA_VISIBLE_DEVICES= python3 generate.py
"""
import os
import tempfile

import keras
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
NAN = float("nan")


def cases():
    rng = np.random.RandomState(3)
    plateau = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    yield "plateau", 5, 3, 0.5, 1e-6, 1e-3, plateau
    # Improves by less than ReduceLROnPlateau's min_delta: one callback sees progress, the other does not.
    yield "small_steps", 5, 3, 0.5, 1e-6, 1e-3, [1.0 - 5e-5 * i for i in range(14)]
    yield "exact_delta", 6, 2, 0.5, 1e-6, 1e-3, [0.5, 0.4999, 0.4998, 0.49975, 0.4996, 0.4, 0.4, 0.3999]
    yield "floor", 40, 3, 0.5, 1e-6, 1e-3, [1.0] + [2.0] * 39
    yield "floor_phase_2", 50, 3, 0.5, 1e-7, 1e-4, [1.0] + [2.0] * 39
    yield "nan_first", 5, 3, 0.5, 1e-6, 1e-3, [NAN] + [0.5] * 8
    yield "nan_later", 5, 3, 0.5, 1e-6, 1e-3, [1.0, 0.8, NAN, NAN, 0.7, NAN, NAN, NAN, NAN, NAN, NAN]
    yield "improves_to_the_end", 7, 3, 0.5, 1e-7, 1e-4, [1.0 / (i + 1) for i in range(10)]
    yield "patience_0", 0, 0, 0.1, 0.0, 1e-2, [1.0, 0.9, 0.95, 0.8]
    yield "patience_1", 1, 1, 0.3, 1e-5, 1e-2, [1.0, 0.9, 0.8, 0.85, 0.7]
    noisy = list(1.2 + 0.3 * rng.randn(30) - 0.01 * np.arange(30))
    yield "noisy", 7, 3, 0.5, 1e-7, 1e-4, noisy
    yield "noisy_long", 30, 2, 0.5, 1e-6, 1e-3, noisy


def with_options():
    rng = np.random.RandomState(11)
    for i in range(60):
        losses = list(1.2 + 0.05 * rng.randn(30) - 0.02 * np.arange(30))
        options = (float(rng.choice([0, 0.01, 0.05])), str(rng.choice(["val_loss", "val_accuracy"])),
                   float(rng.choice([0, 1e-3, 0.05])), int(rng.randint(0, 4)))
        yield ("random_%d" % i, int(rng.randint(2, 12)), int(rng.randint(0, 4)), 0.5, 1e-5, 1e-3, losses, options)


def play(f, name, early, reduce, factor, minimum, rate, losses, options=None):
    rng = np.random.RandomState(len(losses))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), loss="mse", metrics=["accuracy"])
    folder = tempfile.mkdtemp()
    delta, monitor, reduce_delta, cooldown = options or (0, "val_loss", 1e-4, 0)
    stopper = keras.callbacks.EarlyStopping(monitor, min_delta=delta, patience=early, restore_best_weights=True,
                                            mode="max" if monitor == "val_accuracy" else "min")
    reducer = keras.callbacks.ReduceLROnPlateau("val_loss", factor=factor, patience=reduce, min_lr=minimum,
                                                min_delta=reduce_delta, cooldown=cooldown)
    saver = keras.callbacks.ModelCheckpoint(os.path.join(folder, "m.keras"), monitor="val_accuracy", mode="max",
                                            save_best_only=True)
    callbacks = [stopper, reducer, saver]
    for c in callbacks:
        c.set_model(model)
        c.on_train_begin()
    model.stop_training = False
    f.write("%s %s %d %d %.17g %.17g %.17g" % ("options" if options else "case", name, early, reduce, factor, minimum, rate))
    f.write(" %.17g %s %.17g %d\n" % options if options else "\n")
    saved = -1
    for epoch, loss in enumerate(losses):
        # The epoch's number serves as weights, to see which were restored.
        model.set_weights([np.full((1, 1), epoch, "f4"), np.zeros(1, "f4")])
        loss = float(np.float32(loss))
        accuracy = float(np.float32(rng.randint(0, 12) / 12))
        logs = {"accuracy": 0.5, "loss": 1.0, "val_accuracy": accuracy, "val_loss": loss}
        before = saver.best
        for c in callbacks:
            c.on_epoch_end(epoch, logs)
        if saver.best is not before:
            saved = epoch
        f.write("%.9g %.9g %.17g %d %d %d\n" % (loss, accuracy, logs["learning_rate"], model.stop_training,
                                                stopper.best_epoch, saved))
        if model.stop_training:
            break
    stopper.on_train_end()
    f.write("restored %d\n" % int(model.get_weights()[0][0, 0]))


def main():
    with open(os.path.join(HERE, "callbacks.txt"), "w") as f:
        for case in cases():
            play(f, *case)
        for case in with_options():
            play(f, *case)


if __name__ == "__main__":
    main()
