"""Looking after a store: what is in it, whether its bytes are whole, and what nobody needs any more."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roskdbench.errors import UserError, nearest
from roskdbench.plan import plan
from roskdbench.registry import Registry
from roskdbench.runs import last_located, planned_again, runs
from roskdbench.store import RECORD, DamagedArtifactError, Store
from roskdbench.suite import find_suite, read_suite

ROOMS = {
    "data": "decoded images of data on disk",
    "partial": "checkpoints of trainings under way",
    "damaged": "what was damaged and set aside",
    "tmp": "drafts of jobs under way",
    "tracking": "files of trackers",
    "runs": "records of runs",
}


@dataclass(frozen=True)
class Kept:
    """An artifact and what made it."""

    fingerprint: str
    kind: str
    label: str
    bytes: int
    seconds: float


def kept(store: Store) -> Iterator[Kept]:
    """Every artifact, in the order of their fingerprints."""
    for fingerprint in store.fingerprints():
        path = store.path(fingerprint)
        try:
            record = json.loads((path / RECORD).read_text("utf-8"))
        except (OSError, ValueError):
            record = {}
        kind, label = str(record.get("kind", "unreadable")), str(record.get("label", ""))
        yield Kept(fingerprint, kind, label, size(path), float(record.get("seconds", 0.0)))


def size(folder: Path) -> int:
    """The bytes of a folder's files; those that other folders hold too count everywhere."""
    return sum((Path(place) / name).lstat().st_size for place, _, names in os.walk(folder) for name in names)


def damaged(store: Store, report: Callable[[float], None] = lambda done: None) -> list[tuple[str, str]]:
    """Every artifact whose bytes are not those that were written, with the reason. They are set aside, so that the next
    run makes them again.
    """
    found, every = [], list(store.fingerprints())
    for number, fingerprint in enumerate(every, 1):
        try:
            store.open(fingerprint)
        except DamagedArtifactError as error:
            found.append((fingerprint, error.reason))
        report(number / len(every))
    return found


def needed(store: Store, names: Iterable[str], registry: Registry) -> set[str]:
    """The artifacts that these runs and suites rest on. A UserError for a name that is neither."""
    by_name, found = runs(store), set[str]()
    for name in names:
        if name in by_name:
            found |= planned_again(by_name[name]).jobs.keys()
            continue
        own = [each for each in by_name if each.rpartition("-")[0] == name]
        for each in own:
            found |= planned_again(by_name[each]).jobs.keys()
        try:
            find_suite(name)
        except UserError:
            if not own:
                raise UserError(f"no run and no suite '{name}'; {nearest(name, by_name)}") from None
            continue
        suite = read_suite(name)
        found |= plan(suite, registry, located=last_located(suite, store)).jobs.keys()
    return found


@dataclass(frozen=True)
class Rubbish:
    """What a collection takes away."""

    artifacts: Sequence[Kept]
    folders: Sequence[Path]
    """Drafts and checkpoints that no job under way owns, what was damaged, and the records of other runs."""

    @property
    def bytes(self) -> int:
        """How much room it takes."""
        return sum(each.bytes for each in self.artifacts) + sum(
            size(each) if each.is_dir() else each.stat().st_size for each in self.folders
        )


def rubbish(store: Store, wanted: set[str], kept_runs: set[str]) -> Rubbish:
    """What neither the wanted artifacts nor a job under way needs."""
    artifacts = [each for each in kept(store) if each.fingerprint not in wanted]
    folders = list((store.root / "damaged").glob("*"))
    for stray in [*(store.root / "tmp").glob("*-*"), *(store.root / "partial").glob("*")]:
        fingerprint = stray.name.partition("-")[0]
        if not _under_way(store, fingerprint) and (stray.parent.name == "tmp" or fingerprint not in wanted):
            folders.append(stray)
    folders += [path for name, path in runs(store).items() if name not in kept_runs]
    return Rubbish(artifacts, folders)


def take_away(store: Store, found: Rubbish) -> None:
    """Delete it. A run that reads an artifact at this moment makes it again."""
    for each in found.artifacts:
        gone = store.root / "tmp" / f"{each.fingerprint}-gone"
        with store.locked(each.fingerprint):
            store.path(each.fingerprint).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    for folder in found.folders:
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            folder.unlink(missing_ok=True)


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
