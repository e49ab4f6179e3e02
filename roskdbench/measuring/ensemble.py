"""The mean probability of several models: of their predictions, and of the models themselves as one."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp
from torch import Tensor, nn
from torch.nn import functional

NEAR = 1e-7  # to 0 or 1; from there on a probability no longer tells what its logit was


def mean_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log of the mean softmax over models. [K, n, C] -> [n, C]"""
    found: NDArray[np.float32] = logsumexp(log_softmax(logits.astype(np.float64), -1), axis=0) - np.log(len(logits))
    return found.astype(np.float32)


def mean_binary_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logit of the mean sigmoid over models. [K, n, C] -> [n, C]"""
    exact = logits.astype(np.float64)
    chance = expit(exact).mean(0)
    from_logs = logsumexp(log_expit(exact), axis=0) - logsumexp(log_expit(-exact), axis=0)
    between = (chance >= NEAR) & (chance <= 1 - NEAR)
    found: NDArray[np.float32] = np.where(between, logit(np.clip(chance, NEAR, 1 - NEAR)), from_logs).astype(np.float32)
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
