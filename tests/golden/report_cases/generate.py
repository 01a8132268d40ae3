"""Writes cases.txt: random cases and scikit-learn's classification_report of each, for plain `make test`. scikit-learn 1.9.1."""
import random

from cases import as_input, case, report

rng = random.Random(5)
with open("cases.txt", "w", encoding="utf-8") as f:
    for _ in range(24):
        c = case(rng)
        f.write(as_input(*c) + report(*c) + "\f\n")
