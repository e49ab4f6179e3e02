"""The formulas of distillation, for single-label and multi-label problems. Each returns a value per example.

Single-label distributions are softmax(z / t); multi-label ones are C Bernoulli variables sigmoid(z / t), and their
divergence is the mean over classes. The teacher comes first: KL(q || p).
"""

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.suite.problems import Task


def hard_losses(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy with labels, [..., B] for logits [..., B, C]. A label may be shares of classes; those of several
    findings may be chances, and are left out where they are NaN.
    """
    if task == "single-label" and targets.is_floating_point():
        return -(targets * functional.log_softmax(logits, -1)).sum(-1)
    if task == "single-label":
        wide = targets.expand(logits.shape[:-1])
        return functional.cross_entropy(logits.movedim(-1, 1) if logits.ndim > 2 else logits, wide, reduction="none")
    wide = targets.to(logits.dtype).expand(logits.shape)
    if not targets.is_floating_point():
        return functional.binary_cross_entropy_with_logits(logits, wide, reduction="none").mean(-1)
    known = ~wide.isnan()
    each = functional.binary_cross_entropy_with_logits(logits, wide.nan_to_num(0.0), reduction="none")
    return (each * known).sum(-1) / known.sum(-1).clamp(min=1)


def smoothed(task: Task, shares: Tensor, share: float) -> Tensor:
    """Labels as shares of classes, or as chances of findings, with a share of each spread evenly over all classes, or
    over presence and absence. [..., C]
    """
    evenly = 1 / (shares.shape[-1] if task == "single-label" else 2)
    return (1 - share) * shares + share * evenly


def over_known(each: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor | int]:
    """The sum of a term over the findings that are known, [..., B] for [..., B, C], and how many these are."""
    if known is None:
        return each.sum(-1), each.shape[-1]
    return torch.where(known, each, 0.0).sum(-1), known.sum(-1)


def divergences(task: Task, teachers: Tensor, student: Tensor, temperature: float) -> Tensor:
    """KL(q_m || p) for each teacher and example, [K, B]."""
    if task == "single-label":
        q_log = functional.log_softmax(teachers / temperature, -1)
        p_log = functional.log_softmax(student / temperature, -1)
        return (q_log.exp() * (q_log - p_log)).sum(-1)
    q, p = teachers / temperature, student / temperature
    positive = torch.sigmoid(q) * (functional.logsigmoid(q) - functional.logsigmoid(p))
    negative = torch.sigmoid(-q) * (functional.logsigmoid(-q) - functional.logsigmoid(-p))
    return (positive + negative).mean(-1)


def mixture_divergence(task: Task, teachers: Tensor, weights: Tensor, student: Tensor, temperature: float) -> Tensor:
    """KL(sum_m w_m q_m || p) for each example, [B], for weights [K, 1] or [K, B].

    Weights that sum to W instead of 1 are shares times W: the divergence from the mixture, W times.
    """
    total = weights.sum(0)
    share = (weights / total)[..., None]
    if task == "single-label":
        q = (share * functional.softmax(teachers / temperature, -1)).sum(0)
        p_log = functional.log_softmax(student / temperature, -1)
        return total * (torch.xlogy(q, q) - q * p_log).sum(-1)
    q = (share * torch.sigmoid(teachers / temperature)).sum(0)
    not_q = (share * torch.sigmoid(-teachers / temperature)).sum(0)
    p = student / temperature
    entropy = torch.xlogy(q, q) + torch.xlogy(not_q, not_q)
    return total * (entropy - q * functional.logsigmoid(p) - not_q * functional.logsigmoid(-p)).mean(-1)
