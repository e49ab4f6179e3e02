"""A job: a pure function of its spec, its inputs and the code it runs; its fingerprint names its artifact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from roskdbench.fingerprint import fingerprint


@dataclass(frozen=True)
class Kind:
    """What a kind of job says of itself, as KIND in its own file."""

    revision: int
    """Raised by one when it computes something else than before: old artifacts then no longer serve."""
    trains: bool = False
    """Whether a network is trained."""
    uses_gpu: bool = False
    runs_locally: bool = False
    """Whether it takes seconds at most: too short to be sent to another machine."""


@cache
def kind_of(name: str) -> Kind:
    """What the kind says of itself."""
    kind: Kind = import_module(f"roskdbench.jobs.{name}").KIND
    return kind


def group_of(kind: str, spec: Mapping[str, Any]) -> str:
    """What a job is listed under: its kind, or the measure that it takes."""
    measure = spec.get("measure")
    return str(measure["measure"]) if isinstance(measure, Mapping) else kind


@dataclass(frozen=True, eq=False)
class Job:
    """One unit of work. What it computes follows from `kind`, `spec`, `inputs` and `code` alone; the rest says what to
    call it, what it costs, and where files are whose content the spec names.
    """

    kind: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)  # role -> fingerprint
    code: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    """What a progress line calls it."""
    cost: float = 1.0
    """An estimate, in image passes of a ResNet-18 at its size."""
    pass_cost: float = 0.0
    """Of a pass of an image through the network that it makes, against a ResNet-18's."""
    network: str = ""
    """What its speed is known by."""
    locations: Mapping[str, str] = field(default_factory=dict)
    """Where it finds what its spec says: a folder of data, a file, the name that a method is registered under."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the job is."""
        return {
            "kind": self.kind,
            "revision": kind_of(self.kind).revision,
            "spec": self.spec,
            "inputs": self.inputs,
            "code": self.code,
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what the job is."""
        return fingerprint(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def trains(self) -> bool:
        """Whether a network is trained."""
        return kind_of(self.kind).trains

    @property
    def group(self) -> str:
        """What it is listed under."""
        return group_of(self.kind, self.spec)
