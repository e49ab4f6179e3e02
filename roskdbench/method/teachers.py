"""Whom a student learns from: none, one, or several teachers, on all of the training set or on subsets of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pydantic import PositiveInt

from roskdbench.method.parts import Part
from roskdbench.suite.experiments import MethodChoice
from roskdbench.suite.protocol import NetworkSpec, Protocol, Share

STUDENT: Final = "student"
"""In place of a teacher's network: the student's own."""


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
    """A teacher to be trained: its network, the subset it sees (None: all of the training set), and how."""

    network: NetworkSpec | Literal["student"]
    subset: Subset | None = None
    method: MethodChoice | None = None
    """The method that it is trained by; on labels alone if None."""
    taught_by: Teachers | None = None
    """For a former student: it is trained as the method itself trains, from these teachers."""


class Teachers(Part):
    """A family of parts: the teachers of a method."""

    described: ClassVar[str] = "its own"
    """Who they are, in a word or two."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """The teachers under a protocol, at the overlap ratio of a cell."""
        raise NotImplementedError


class NoTeachers(Teachers):
    """The student learns from labels alone."""

    described: ClassVar[str] = "none"

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """None at all."""
        return []


class Single(Teachers):
    """One teacher, the protocol's `single_teacher`, on all of the training set."""

    described: ClassVar[str] = "one"

    trained_by: MethodChoice | None = None
    """The method that the teacher is trained by, such as gce; on labels alone if left out."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """The one teacher."""
        return [TeacherSlot(protocol.lone_teacher, None, self.trained_by)]


class FormerStudents(Teachers):
    """A student of the same network, taught by the one before it: the first of them learnt from labels alone."""

    described: ClassVar[str] = "former students"

    generations: PositiveInt = 1
    """How many there were."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """The last of them."""
        before = FormerStudents(generations=self.generations - 1) if self.generations > 1 else None
        return [TeacherSlot(STUDENT, taught_by=before)]


class OnAllData(Teachers):
    """The protocol's teachers, each on all of the training set."""

    described: ClassVar[str] = "all"

    trained_by: MethodChoice | None = None
    """The method that teachers are trained by, such as gce; on labels alone if left out."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """A slot for each of the protocol's networks."""
        return [TeacherSlot(network, None, self.trained_by) for network in protocol.teachers]


class Overlapping(Teachers):
    """The protocol's teachers, each on a subset of the training set that overlaps the others'."""

    described: ClassVar[str] = "all, on subsets"

    ratio: Share | None = None
    """The overlap ratio; the cell's if left out."""
    construction: Literal["core", "core-global", "borrow", "ring"] | None = None
    """How subsets are built; the protocol's way if left out."""
    steps: Literal["by-epochs", "equal"] | None = None
    """Whether teachers take as many epochs as on all of the data, or as many steps; the protocol's way if left out."""
    size: Literal["by-overlap", "fixed"] | None = None
    """Whether subsets grow with their overlap, or have 1/k of the data; the protocol's way if left out."""
    networks: list[NetworkSpec] | None = None
    """Their networks, which may be one and the same; the protocol's if left out."""
    trained_by: MethodChoice | None = None
    """The method that teachers are trained by, such as gce; on labels alone if left out."""

    def slots(self, protocol: Protocol, overlap: float) -> list[TeacherSlot]:
        """A slot for each of the protocol's networks, each with its own subset."""
        construction = self.construction or protocol.construction
        ratio = overlap if self.ratio is None else self.ratio
        size, steps = self.size or protocol.subset_size, self.steps or protocol.subset_steps
        networks = self.networks or protocol.teachers
        count = len(networks)
        return [
            TeacherSlot(
                network,
                Subset(construction, count, ratio, index, size == "fixed", steps == "equal"),
                self.trained_by,
            )
            for index, network in enumerate(networks)
        ]
