"""One artifact of a store: reading what a job has written, and telling whether its bytes are still those."""

import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.fingerprint import file_digest, fingerprint

IDENTITY = ("kind", "revision", "spec", "inputs", "code")
"""What of a record the artifact's name is made from."""
CHECKSUMS = "checksums.json"
RECORD = "job.json"
NOT_PRETRAINED = "not pretrained"  # in a record: the layers that did not fit the file a network began with
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
        return foreign.json_of(self.path / name)

    def array(self, name: str) -> NDArray[Any]:
        """One npy payload file, memory-mapped; writes stay in memory and never reach the file."""
        array: NDArray[Any] = np.load(self.path / name, mmap_mode="c", allow_pickle=False)
        return array

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """All arrays of one npz payload file."""
        return foreign.arrays_of(self.path / name)

    @property
    def record(self) -> dict[str, Any]:
        """What made the artifact: spec, inputs, environment, seconds, peak memory."""
        record: dict[str, Any] = self.json(RECORD)
        return record


def damage(path: Path, name: str) -> str | None:
    """What is wrong with the files of the artifact of that name, or None. Its record must give its name again: another
    artifact that was put in its place is whole in itself.
    """
    try:
        listed = checksums(path)
        if reason := _other_bytes(path, listed):
            return reason
        return None if _gives(json.loads((path / RECORD).read_bytes()), name) else "it is another job's"
    except (ValueError, TypeError, AttributeError, RecursionError):
        return f"{CHECKSUMS} or {RECORD} cannot be read"
    except OSError as error:
        if error.errno not in LOST:
            raise
        return LOST[error.errno]


def checksums(path: Path) -> Any:
    """What the artifact's list of files says. A pipe or a device in its place is not waited for."""
    file = path / CHECKSUMS
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError(f"{CHECKSUMS} is no regular file")
    return json.loads(file.read_bytes())


def _other_bytes(path: Path, listed: Mapping[str, tuple[int, str]]) -> str | None:
    """Which file is not as it was written, or was added; None if all are."""
    there = sizes(path)
    for file, (size, digest) in listed.items():
        if there.get(file) != size:
            return f"{file} is {there[file]} bytes instead of {size}" if file in there else f"{file} is missing"
        if file_digest(path / file) != digest:
            return f"{file} has other bytes than were written"
    strange = there.keys() - listed.keys() - {CHECKSUMS}
    return f"{min(strange)} was added to it" if strange else None


def _gives(record: dict[str, Any], name: str) -> bool:
    """Whether a record is of the job of that name."""
    identity = {key: record[key] for key in IDENTITY if key in record}
    revisions = [identity["revision"]] if "revision" in identity else range(1, 10)  # records did not always say it
    return any(fingerprint({**identity, "revision": each}) == name for each in revisions)


def sizes(folder: Path) -> dict[str, int]:
    """The bytes of each regular file in a folder."""
    with os.scandir(folder) as files:
        return {file.name: file.stat().st_size for file in files if file.is_file()}
