"""A job: a pure function of its spec, its inputs and the code it runs; its fingerprint names its artifact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from roskdbench.fingerprint import fingerprint

# Every kind of job, in the order of the work. A number is raised by one when a kind computes something else than
# before: old artifacts then no longer serve.
REVISIONS = {
    "pixels": 1,
    "split": 1,
    "features": 1,
    "labels": 2,
    "subsets": 1,
    "form": 2,
    "teacher": 2,
    "bank": 1,
    "trajectory": 2,
    "model_file": 1,
    "predictions": 1,
    "ensemble": 1,
    "memorisation": 1,
    "attacks": 3,
    "calibration": 1,
    "landscape": 1,
    "scores": 5,
}

TRAININGS = ("teacher", "trajectory")


@dataclass(frozen=True)
class Job:
    """One unit of work. `hints` help to run or show it and are no part of what it is."""

    kind: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)  # role -> fingerprint
    code: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what the job is."""
        return fingerprint(
            {
                "kind": self.kind,
                "revision": REVISIONS[self.kind],
                "spec": self.spec,
                "inputs": self.inputs,
                "code": self.code,
            }
        )

    @property
    def label(self) -> str:
        """What a progress line calls it."""
        return str(self.hints.get("label", self.kind))

    @property
    def work(self) -> float:
        """An estimate of its cost, in image passes of a ResNet-18 at its size."""
        return float(self.hints.get("work", 1.0))
