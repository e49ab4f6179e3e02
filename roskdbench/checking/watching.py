"""A method whose trainings are watched: where its random numbers come from, and whether all that it asks for counts."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from roskdbench.checking.without_gradient import trains_nothing
from roskdbench.errors import UserError
from roskdbench.method import Method

if TYPE_CHECKING:
    import torch
    from torch import nn

    from roskdbench.method import Batch, Epoch, Selection


class StoppedError(Exception):
    """A training was stopped in the middle of an epoch, as by a kill."""


@dataclass
class Watch:
    """What is looked for in a training, and what was found."""

    killed_in: int | None = None
    """The epoch in whose middle it is stopped; what its last loss rests on is looked at before."""
    draws: Counter[str] = field(default_factory=Counter)
    """Where the method drew from random numbers that all share, and how often."""
    idle: str | None = None
    """What changes its loss and trains nothing."""


def watched(method: Method, watch: Watch, network: "nn.Module") -> Method:
    """The same method, looked at while it trains a network. It raises a UserError where its loss rests on what
    `batch.student` says: no gradient flows there, so that such a term trains nothing.
    """

    class Watched(type(method)):  # type: ignore[misc]
        def loss(self, batch: "Batch") -> "torch.Tensor":
            if batch.epoch == watch.killed_in and batch.step > 0:
                watch.idle = trains_nothing(super().loss, batch, network)
                raise StoppedError
            with _own_draws("loss", watch, batch.state):
                return _not_resting_on_the_student(super().loss, batch)

        def before_epoch(self, epoch: "Epoch") -> "Selection | None":
            with _own_draws("before_epoch", watch, epoch.state):
                found: Selection | None = super().before_epoch(epoch)
                return found

        def after_step(self, batch: "Batch") -> None:
            with _own_draws("after_step", watch, batch.state):
                super().after_step(batch)

    found: Method = Watched.model_construct(**dict(method))
    return found


def _not_resting_on_the_student(loss_of: "Callable[[Batch], torch.Tensor]", batch: "Batch") -> "torch.Tensor":
    import torch

    marks: list[torch.Tensor] = []
    ask = batch.student

    def student(images: torch.Tensor) -> torch.Tensor:
        said = ask(images)
        marks.append(torch.zeros_like(said, requires_grad=True))
        return said + marks[-1]

    batch.student = student
    loss = loss_of(batch)
    batch.student = ask
    if marks and isinstance(loss, torch.Tensor) and loss.requires_grad:
        given = torch.autograd.grad(loss.sum(), marks, retain_graph=True, allow_unused=True)
        if any(each is not None and bool(each.any()) for each in given):
            raise UserError(
                "the loss rests on what batch.student says, and no gradient flows there: such a term trains nothing "
                "(where it is meant as a constant, say .detach())"
            )
    return loss


@contextmanager
def _own_draws(hook: str, watch: Watch, state: "nn.Module | None") -> Iterator[None]:
    """Note where random numbers that all share are drawn in the block. Dropout in a method's own networks may."""
    before = _shared_numbers()
    yield
    after = _shared_numbers()
    moved = [name for name in before if not np.array_equal(before[name], after[name])]
    if _drops_out(state):
        moved = [name for name in moved if name != "torch"]
    watch.draws.update(
        f"`{hook}` draws from {name}'s random numbers; the generator it is given has its own" for name in moved
    )


def _shared_numbers() -> dict[str, Any]:
    import torch

    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002 - the one that all share is looked at
    return {
        "torch": torch.default_generator.get_state().numpy(),
        "numpy": np.append(keys, position),
        "Python": np.array(random.getstate()[1]),
    }


def _drops_out(state: "nn.Module | None") -> bool:
    return state is not None and any("Drop" in type(each).__name__ for each in state.modules())
