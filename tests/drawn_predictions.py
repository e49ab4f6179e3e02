"""Random predictions for random labels, with ties and with labels that are not known, for tests of scores."""

import numpy as np

from roskdbench.data.problem import Labels
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.tested import Tested

CLASSES = tuple("abcd")


def drawn_predictions(task, seed=0, samples=90, validation=60, grouped=3, unknown=0.0, digits=None, rate=0.35):
    """Logits that know something of the labels. They have ties where they are rounded to `digits`; a share of labels is
    `unknown`.
    """
    random = np.random.default_rng(seed)
    count, classes = samples + validation, len(CLASSES)
    single = task == "single-label"
    targets = (
        random.integers(0, classes, count) if single else (random.random((count, classes)) < rate).astype(np.uint8)
    )
    logits = random.normal(size=(count, classes)) + (np.eye(classes)[targets] if single else targets)
    logits = (logits if digits is None else logits.round(digits)).astype(np.float32)
    uncertain = (random.random((count, classes)) < unknown).astype(np.uint8) if unknown else None
    labels = Labels(task, CLASSES, targets, np.arange(count) // grouped, uncertain=uncertain)
    split = {"validation": np.arange(validation), "test": np.arange(validation, count)}
    return Predictions(Tested.of(labels, split), {part: logits[rows] for part, rows in split.items()})


def predictions_of(task, targets, logits, validation=None):
    """Predictions for these test labels and logits, every sample its own group; the validation part may be another."""
    targets, logits = np.asarray(targets), np.asarray(logits, np.float32)
    seen, scores = (targets, logits) if validation is None else map(np.asarray, validation)
    classes = CLASSES[: logits.shape[1]]
    parts = [Labels(task, classes, each, np.arange(len(each))) for each in (seen, targets)]
    return Predictions(Tested(task, classes, *parts), {"validation": scores.astype(np.float32), "test": logits})
