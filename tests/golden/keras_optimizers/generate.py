"""Writes optimizers.txt: steps of Keras' optimizers, with moving averages of the weights. Made with Keras 3.15, TensorFlow
2.21.

A case: `name learning_rate weight_decay momentum nesterov ema_momentum steps count` (weight_decay, ema_momentum -1 for none),
the initial weights, then per step the gradient, the weights and, with a moving average, it. The first half of the weights is
the variable `kernel`, the other is `bias`, which weight decay leaves out."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT, STEPS = 8, 8
O = keras.optimizers
CASES = [
    ("adam", 1e-3, None, 0.0, False, None),
    ("adam", 1e-3, 0.01, 0.0, False, 0.9),
    ("adamw", 3e-3, 0.05, 0.0, False, None),
    ("adamw", 1e-2, 0.004, 0.0, False, 0.99),
    ("sgd", 0.1, None, 0.0, False, None),
    ("sgd", 0.1, None, 0.9, False, None),
    ("sgd", 0.05, None, 0.9, True, 0.8),
    ("sgd", 0.05, 5e-3, 0.9, True, None),
]


def make(name, rate, decay, momentum, nesterov, ema):
    options = {"weight_decay": decay, "use_ema": ema is not None, "ema_momentum": 0.99 if ema is None else ema}
    if name == "sgd":
        return O.SGD(rate, momentum=momentum, nesterov=nesterov, **options)
    return (O.Adam if name == "adam" else O.AdamW)(rate, **options)


def line(values):
    return " ".join(f"{x:.9g}" for x in np.asarray(values)) + "\n"


with open(os.path.join(HERE, "optimizers.txt"), "w") as out:
    for number, case in enumerate(CASES):
        rng = np.random.default_rng(number)
        weights = rng.normal(size=COUNT).astype(np.float32)
        variables = [keras.Variable(weights[: COUNT // 2], name="kernel"), keras.Variable(weights[COUNT // 2 :], name="bias")]
        optimizer = make(*case)
        optimizer.build(variables)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        name, rate, decay, momentum, nesterov, ema = case
        none = [-1 if x is None else x for x in (decay, ema)]
        out.write(f"{name} {rate:.9g} {none[0]:.9g} {momentum:.9g} {int(nesterov)} {none[1]:.9g} {STEPS} {COUNT}\n" + line(weights))
        for step in range(STEPS):
            gradient = rng.normal(size=COUNT).astype(np.float32)
            halves = [gradient[: COUNT // 2], gradient[COUNT // 2 :]]
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in halves])
            out.write(line(gradient) + line(np.concatenate([np.asarray(v) for v in variables])))
            if ema is not None:
                out.write(line(np.concatenate([np.asarray(v) for v in optimizer._model_variables_moving_average])))
