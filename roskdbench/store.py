"""The content-addressed store: one directory per artifact, complete or not there at all.

`store/ab/cdef…/` holds a job's payload, `job.json` (what made it) and `checksums.json` (written last). A directory
appears by one atomic rename, so a kill at any moment leaves either nothing or everything, and two runs may share
a store. Payloads are safetensors, npy, npz and json: nothing read from a store can run code.
"""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from safetensors import SafetensorError

from roskdbench import foreign
from roskdbench.artifact import CHECKSUMS, DIVERGED, RECORD, Artifact, DamagedArtifactError, checksums, damage, sizes
from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import canonical_json, file_digest

Read = TypeVar("Read")
MARK = "roskdbench-store.json"
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
LAYOUT = ("tmp", "partial", "locks", "runs", "data")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
FULL_IN_WORDS = re.compile(r"No space left|\d+ requested and \d+ written")  # safetensors, numpy
NO_ROOM = 1 << 16  # bytes free on a disk that counts as full


def refuse_other_folders(root: Path) -> None:
    """A UserError for a folder with something in it that is not marked as a store.

    Seen by one look at the whole folder: another run may be making it a store meanwhile, and writes the mark first.
    """
    there = {each.name for each in root.iterdir()} if root.is_dir() else set()
    if there and not (MARK in there and (root / MARK).is_file()):
        older = f"; if an older version made it, put an empty file {MARK} into it" if _looks_like_a_store(there) else ""
        named = "name a new or empty folder with --store DIR"
        raise UserError(f"{root} holds other things and is no store of roskdbench: {named}{older}")


def _looks_like_a_store(names: set[str]) -> bool:
    return {"runs", "tmp", "locks"} <= names and any(re.fullmatch("[0-9a-f]{2}", each) for each in names)


class StoreFullError(UserError):
    """The store cannot take more; nothing half-written is left."""


