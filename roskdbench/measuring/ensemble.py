"""The mean probability of several models: of their predictions, and of the models themselves as one."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, logsumexp
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 1e-7


def mean_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log of the mean softmax over models. [K, n, C] -> [n, C]"""
    found: NDArray[np.float32] = logsumexp(log_softmax(logits.astype(np.float64), -1), axis=0) - np.log(len(logits))
    return found.astype(np.float32)


def mean_binary_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logit of the mean sigmoid over models. [K, n, C] -> [n, C]"""
    chance = np.clip(expit(logits.astype(np.float64)).mean(0), SMALLEST, 1 - SMALLEST)
    found: NDArray[np.float32] = logit(chance).astype(np.float32)
    return found


class MeanOf(nn.Module):
    """Several models as one, whose logits are those of their mean probability."""

    def __init__(self, members: Sequence[nn.Module], task: str) -> None:
        super().__init__()
        self.members, self.task = nn.ModuleList(members), task

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, C]."""
        logits = torch.stack([member(images) for member in self.members])
        if self.task == "single-label":
            return functional.log_softmax(logits, -1).logsumexp(0) - float(np.log(len(self.members)))
        yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        return yes.logsumexp(0) - no.logsumexp(0)
