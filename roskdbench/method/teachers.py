"""Whom a student learns from: none, one, or several teachers, on all of the training set or on subsets of it."""

from dataclasses import dataclass
from typing import Literal

from roskdbench.method.parts import Part
from roskdbench.suite.protocol import NetworkSpec, Protocol, Share


@dataclass(frozen=True)
class Subset:
    """One of `count` overlapping subsets of the training set."""

    construction: str
    count: int
    ratio: float
    index: int
    fixed_size: bool = False
    """Whether it has 1/count of the training set at any overlap."""
    equal_steps: bool = False
    """Whether its teacher takes as many steps as one on all of the training set."""


@dataclass(frozen=True)
class TeacherSlot:
    """A teacher to be trained: its network, and the subset it sees (None: all of the training set)."""

    network: NetworkSpec
    subset: Subset | None


class Teachers(Part):
    """A family of parts: the teachers of a method."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """The teachers under a protocol, at the overlap ratio of a cell."""
        raise NotImplementedError


class NoTeachers(Teachers):
    """The student learns from labels alone."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """None at all."""
        return []


class Single(Teachers):
    """One teacher, the protocol's `single_teacher`, on all of the training set."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """The one teacher."""
        return [TeacherSlot(protocol.lone_teacher, None)]


class OnAllData(Teachers):
    """The protocol's teachers, each on all of the training set."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """A slot for each of the protocol's networks."""
        return [TeacherSlot(network, None) for network in protocol.teachers]


class Overlapping(Teachers):
    """The protocol's teachers, each on a subset of the training set that overlaps the others'."""

    ratio: Share | None = None
    """The overlap ratio; the cell's if left out."""
    construction: Literal["core", "core-global", "borrow", "ring"] | None = None
    """How subsets are built; the protocol's way if left out."""
    steps: Literal["by-epochs", "equal"] | None = None
    """Whether teachers take as many epochs as on all of the data, or as many steps; the protocol's way if left out."""
    size: Literal["by-overlap", "fixed"] | None = None
    """Whether subsets grow with their overlap, or have 1/k of the data; the protocol's way if left out."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """A slot for each of the protocol's networks, each with its own subset."""
        construction = self.construction or protocol.construction
        ratio = overlap if self.ratio is None else self.ratio
        size, steps = self.size or protocol.subset_size, self.steps or protocol.subset_steps
        count = len(protocol.teachers)
        return [
            TeacherSlot(network, Subset(construction, count, ratio, index, size == "fixed", steps == "equal"))
            for index, network in enumerate(protocol.teachers)
        ]
