"""Images in files of records of one length, as CIFAR's binary version has them: some bytes of labels, then the pixels
of each colour, row by row.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import Loaded, stamp
from roskdbench.data.decoding import Decoder
from roskdbench.errors import UserError

Shape = tuple[int, int, int]
"""Colours, height and width."""


class RecordImages:
    """The images of several files, one after another. Files are mapped into memory, and not read before they are asked
    for. A UserError for a file that is not a whole number of records.
    """

    def __init__(self, paths: list[Path], label_bytes: int, shape: Shape) -> None:
        self.paths, self.label_bytes, self.shape = paths, label_bytes, shape
        length = label_bytes + int(np.prod(shape))
        self.records: list[NDArray[np.uint8]] = []
        for path in paths:
            size = path.stat().st_size
            if size == 0 or size % length:
                raise UserError(f"{path} is not a whole file: {size:,} bytes, in records of {length:,}; get it again")
            self.records.append(np.memmap(path, np.uint8, mode="r", shape=(size // length, length)))
        self.ends = np.cumsum([len(each) for each in self.records])

    def __len__(self) -> int:
        return int(self.ends[-1])

    @cached_property
    def names(self) -> list[str]:
        """The file and the place in it."""
        return [
            f"{path.stem}-{number}"
            for path, records in zip(self.paths, self.records, strict=True)
            for number in range(len(records))
        ]

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The bytes before each image. [N, L]"""
        return np.concatenate([np.asarray(each[:, : self.label_bytes]) for each in self.records])

    def stamps(self) -> NDArray[np.int64]:
        """The file's, for every image in it."""
        return np.concatenate(
            [
                np.tile(np.array(stamp(path), np.int64), (len(records), 1))
                for path, records in zip(self.paths, self.records, strict=True)
            ]
        )

    def load(self, start: int, stop: int, decoder: Decoder, pool: ThreadPoolExecutor) -> Iterator[Loaded]:
        """The images from `start` to `stop`."""
        return pool.map(decoder.row, [self._pixels(row) for row in range(start, stop)])

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        """[H, W, C], or [H, W] where there is one colour."""
        file = int(np.searchsorted(self.ends, row, side="right"))
        record = self.records[file][row - self.ends[file]]
        image = np.ascontiguousarray(record[self.label_bytes :].reshape(self.shape).transpose(1, 2, 0))
        return image[:, :, 0] if self.shape[0] == 1 else image
