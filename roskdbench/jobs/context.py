"""What a job is handed while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.artifact import Artifact
from roskdbench.data.problem import Problem
from roskdbench.job import Job
from roskdbench.plugins import Registry, discover
from roskdbench.store import Store


@dataclass
class JobContext:
    """A job under way: its inputs, verified; a folder to fill; the store, for checkpoints."""

    job: Job
    inputs: Mapping[str, Artifact]
    folder: Path
    store: Store
    report: Callable[[float, str], None]
    plugin_folders: tuple[Path, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    """Facts about this run that go into job.json and are no part of the artifact."""

    @property
    def partial(self) -> Path:
        """The folder for checkpoints."""
        return self.store.partial(self.job.fingerprint)

    @property
    def spec(self) -> Mapping[str, Any]:
        """The job's spec."""
        return self.job.spec

    @cached_property
    def registry(self) -> Registry:
        """All that plugins add, found again where the job runs."""
        return discover(self.plugin_folders)

    def problem(self) -> Problem:
        """The problem of the input `pixels`."""
        return Problem.load(self.inputs["pixels"].path)

    def training_part(self) -> NDArray[np.int64]:
        """Indices of the samples that train, from the input `split`."""
        return self.inputs["split"].arrays("split.npz")["train"]

    def numbered(self, role: str) -> list[Artifact]:
        """The inputs `role.0`, `role.1`, … in order."""
        found: list[Artifact] = []
        while (name := f"{role}.{len(found)}") in self.inputs:
            found.append(self.inputs[name])
        return found
