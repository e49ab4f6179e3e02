"""Whether what a method gives can be learnt from: what it chose for an epoch, and its loss."""

from typing import Any

import torch
from torch import Tensor

from roskdbench.errors import UserError
from roskdbench.method import Selection
from roskdbench.suite.problems import Task


def refuse_selection(chosen: Selection, samples: int, task: Task, classes: int) -> None:
    """A UserError for positions or labels that cannot have been meant."""
    positions, targets = chosen.positions, chosen.targets
    wrong = None if positions is None else _of_positions(positions, samples)
    if wrong is None and targets is not None:
        wrong = _of_targets(targets, samples, task, classes)
    if wrong:
        raise UserError(f"the method's `before_epoch` chose {wrong}")


def one_number(loss: Any, method: str, learns: bool) -> Tensor:
    """The loss; a UserError if it cannot be one."""
    if isinstance(loss, Tensor) and loss.ndim == 0:
        if learns and not loss.requires_grad:
            raise UserError(
                f"the loss of '{method}' has no gradient: build it from batch.student_logits or batch.ask(images), and "
                "detach nothing of these"
            )
        return loss
    found = f"a tensor of shape {list(loss.shape)}; return its mean" if isinstance(loss, Tensor) else f"{loss!r:.60}"
    raise UserError(f"the loss of '{method}' has to be one number, and is {found}")


def _of_positions(positions: Tensor, samples: int) -> str | None:
    if positions.ndim != 1 or positions.is_floating_point() or positions.dtype == torch.bool:
        kind = f"{str(positions.dtype).removeprefix('torch.')} of shape {list(positions.shape)}"
        return f"positions that are {kind}; a mask becomes a list of numbers by .nonzero()[:, 0]"
    if len(positions) < 2:
        return "fewer than two samples to learn from"
    first, *_, last = sorted(positions.tolist())
    if first < 0 or last >= samples:
        return f"positions from {first} to {last}; there are {samples} samples"
    twice = len(set(positions.tolist())) < len(positions)
    return "some positions twice; an epoch meets a sample once" if twice else None


def _of_targets(targets: Tensor, samples: int, task: Task, classes: int) -> str | None:
    single = task == "single-label"
    shapes = [[samples, classes], *([[samples]] if single else [])]
    if list(targets.shape) not in shapes:
        return f"labels of shape {list(targets.shape)}; give {' or '.join(map(str, shapes))}"
    if targets.ndim == 1:
        numbers = not targets.is_floating_point() and 0 <= int(targets.min()) <= int(targets.max()) < classes
        return None if numbers else f"labels that are no numbers of {classes} classes"
    shares = targets.is_floating_point() and bool(targets.isfinite().all())
    return None if shares or not single else "labels that are no shares of classes: finite floating-point numbers"
