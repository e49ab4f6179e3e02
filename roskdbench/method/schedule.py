"""How the learning rate goes over a training: as the protocol says for everyone, or in a way of the method's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from roskdbench.method.parts import Part

Usual = Callable[[int], float]
"""The protocol's learning rate in an epoch."""


class Schedule(Part):
    """A family of parts: the learning rate of each epoch."""

    def learning_rate(self, usual: Usual, epoch: int, epochs: int) -> float:
        """Of an epoch, counted from 0."""
        raise NotImplementedError

    def averaging_begins(self, epochs: int) -> int | None:
        """The first epoch whose weights are averaged, where the method says none; the protocol's if None."""
        return None

    def declaration(self) -> dict[str, Any]:
        """The part as a suite would write it, without what is as usual."""
        return {"kind": self.kind, **self.model_dump(mode="json", exclude_defaults=True)}


class Protocols(Schedule):
    """As the protocol says."""

    def learning_rate(self, usual: Usual, epoch: int, epochs: int) -> float:
        """The protocol's."""
        return usual(epoch)


class Cyclic(Schedule):
    """The protocol's until a share of the epochs is over; then cycles that fall in a straight line from `highest` to
    `lowest` shares of the protocol's highest rate (Izmailov et al. 2018, of which a cycle of one epoch is the constant
    form).
    """

    revision = 2  # in the first, shares were of the first epoch's rate, which is low where the protocol warms up
    begins: Annotated[float, Field(ge=0, le=1)] = 0.5
    length: PositiveInt = 2
    highest: Annotated[float, Field(gt=0)] = 0.5
    lowest: Annotated[float, Field(gt=0)] = 0.05

    def learning_rate(self, usual: Usual, epoch: int, epochs: int) -> float:
        """The protocol's, or where the cycle stands."""
        first = round(self.begins * epochs)
        if epoch < first:
            return usual(epoch)
        done = (epoch - first) % self.length / max(1, self.length - 1)
        return max(map(usual, range(epochs))) * ((1 - done) * self.highest + done * self.lowest)

    def averaging_begins(self, epochs: int) -> int | None:
        """With the first cycle."""
        return round(self.begins * epochs)
