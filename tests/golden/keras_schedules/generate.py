"""Writes cosine_decay.txt: keras.optimizers.schedules.CosineDecay. Made with Keras 3.15, TensorFlow 2.21.

A case is `initial decay_steps alpha warmup_steps warmup_target count` (target -1 for none), then the rates of steps 0 to
count - 1."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras

CASES = [
    (1e-3, 10, 0.0, 0, None, 14),
    (3e-4, 37, 0.05, 0, None, 45),
    (0.0, 20, 0.0, 5, 1e-3, 30),
    (1e-5, 31, 0.01, 7, 2e-3, 45),
    (0.1, 1, 0.0, 3, 0.2, 8),
]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cosine_decay.txt"), "w") as out:
    for initial, steps, alpha, warmup, target, count in CASES:
        schedule = keras.optimizers.schedules.CosineDecay(initial, steps, alpha=alpha, warmup_target=target, warmup_steps=warmup)
        out.write(f"{initial:.17g} {steps} {alpha:.17g} {warmup} {-1 if target is None else target:.17g} {count}\n")
        out.write(" ".join(f"{float(schedule(i)):.9g}" for i in range(count)) + "\n")
