"""How the programs in Python of tests/bench/train.sh talk to it, and how much a round of each network is."""
import sys
import time

PICTURES, CLASSES = 2048, 10
# Batch, steps of a round; pictures of an epoch that are trained on and that validate.
ROUNDS = {"resnet50": (32, 4, 320, 80), "mobilenet": (32, 50, 1600, 400), "efficientnet_lite0": (32, 12, 800, 200), "resnet20": (128, 12, 1536, 512)}


def serve(run_round):
    """run_round() returns its images. Prints `ready` when warm, then for each line of the input the images a second of one more."""
    run_round()
    run_round()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        count = run_round()
        print(f"{count / (time.perf_counter() - start):.1f}", flush=True)
