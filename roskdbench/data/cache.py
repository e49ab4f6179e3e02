"""The pixel cache: every image decoded once, brought to its size, and kept as one uint8 array in the store.

Decoding goes in chunks. A chunk's pixels are on the disk before its entry in the journal is, so that after a kill, or a
power cut, whole chunks are found again (their checksums are compared) and only the others are decoded once more. The
array is named by the digests of the images' files: the same images in another folder are the same array, and an image
that is in some array already is read, but not decoded again.
"""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from roskdbench.artifact import DamagedArtifactError
from roskdbench.data.catalogue import Images
from roskdbench.data.decoding import Decoder, PixelForm, without_warnings
from roskdbench.data.problem import IMAGES
from roskdbench.fingerprint import canonical_json, fingerprint
from roskdbench.store import Store, reserve

DIGESTS = "digests.npy"
DECODING = 1  # raised by one when the same file gives other pixels than before
CHUNK = 256  # images, or as many as fit in CHUNK_BYTES
CHUNK_BYTES = 64 << 20
ENTRY = {"stamps", "pixels", "digests", "unreadable"}

Report = Callable[[int, int], None]
"""Takes how many images are done, and how many of those were found from before."""


@dataclass(frozen=True)
class CachedImages:
    """The array in the store, and the images that are not in it."""

    fingerprint: str
    unreadable: dict[int, str]
    """The row of each image that could not be read, with the reason."""


class UnreadableImagesError(Exception):
    """More images than are allowed could not be read: their rows and the reasons. The others are kept for next time."""

    def __init__(self, unreadable: dict[int, str]) -> None:
        super().__init__(f"{len(unreadable)} unreadable images")
        self.unreadable = unreadable


def find_cached(images: Images, form: PixelForm, store: Store) -> CachedImages | None:
    """The array of these very files, if it is in the store."""
    return _noted(_note(images.names, images.stamps(), form), store)


def cached_images(
    images: Images,
    form: PixelForm,
    store: Store,
    workers: int,
    allowed: float = 0.0,
    report: Report = lambda done, found: None,
) -> CachedImages:
    """The array of these images, decoded by so many threads where it is not in the store yet.

    If more than the allowed share cannot be read, UnreadableImagesError; a file that was mended is read again.
    """
    key = fingerprint(["images", DECODING, form.facts, images.names])
    with store.locked(key):
        draft = _Draft(store.partial(key), images, form)
        note = _note(images.names, draft.stamps, form)
        found = _noted(note, store)
        if found is not None:
            shutil.rmtree(draft.folder, ignore_errors=True)  # of a process that was killed before it could
            return _allowed(found, allowed, images)
        decoder = Decoder(form, _decoded_before(form, store))
        with store.room(), draft.opened() as array, without_warnings(), ThreadPoolExecutor(workers) as pool:
            for done, before in draft.fill(array, pool, decoder):
                report(done, before)
        unreadable = draft.unreadable()
        _allowed(CachedImages("", unreadable), allowed, images)
        cached = CachedImages(_publish(draft, store, unreadable), unreadable)
        facts = {"artifact": cached.fingerprint, "unreadable": {str(row): why for row, why in unreadable.items()}}
        store.keep(note, canonical_json(facts))
        shutil.rmtree(draft.folder, ignore_errors=True)
    return cached


def _allowed(cached: CachedImages, share: float, images: Images) -> CachedImages:
    if len(cached.unreadable) > share * len(images):
        raise UnreadableImagesError(cached.unreadable)
    return cached


def _note(names: list[str], stamps: NDArray[np.int64], form: PixelForm) -> str:
    """Where it is noted which array these files, as they are now, have become."""
    key = fingerprint(["images", DECODING, form.facts, names, sha256(stamps.tobytes()).hexdigest()])
    return f"data/{key}.json"


def _noted(note: str, store: Store) -> CachedImages | None:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        facts = json.loads((store.root / note).read_text("utf-8"))
        if facts["artifact"] in store:
            unreadable = {int(row): str(reason) for row, reason in facts["unreadable"].items()}
            return CachedImages(facts["artifact"], unreadable)
    return None