class Store:
    """The artifacts under one folder. Cheap to make; safe to make in every worker."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[str] = set()

    @classmethod
    def at(cls, root: Path) -> "Store":
        """The store under `root`, made if need be; a UserError if it cannot be written or is another folder."""
        try:
            refuse_other_folders(root)
            root.mkdir(parents=True, exist_ok=True)
            if not (root / MARK).exists():
                (root / MARK).write_text('{"store":"roskdbench"}', "utf-8")
            for folder in LAYOUT:
                (root / folder).mkdir(exist_ok=True)
            probe = root / "tmp" / f"probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)  # another run's collection may have been faster
        except OSError as error:
            reason = refusal(error)
            raise UserError(f"cannot write to the store {root}: {reason}; name another with --store DIR") from None
        store = cls(root)
        store.sweep(each for each in store.locks() if each in store)  # no job will take these again
        return store

    def path(self, fingerprint: str) -> Path:
        """Where the artifact is, or would be."""
        return self.root / f"{fingerprint[:2]}/{fingerprint[2:]}"

    def __contains__(self, fingerprint: str) -> bool:
        """Whether the artifact is there with every file at its full size (cheap; `open` also checks the bytes)."""
        path = self.path(fingerprint)
        try:
            listed, there = checksums(path), sizes(path)
            return all(there.get(name) == size for name, (size, _) in listed.items())
        except (OSError, ValueError, TypeError, AttributeError):
            return False

    def fingerprints(self) -> Iterator[str]:
        """Of all artifacts that there are, whole or not, in order."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            if folder.is_dir():
                names = (folder.name + each.name for each in sorted(folder.iterdir()))
                yield from (name for name in names if FINGERPRINT.fullmatch(name))

    def open(self, fingerprint: str) -> Artifact:
        """The artifact, its bytes verified once per process; if they differ, it is set aside: DamagedArtifactError."""
        path = self.path(fingerprint)
        if fingerprint not in self._verified or not path.is_dir():
            reason = damage(path, fingerprint)
            if reason:
                self.set_aside(fingerprint)
                raise DamagedArtifactError(fingerprint, reason)
            self._verified.add(fingerprint)
        return Artifact(fingerprint, path)

    def read(self, fingerprint: str, name: str, reader: "Callable[[Path], Read]") -> "Read":
        """What `reader` makes of one file of the artifact. If it cannot, no job of ours wrote that file, whatever its
        checksum says: the artifact is set aside, and DamagedArtifactError raised.
        """
        path = self.open(fingerprint).file(name)
        try:
            with foreign.reading(name):
                return reader(path)
        except UserError as error:
            self.set_aside(fingerprint)
            raise DamagedArtifactError(fingerprint, str(error).replace(str(path), name)) from None

    def diverged(self, fingerprint: str) -> str | None:
        """Why the training that made this artifact was ended, or None if it went well."""
        path = self.path(fingerprint) / DIVERGED
        try:
            return str(json.loads(path.read_text("utf-8"))["reason"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            self.set_aside(fingerprint)
            return None

    def keep(self, name: str, text: str) -> Path:
        """Write a small file of the store, such as runs/….json, as a whole or not at all."""
        path = self.root / name
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        with self.room():
            draft.write_text(text, "utf-8")
            draft.replace(path)
        return path

    def set_aside(self, fingerprint: str) -> None:
        """Move whatever stands at the artifact's place to `damaged/`, so that it is made again."""
        source = self.path(fingerprint)
        if not source.exists():
            return
        aside = self.root / "damaged"
        aside.mkdir(exist_ok=True)
        number = next(each for each in count() if not (aside / f"{fingerprint}-{each}").exists())
        source.rename(aside / f"{fingerprint}-{number}")
        self._verified.discard(fingerprint)

    @contextmanager
    def writing(self, fingerprint: str, record: Mapping[str, Any]) -> Iterator[Path]:
        """A folder to fill with payload files. It becomes the artifact when the block ends without an error.

        `record` is written to job.json at the end, so the block may still add to it (seconds, memory).
        """
        self.drop_draft(fingerprint, os.getpid())
        draft = self._draft(fingerprint, os.getpid())
        draft.mkdir(parents=True)
        try:
            with self.room():
                yield draft
                (draft / RECORD).write_text(canonical_json(record), "utf-8")
                self._seal(draft)
                self._publish(draft, fingerprint)
        finally:
            self.drop_draft(fingerprint, os.getpid())

    def _draft(self, fingerprint: str, process: int) -> Path:
        return self.root / "tmp" / f"{fingerprint}-{process}"

    def drop_draft(self, fingerprint: str, process: int) -> None:
        """Remove what a process had begun to write."""
        shutil.rmtree(self._draft(fingerprint, process), ignore_errors=True)

    @contextmanager
    def room(self) -> Iterator[None]:
        """The block writes into the store: an error for want of space becomes a StoreFullError."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            if self._is_full(error):
                raise StoreFullError(f"the store {self.root} cannot take more; make room and run again") from error
            raise

    def _is_full(self, error: Exception) -> bool:
        """Whether there was no room. Not every library passes the system's reason on: some tell it in words, and for
        the rest the disk is asked, though somebody may have made room by now.
        """
        if getattr(error, "errno", None) in FULL or FULL_IN_WORDS.search(str(error)):
            return True
        return shutil.disk_usage(self.root).free < NO_ROOM

    def _seal(self, draft: Path) -> None:
        sums = {file.name: (file.stat().st_size, file_digest(file)) for file in sorted(draft.iterdir())}
        for name in sums:
            _flush(draft / name)
        (draft / CHECKSUMS).write_text(canonical_json(sums), "utf-8")
        usual = (draft / CHECKSUMS).stat().st_mode
        for name in sums:
            (draft / name).chmod(usual)  # some libraries let nobody else read what they write
        _flush(draft / CHECKSUMS)
        _flush(draft)

    def _publish(self, draft: Path, fingerprint: str) -> None:
        target = self.path(fingerprint)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and fingerprint not in self:
            self.set_aside(fingerprint)
        try:
            draft.rename(target)
        except OSError:
            if fingerprint not in self:  # another run published the same bytes first: theirs serve
                raise
        _flush(target.parent)
        shutil.rmtree(self.partial(fingerprint), ignore_errors=True)

    def partial(self, fingerprint: str) -> Path:
        """The folder for checkpoints of a job under way; it goes when the artifact is published."""
        return self.root / "partial" / fingerprint

    @contextmanager
    def locked(self, fingerprint: str) -> Iterator[None]:
        """Hold the job against other processes on this machine; the lock of a dead holder frees itself.

        Whoever holds the lock owns the job's drafts and its checkpoint, so what a killed process left is swept here.
        """
        path = self._lock(fingerprint)
        while True:
            with self.room(), path.open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if not _same_file(handle.fileno(), path):
                    continue  # the holder before us has removed the file we waited on
                with self._holding(fingerprint):
                    yield
                return

    def locks(self) -> list[str]:
        """The jobs that some process has locked; it may have died since."""
        return [path.name for path in (self.root / "locks").iterdir()]

    def sweep(self, fingerprints: Iterable[str]) -> None:
        """Remove what dead holders left of these jobs: lock, drafts, checkpoints of what is complete."""
        for fingerprint in fingerprints:
            path = self._lock(fingerprint)
            with suppress(OSError), path.open("r+") as handle:  # gone, held by the living, or another user's
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(handle.fileno(), path):
                    with self._holding(fingerprint):
                        pass

    def _lock(self, fingerprint: str) -> Path:
        return self.root / "locks" / fingerprint

    @contextmanager
    def _holding(self, fingerprint: str) -> Iterator[None]:
        for stray in (self.root / "tmp").glob(f"{fingerprint}-*"):
            shutil.rmtree(stray, ignore_errors=True)
        if fingerprint in self:
            shutil.rmtree(self.partial(fingerprint), ignore_errors=True)
        try:
            yield
        finally:
            self._lock(fingerprint).unlink(missing_ok=True)


def reserve(file: BinaryIO, size: int) -> None:
    """Give an open file its full size on the disk, so that a full disk is an error here and not half-way."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _flush(path: Path) -> None:
    """Ask the system to put a file's or folder's bytes on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
