"""Looking after a store: what is in it, whether its bytes are whole, and what nobody needs any more."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roskdbench import foreign
from roskdbench.artifact import RECORD, DamagedArtifactError
from roskdbench.errors import UserError, nearest, refusal
from roskdbench.plan import plan
from roskdbench.plugins import Registry
from roskdbench.runs import is_record, jobs_of, last_located, runs
from roskdbench.store import FINGERPRINT, Store
from roskdbench.suite import find_suite, read_suite

ROOMS = {
    "data": "images being decoded, and notes of those that are",
    "partial": "checkpoints of trainings under way",
    "damaged": "what was damaged and set aside",
    "tmp": "drafts of jobs under way",
    "tracking": "files of trackers",
    "runs": "records of runs",
}


DRAFT = re.compile(r".+\.json\.\d+\.draft")
FORGOTTEN = 3600.0  # seconds after which nobody is still writing a small file
DECODED = "images"  # artifacts that no plan names: they take long to make, and every plan on these data reads them


@dataclass(frozen=True)
class ArtifactInfo:
    """An artifact and what made it."""

    fingerprint: str
    kind: str
    label: str
    bytes: int
    seconds: float


def kept(store: Store) -> Iterator[ArtifactInfo]:
    """Every artifact, in the order of their fingerprints."""
    for fingerprint in store.fingerprints():
        path = store.path(fingerprint)
        try:
            record = foreign.json_of(path / RECORD)
            kind, label, seconds = str(record["kind"]), str(record.get("label", "")), float(record.get("seconds", 0.0))
        except (UserError, ValueError, TypeError, KeyError, AttributeError):
            kind, label, seconds = "unreadable", "", 0.0
        yield ArtifactInfo(fingerprint, kind, label, size(path), seconds)


def size(place: Path) -> int:
    """The bytes of a file, or of a folder's files; those that other folders hold too count everywhere."""
    return _size(str(place))


def _size(place: str) -> int:
    """By plain strings: a store has artifacts by the hundred thousand."""
    found = 0
    try:
        with os.scandir(place) as there:
            for each in there:
                with suppress(FileNotFoundError):  # a job under way may be done with it by now
                    found += _size(each.path) if each.is_dir(follow_symlinks=False) else _bytes(each)
    except NotADirectoryError:
        return os.lstat(place).st_size
    except FileNotFoundError:
        return 0
    return found


def _bytes(entry: os.DirEntry[str]) -> int:
    return entry.stat(follow_symlinks=False).st_size


def damaged(store: Store, report: Callable[[float], None] = lambda done: None) -> list[tuple[str, str]]:
    """Every artifact whose bytes are not those that were written, with what was found. They are set aside, so that the
    next run makes them again; what cannot be read stays where it is.
    """
    found, every = [], list(store.fingerprints())
    for number, fingerprint in enumerate(every, 1):
        try:
            store.open(fingerprint)
        except DamagedArtifactError as error:
            found.append((fingerprint, f"{error.reason}; set aside"))
        except OSError as error:
            found.append((fingerprint, f"cannot be read: {refusal(error)}"))
        report(number / len(every))
    return found


def needed(store: Store, names: Iterable[str], registry: Registry) -> set[str]:
    """The artifacts that these runs and suites rest on. A UserError for a name that is neither."""
    by_name, found = runs(store), set[str]()
    for name in names:
        own = runs_of(store, name, registry)
        for each in own:
            found |= jobs_of(by_name[each])
        if name in by_name:
            continue
        try:
            find_suite(name)
        except UserError:
            if not own:
                raise UserError(f"no run and no suite '{name}'; {nearest(name, by_name)}") from None
            continue
        suite = read_suite(name, (), registry)
        found |= plan(suite, registry, located=last_located(suite, store)).jobs.keys()
    return found


def runs_of(store: Store, name: str, registry: Registry) -> set[str]:
    """The run of this name, or all runs of a suite, which may be named by its file."""
    by_name = runs(store)
    if name in by_name:
        return {name}
    with suppress(UserError):
        name = read_suite(name, (), registry).suite
    return {each for each in by_name if each.rpartition("-")[0] == name}


@dataclass(frozen=True)
class Garbage:
    """What a collection takes away."""

    artifacts: Sequence[ArtifactInfo]
    folders: Sequence[Path]
    """Drafts and checkpoints that no job under way owns, what was damaged, and the records of other runs."""

    @property
    def bytes(self) -> int:
        """How much room it takes."""
        return sum(each.bytes for each in self.artifacts) + sum(map(size, self.folders))


def garbage(store: Store, wanted: set[str], kept_runs: set[str]) -> Garbage:
    """What neither the wanted artifacts nor a job under way needs."""
    artifacts = [
        each
        for each in kept(store)
        if each.fingerprint not in wanted
        and each.kind != DECODED
        and not store.path(each.fingerprint).parent.is_symlink()
    ]
    folders = _written(store, "damaged")
    for stray in [*_written(store, "tmp"), *_written(store, "partial")]:
        fingerprint = stray.name.partition("-")[0]
        serves = stray.parent.name == "partial" and fingerprint in wanted and fingerprint not in store
        if not serves and not _under_way(store, fingerprint):
            folders.append(stray)
    for folder in (each for each in ("runs", "data") if not (store.root / each).is_symlink()):
        drafts = (each for each in (store.root / folder).glob("*.draft") if DRAFT.fullmatch(each.name))
        folders += [draft for draft in drafts if _age(draft) > FORGOTTEN]
    if not (store.root / "runs").is_symlink():
        others = {name: path for name, path in runs(store).items() if name not in kept_runs}
        folders += [path for path in others.values() if is_record(path)]
    return Garbage(artifacts, folders)


def _written(store: Store, folder: str) -> list[Path]:
    """What a store has put into one of its folders: it bears the name of a job. A folder that is a link to somebody's
    other one is left alone.
    """
    if (store.root / folder).is_symlink():
        return []
    return [each for each in (store.root / folder).glob("*") if FINGERPRINT.fullmatch(each.name.partition("-")[0])]


def take_away(store: Store, found: Garbage) -> None:
    """Delete it. A run that reads an artifact at this moment makes it again."""
    for each in found.artifacts:
        gone = store.root / "tmp" / f"{each.fingerprint}-gone"
        with store.locked(each.fingerprint), suppress(FileNotFoundError):  # another collection was first
            store.path(each.fingerprint).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    for folder in found.folders:
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            folder.unlink(missing_ok=True)
    store.sweep(store.locks())


def _age(path: Path) -> float:
    """Seconds since it was written."""
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _under_way(store: Store, fingerprint: str) -> bool:
    """Whether some process holds the job's lock."""
    try:
        with (store.root / "locks" / fingerprint).open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
