"""`ensemble`: the mean probability of several models' predictions, as logits."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, logsumexp

from roskdbench.jobs.context import JobContext

SMALLEST = 1e-7


def run(context: JobContext) -> None:
    """Write predictions.npz like the job of that name."""
    members = [member.arrays("predictions.npz") for member in context.numbered("member")]
    task = context.problem().labels.task
    mean = mean_logits if task == "single-label" else mean_binary_logits
    found = {part: mean(np.stack([member[part] for member in members])) for part in ("validation", "test")}
    np.savez(context.folder / "predictions.npz", allow_pickle=False, **found)


def mean_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log of the mean softmax over models. [K, n, C] -> [n, C]"""
    found: NDArray[np.float32] = logsumexp(log_softmax(logits.astype(np.float64), -1), axis=0) - np.log(len(logits))
    return found.astype(np.float32)


def mean_binary_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logit of the mean sigmoid over models. [K, n, C] -> [n, C]"""
    chance = np.clip(expit(logits.astype(np.float64)).mean(0), SMALLEST, 1 - SMALLEST)
    found: NDArray[np.float32] = logit(chance).astype(np.float32)
    return found
