"""The npz files of MedMNIST: images and labels of three parts. Pixels are read as a stream, never all at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.data.catalogue import Loaded, stamp
from roskdbench.data.decoding import Decoder
from roskdbench.data.problem import TEST, TRAIN, VALIDATION
from roskdbench.errors import UserError

PARTS = {"train": TRAIN, "val": VALIDATION, "test": TEST}
MOST_CLASSES = 1000


class NpzImages:
    """The images of the three parts, read in order."""

    def __init__(self, path: Path, names: list[str], counts: list[int]) -> None:
        self.path, self.names, self.counts = path, names, counts
        self._position, self._stream = 0, self._rows()

    def __len__(self) -> int:
        return len(self.names)

    def stamps(self) -> NDArray[np.int64]:
        """The file's, for every image."""
        return np.tile(np.array(stamp(self.path), np.int64), (len(self), 1))

    def load(self, start: int, stop: int, decoder: Decoder, pool: ThreadPoolExecutor) -> Iterator[Loaded]:
        """Goes on in the file where the last call ended; goes back to its beginning where it must."""
        if start < self._position:
            self._position, self._stream = 0, self._rows()
        while self._position < start:
            next(self._stream)
            self._position += 1
        images = [next(self._stream) for _ in range(start, stop)]
        self._position = stop
        return pool.map(decoder.row, images)

    def _rows(self) -> Iterator[NDArray[np.uint8]]:
        with foreign.archive(self.path) as archive:
            for part in PARTS:
                info = archive.getinfo(f"{part}_images.npy")
                with archive.open(info) as member:
                    shape = _shape(member, self.path, part, info.file_size)
                    size = int(np.prod(shape[1:]))
                    for _ in range(shape[0]):
                        row = np.frombuffer(member.read(size), np.uint8)
                        if len(row) < size:
                            raise EOFError
                        yield row.reshape(shape[1:3] if shape[3:] == (1,) else shape[1:])


def shape_of(path: Path, part: str) -> tuple[int, ...]:
    """The shape of a part's images, [N, H, W] or [N, H, W, channels], read from the head of the array."""
    with foreign.archive(path) as archive:
        if f"{part}_images.npy" not in archive.namelist():
            raise UserError(f"{path} has no {part}_images; it is not a MedMNIST file")
        info = archive.getinfo(f"{part}_images.npy")
        with archive.open(info) as member:
            return _shape(member, path, part, info.file_size)


def _shape(member: IO[bytes], path: Path, part: str, size: int) -> tuple[int, ...]:
    """The shape of an array of images, [N, H, W] or [N, H, W, channels] of uint8; anything else is refused."""
    head = foreign.head_of(member, f"{path}: {part}_images", size)
    shape, dtype = head.shape, head.dtype
    if dtype != np.uint8 or head.fortran or len(shape) not in (3, 4):
        raise UserError(f"{path}: {part}_images is {dtype} {list(shape)}; it should be uint8 [N, H, W] or [N, H, W, 3]")
    return shape


def labels_of(path: Path, counts: list[int]) -> NDArray[np.int64]:
    """Labels of all parts, [N, 1] or [N, C]."""
    found = []
    for part, rows in zip(PARTS, counts, strict=True):
        with foreign.archive(path) as archive:
            if f"{part}_labels.npy" not in archive.namelist():
                raise UserError(f"{path} has no {part}_labels; it is not a MedMNIST file")
            labels = foreign.array_in(archive, f"{part}_labels", path)
        if labels.ndim == 1:
            labels = labels[:, None]
        if labels.ndim != 2 or len(labels) != rows or labels.shape[1] == 0 or labels.dtype.kind not in "iub":
            shape = f"{labels.dtype} {list(labels.shape)}"
            raise UserError(f"{path}: {part}_labels is {shape}; it should be whole numbers [{rows}, 1] or [{rows}, C]")
        found.append(labels.astype(np.int64))
    if len({labels.shape[1] for labels in found}) > 1:
        raise UserError(f"{path}: the labels of its parts differ in their number of columns")
    labels = np.concatenate(found)
    if not len(labels):
        raise UserError(f"{path} has no images")
    largest = 1 if labels.shape[1] > 1 else MOST_CLASSES - 1
    wrong = labels[(labels < 0) | (labels > largest)]
    if len(wrong):
        raise UserError(f"{path}: a label is {wrong[0]}; they go from 0 to {largest}")
    return labels
