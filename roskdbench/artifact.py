"""One artifact of a store: reading what a job has written, and telling whether its bytes are still those."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import file_digest

CHECKSUMS = "checksums.json"
RECORD = "job.json"
DIVERGED = "diverged.json"
LOST = {errno.ENOENT: f"{CHECKSUMS} is missing", errno.EIO: "the disk does not give its bytes back"}


class DamagedArtifactError(Exception):
    """An artifact whose bytes are not those that were written. It has been set aside; make it again."""

    def __init__(self, artifact_fingerprint: str, reason: str) -> None:
        super().__init__(artifact_fingerprint, reason)
        self.fingerprint, self.reason = artifact_fingerprint, reason

    def __str__(self) -> str:
        return f"artifact {self.fingerprint[:12]} is damaged ({self.reason}); it was set aside"


class Artifact:
    """A complete artifact, read-only, whose checksums were verified when it was opened."""

    def __init__(self, fingerprint: str, path: Path) -> None:
        self.fingerprint, self.path = fingerprint, path

    def file(self, name: str) -> Path:
        """The path of one payload file."""
        return self.path / name

    def json(self, name: str) -> Any:
        """One JSON payload file, parsed."""
        return json.loads((self.path / name).read_text("utf-8"))

    def array(self, name: str) -> NDArray[Any]:
        """One npy payload file, memory-mapped; writes stay in memory and never reach the file."""
        array: NDArray[Any] = np.load(self.path / name, mmap_mode="c", allow_pickle=False)
        return array

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """All arrays of one npz payload file."""
        with np.load(self.path / name, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}

    @property
    def record(self) -> dict[str, Any]:
        """What made the artifact: spec, inputs, environment, seconds, peak memory."""
        record: dict[str, Any] = self.json(RECORD)
        return record


def damage(path: Path) -> str | None:
    """What is wrong with the artifact's files, or None."""
    try:
        listed = json.loads((path / CHECKSUMS).read_bytes())
        there = sizes(path)
        for name, (size, digest) in listed.items():
            if name not in there:
                return f"{name} is missing"
            if there[name] != size:
                return f"{name} is {there[name]} bytes instead of {size}"
            if file_digest(path / name) != digest:
                return f"{name} has other bytes than were written"
    except (ValueError, TypeError, AttributeError):
        return f"{CHECKSUMS} cannot be read"
    except OSError as error:
        if error.errno not in LOST:
            raise
        return LOST[error.errno]
    return None


def sizes(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder."""
    with os.scandir(folder) as files:
        return {file.name: file.stat().st_size for file in files}
