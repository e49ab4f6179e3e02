"""Files of arrays that are pickles: the .pt of torch, in its two forms, and the .npy of a dictionary."""

import io
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.data.pickled_names import MOST_BYTES, Array, RefusedError, array, numbers
from roskdbench.data.pickles import unpickled
from roskdbench.errors import UserError

MAGIC = 0x1950A86A20F9469CFC6C
"""What files of torch before 1.6 begin with; a version, facts of the machine and the content follow, each a pickle."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError),
    *(SyntaxError, tokenize.TokenError),  # the head of an .npy file is a Python dictionary
)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a dictionary by their names, lists of numbers among them; a plain .npy array under the file's own
    name. A UserError for a file that holds something else, or that asks for what could run code.
    """
    data = foreign.bytes_of(path, MOST_BYTES)
    try:
        return _arrays(_content(data), path.stem)
    except RefusedError as error:
        raise UserError(f"{path} {error}; only arrays, dictionaries, texts and numbers are read") from None
    except BROKEN:
        raise UserError(f"{path} is not a whole file of arrays; get it again") from None


def _content(data: bytes) -> Any:
    stream = io.BytesIO(data)
    if data.startswith(b"\x93NUMPY"):
        return _npy(stream)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(stream) as archive:
            return _Archive(archive).content()
    found = unpickled(stream)
    if found == MAGIC:
        for _ in range(3):
            found = unpickled(stream)
    return found


def _npy(stream: io.BytesIO) -> Any:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return unpickled(stream) if dtype.hasobject else array(stream.read(), numbers(dtype.str), shape, fortran)


class _Archive:
    """A file of torch since 1.6: a zip with the pickle data.pkl, and the numbers of each tensor in data/0, data/1 …"""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.left = archive, MOST_BYTES
        self.members: dict[str, bytes] = {}
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise RefusedError("is a zip that torch did not write")
        self.folder = pickles[0].removesuffix("data.pkl")

    def content(self) -> Any:
        """What the pickle makes."""
        return unpickled(io.BytesIO(self.member("data.pkl")), self.tensor)

    def tensor(self, kind: str, key: str) -> tuple[bytes, str]:
        """The bytes of a storage, and how they are to be read."""
        told = f"{self.folder}byteorder" in self.archive.namelist()
        order = ">" if told and self.member("byteorder") == b"big" else "<"
        return self.member(f"data/{key}"), order + kind

    def member(self, name: str) -> bytes:
        """A file of the zip, unpacked once."""
        if name not in self.members:
            self.left -= self.archive.getinfo(self.folder + name).file_size
            if self.left < 0:
                raise RefusedError(f"unpacks to more than {MOST_BYTES >> 20} MB")
            self.members[name] = self.archive.read(self.folder + name)
        return self.members[name]


def _arrays(content: Any, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a dictionary; what else it holds is of no use."""
    whole = _plain(content)
    if isinstance(whole, np.ndarray):
        return {name: whole}
    if not isinstance(whole, dict):
        raise RefusedError("holds neither a dictionary nor an array")
    found = {str(key): _plain(value) for key, value in whole.items()}
    return {key: value for key, value in found.items() if isinstance(value, np.ndarray)}


def _plain(value: Any) -> Any:
    """An array for what stands for one, or for a list of numbers."""
    if isinstance(value, Array):
        return value.value
    if isinstance(value, list) and value and all(type(each) in (int, float, bool) for each in value):
        listed = np.array(value)
        return listed if listed.dtype.kind in "biuf" else value
    return value
