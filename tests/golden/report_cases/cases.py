"""Random cases of a classification report, and scikit-learn's text of each.

A case is a list of names, the true and the predicted classes. Numbers of classes and samples are small where ties of the second decimal
are frequent, and large where sums are added in halves; names hold characters of one to four bytes; some classes have no sample, some are
never predicted."""
import random
import warnings

from sklearn.metrics import classification_report

ALPHABET = "abcdefghijklmnop XYZ-_.éüñßøłžαβγжцщ日本語中文字한국🙂🚀𝒳"


def name(rng, taken):
    while True:
        text = "".join(rng.choice(ALPHABET) for _ in range(rng.choice((1, 3, 8, 12, 13, 30)))).strip()
        if text and text not in taken:
            taken.add(text)
            return text


def case(rng):
    k = rng.choice((2, 2, 3, 4, 5, 7, 8, 9, 10, 10, 15, 16, 17, 33, 100, 128, 129, 200, 256))
    n = rng.choice((1, 2, 5, 8, 20, 40, 50, 100, 200, 400, 1000))
    taken = set()
    used = rng.sample(range(k), rng.randint(1, k))
    truth = [rng.choice(used) for _ in range(n)]
    guess = rng.random()
    predicted = [t if rng.random() < guess else rng.choice(used if rng.random() < 0.7 else range(k)) for t in truth]
    return [name(rng, taken) for _ in range(k)], truth, predicted


def report(names, truth, predicted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(truth, predicted, labels=list(range(len(names))), target_names=names, zero_division=0)


def as_input(names, truth, predicted):
    return "%d %d\n%s\n%s\n%s\n" % (len(names), len(truth), "\n".join(names), " ".join(map(str, truth)), " ".join(map(str, predicted)))