class _Draft:
    """The array while it is filled, and its journal: one file a chunk."""

    def __init__(self, folder: Path, images: Images, form: PixelForm) -> None:
        self.folder, self.images, self.form = folder, images, form
        self.shape = (len(images), form.channels, form.size, form.size)
        self.row_bytes = form.channels * form.size * form.size
        self.stamps = images.stamps()
        step = max(1, min(CHUNK, CHUNK_BYTES // self.row_bytes))
        self.chunks = [(start, min(start + step, len(images))) for start in range(0, len(images), step)]
        self._header = 0

    def opened(self) -> BinaryIO:
        """The file of the array, at its full size, so that a full disk is met now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / IMAGES
        if path.exists() and path.stat().st_nlink > 1:  # published, and the process killed before it could tidy up
            shutil.copyfile(path, path.with_suffix(".own"))
            path.with_suffix(".own").replace(path)
        file = path.open("r+b" if path.exists() else "w+b")
        file.write(header(self.shape))
        self._header = file.tell()
        reserve(file, self._header + len(self.images) * self.row_bytes)
        return file

    def fill(self, file: BinaryIO, pool: ThreadPoolExecutor, decoder: Decoder) -> Iterator[tuple[int, int]]:
        """Decode what is not there; after each chunk, how many images are done and how many were found."""
        found = 0
        for start, stop in self.chunks:
            if self._is_whole(file, start, stop):
                found += stop - start
            else:
                self._decode(file, start, stop, pool, decoder)
            yield stop, found

    def digests(self) -> list[str | None]:
        """The digest of each image's file; None for those that cannot be read."""
        return [digest for start, _ in self.chunks for digest in (self._entry(start) or {})["digests"]]

    def unreadable(self) -> dict[int, str]:
        """The reason for each of those."""
        return {
            int(row): reason
            for start, _ in self.chunks
            for row, reason in (self._entry(start) or {})["unreadable"].items()
        }

    def _decode(self, file: BinaryIO, start: int, stop: int, pool: ThreadPoolExecutor, decoder: Decoder) -> None:
        pixels = np.zeros((stop - start, *self.shape[1:]), np.uint8)
        digests: list[str | None] = []
        unreadable: dict[str, str] = {}
        for row, (print_of_file, image) in enumerate(self.images.load(start, stop, decoder, pool)):
            if isinstance(image, str):
                unreadable[str(start + row)] = image
                digests.append(None)
            else:
                pixels[row] = image
                digests.append(print_of_file.hex())
        file.seek(self._header + start * self.row_bytes)
        file.write(pixels.data)
        file.flush()
        os.fsync(file.fileno())
        entry = {
            "stamps": self._stamps(start, stop),
            "pixels": sha256(pixels.data).hexdigest(),
            "digests": digests,
            "unreadable": unreadable,
        }
        draft = self._place(start).with_suffix(".draft")
        draft.write_text(canonical_json(entry), "utf-8")
        draft.replace(self._place(start))

    def _is_whole(self, file: BinaryIO, start: int, stop: int) -> bool:
        """Whether a chunk was decoded from the files as they are now, all of it, and its bytes are still the same."""
        entry = self._entry(start)
        if entry is None or entry["unreadable"] or entry["stamps"] != self._stamps(start, stop):
            return False
        file.seek(self._header + start * self.row_bytes)
        return bool(sha256(file.read((stop - start) * self.row_bytes)).hexdigest() == entry["pixels"])

    def _stamps(self, start: int, stop: int) -> str:
        return sha256(self.stamps[start:stop].tobytes()).hexdigest()

    def _place(self, start: int) -> Path:
        return self.folder / f"chunk-{start:08}.json"

    def _entry(self, start: int) -> dict[str, Any] | None:
        try:
            entry: dict[str, Any] = json.loads(self._place(start).read_text("utf-8"))
            return entry if entry.keys() >= ENTRY else None
        except (OSError, ValueError, AttributeError):
            return None


def _publish(draft: _Draft, store: Store, unreadable: dict[int, str]) -> str:
    digests = [digest for digest in draft.digests() if digest is not None]
    spec = {"form": draft.form.facts, "files": fingerprint(digests), "count": len(digests)}
    identity = {"kind": "images", "revision": DECODING, "spec": spec}
    mark = fingerprint(identity)
    if mark not in store:
        with store.room():
            source = _without(draft, unreadable) if unreadable else draft.folder / IMAGES
        record = {**identity, "label": f"{len(digests)} images"}
        with store.locked(mark), store.writing(mark, record) as folder:
            link_or_copy(source, folder / IMAGES)
            np.save(folder / DIGESTS, _as_bytes(digests), allow_pickle=False)
    store.keep(f"data/{_arrays(draft.form)}-{mark}", "")
    return mark


def _decoded_before(form: PixelForm, store: Store) -> Callable[[bytes], NDArray[np.uint8] | None]:
    """Where to find the pixels of an image, by the digest of its file, in the arrays of this form."""
    found: dict[bytes, tuple[NDArray[np.uint8], int]] = {}
    for path in sorted((store.root / "data").glob(f"{_arrays(form)}-*")):
        mark = path.name.rpartition("-")[2]
        with suppress(OSError, ValueError, DamagedArtifactError):
            if mark in store:
                artifact = store.open(mark)
                array = artifact.array(IMAGES)
                for row, digest in enumerate(np.load(artifact.file(DIGESTS), allow_pickle=False)):
                    found[digest.tobytes()] = (array, row)

    def known(digest: bytes) -> NDArray[np.uint8] | None:
        array, row = found.get(digest, (None, 0))
        return None if array is None else np.array(array[row])

    return known


def _arrays(form: PixelForm) -> str:
    return f"arrays-{fingerprint([DECODING, form.facts])[:16]}"


def _without(draft: _Draft, unreadable: dict[int, str]) -> Path:
    """The array again, without the rows of images that cannot be read."""
    kept = np.array([row not in unreadable for row in range(len(draft.images))])
    path = draft.folder / "kept.npy"
    array = np.load(draft.folder / IMAGES, mmap_mode="r", allow_pickle=False)
    with path.open("wb") as file:
        file.write(header((int(kept.sum()), *draft.shape[1:])))
        for start, stop in draft.chunks:
            file.write(np.ascontiguousarray(array[start:stop][kept[start:stop]]).data)
    return path


def _as_bytes(digests: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(len(digests), 32)


def header(shape: tuple[int, ...]) -> bytes:
    """What stands before the pixels in an npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def link_or_copy(source: Path, target: Path) -> None:
    """The same bytes under another name, without a second copy where the file system allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
