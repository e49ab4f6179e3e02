"""The worst of several attacks, from the logits that each led to: what stands for an image, or for a finding of it."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from roskdbench.measuring.predictions import Predictions

Logits = NDArray[np.float32]


def worst_of_each_image(clean: Predictions, logits: Logits) -> Logits:
    """Of each image the logits of one attack. [A, n, C] -> [n, C]

    One label: of the attacks that it is decided wrongly under, or of all where there are none, the one of the highest
    cross-entropy. Several findings: the one of the highest binary cross-entropies, summed over those that are known.
    """
    losses = _losses(clean, logits)
    if clean.task == "single-label":
        height = losses.sum(-1)
        wrong = ~clean.truth[np.arange(len(clean)), logits.argmax(-1)]  # [A, n]
        height = np.where(wrong.any(0) & ~wrong, -np.inf, height)
    else:
        height = losses.sum(-1)
    found: Logits = logits[height.argmax(0), np.arange(len(clean))]
    return found


def worst_of_each_finding(clean: Predictions, logits: Logits) -> Logits:
    """Of each image and finding the logit of the attack under which its own loss is highest: a bound, which no one
    image need reach. [A, n, C] -> [n, C]
    """
    highest = _losses(clean, logits).argmax(0)
    found: Logits = np.take_along_axis(logits, highest[None], axis=0)[0]
    return found


def _losses(clean: Predictions, logits: Logits) -> NDArray[np.float64]:
    """What each class adds to the loss, 0 where its label is not known. [A, n, C]"""
    exact = logits.astype(np.float64)
    if clean.task == "single-label":
        found: NDArray[np.float64] = (logsumexp(exact, axis=-1, keepdims=True) - exact) * clean.truth
        return found
    away = np.where(clean.truth, -exact, exact)
    return np.asarray(np.logaddexp(0, away) * clean.known, dtype=np.float64)
