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
    exact = logits.astype(np.float64)
    if clean.task == "single-label":
        entropy = logsumexp(exact, axis=-1) - (exact * clean.truth).sum(-1)  # [A, n]
        wrong = ~clean.truth[np.arange(len(clean)), logits.argmax(-1)]
        loss = np.where(wrong.any(0) & ~wrong, -np.inf, entropy)
    else:
        away = np.where(clean.truth, -exact, exact)
        loss = (np.logaddexp(0, away) * clean.known).sum(-1)
    chosen: Logits = logits[loss.argmax(0), np.arange(len(clean))]
    return chosen


def worst_of_each_finding(clean: Predictions, logits: Logits) -> Logits:
    """Of each image and finding the logit that is furthest from its label: a bound, which no one image need reach.
    Where the label is not known, the first. [A, n, C] -> [n, C]
    """
    furthest = np.where(clean.truth, logits.min(0), logits.max(0))
    found: Logits = np.where(clean.known, furthest, logits[0])
    return found
