"""Reading what somebody else may have written: suites, label files, boards, weights, records of a store.

Only regular files are read, as far as a bound goes, and whatever goes wrong is a UserError of one line that names the
file. All bounds on files stand here.
"""

import gzip
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Any

from roskdbench.errors import UserError, refusal, text_objection

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUITE = 256 << 10
"""Bytes of a suite file: the longest bundled one has six thousand."""
SUITES = 50
"""Files that a suite is made of, each as often as it is extended."""
VALUES = 50_000
"""Of a suite, once everything that its file repeats by reference is written out."""
BRACKETS = 200
"""That are open at once in a suite."""
LETTERS = 2_000
"""Of a text in a suite."""
LABELS = 400 << 20
"""Bytes of a label file, unpacked: MIMIC's largest has a hundred million."""
IMAGE = 512 << 20
"""Bytes of an image file."""
RECORD = 256 << 20
"""Bytes of a JSON file."""
ROWS = 100 << 20
"""Bytes of a board's rows."""
HEADER = 16 << 20
"""Bytes of the head of a file of weights."""
ARRAYS = 1 << 30
"""Bytes that the arrays of an npz come to, where all of them are read at once."""
LARGEST = 2**53
"""Numbers of a suite are smaller: whole ones beyond are not told apart by everybody."""
LONGEST_PATH = 4_096

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error)
PIECE = 1 << 20  # bytes that are unpacked at a time
ENCRYPTED = 1  # of a zip member's flags
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """The block reads a file: an error of the system, or of whoever takes its bytes apart, becomes a sentence."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {refusal(error)}") from None
    except UnicodeError:
        raise UserError(f"{path} is not text in UTF-8") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deep") from None
    except MemoryError:
        raise UserError(f"{path} asks for more memory than there is") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ArithmeticError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def regular(path: Path) -> int:
    """The bytes of a file; a UserError for what is none: a folder, a pipe, a device."""
    with reading(path):
        if len(str(path)) > LONGEST_PATH or "\0" in str(path):
            raise UserError("the path of a file is too long, or has a zero byte in it")
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'no regular file'}")
    return found.st_size


def at_home(path: Path) -> Path:
    """The path with a home folder in the place of its ~; a UserError for the home of nobody."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no such user's home folder") from None


def is_file(path: Path) -> bool:
    """Whether there is something to read at a path: a pipe or a device counts, so that reading it says why not."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def bytes_of(path: Path, at_most: int) -> bytes:
    """A file's bytes; one that ends in .gz is unpacked."""
    if regular(path) > at_most:
        raise UserError(f"{path} has more than {at_most:,} bytes")
    with reading(path):
        if path.suffix != ".gz":
            return path.read_bytes()
        try:
            pieces = bytearray()
            with gzip.open(path) as file:
                while len(pieces) <= at_most and (piece := file.read(PIECE)):
                    pieces += piece
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise UserError(f"{path} is not a whole gzip file") from None
    if len(pieces) > at_most:
        raise UserError(f"{path} unpacks to more than {at_most:,} bytes")
    return bytes(pieces)


def text_of(path: Path, at_most: int) -> str:
    """A file's text, without the mark that some systems put before it."""
    with reading(path):
        return bytes_of(path, at_most).decode("utf-8-sig")


def refuse_brackets(text: str, path: Path | str) -> None:
    """A UserError for a text with more open brackets than makes sense: parsers take long over those."""
    still_open = 0
    for letter in text:
        still_open += (letter in "[{") - (letter in "]}")
        if still_open > BRACKETS:
            raise UserError(f"{path} is nested too deep")


def json_of(path: Path, at_most: int = RECORD) -> Any:
    """What a JSON file holds."""
    return parsed(text_of(path, at_most), path)


def parsed(text: str, path: Path | str) -> Any:
    """What a JSON text from a file holds, whose numbers are finite."""
    with reading(path):
        return json.loads(text, parse_constant=_refuse_constant)


def refuse_control_characters(value: Any) -> None:
    """A ValueError for a text, however deep in a record, that would do something to a terminal."""
    if isinstance(value, str):
        if objection := text_objection(value):
            raise ValueError(f"a text {objection}")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            refuse_control_characters(key)
            refuse_control_characters(each)
    elif isinstance(value, list):
        for each in value:
            refuse_control_characters(each)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


@dataclass(frozen=True)
class ArrayHead:
    """What the head of an array says."""

    shape: tuple[int, ...]
    dtype: "Any"
    fortran: bool

    @property
    def bytes(self) -> int:
        """What its numbers come to."""
        return prod(self.shape) * int(self.dtype.itemsize)


@contextmanager
def archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """An npz archive, whose members are neither encrypted nor packed in unusual ways."""
    regular(path)
    try:
        with reading(path), zipfile.ZipFile(path) as found:
            members = found.infolist()
            if any(each.flag_bits & ENCRYPTED or each.compress_type not in PLAIN for each in members):
                raise UserError(f"{path} is encrypted or packed in a way that numpy does not write")
            yield found
    except BROKEN_ZIP:
        raise UserError(f"{path} is not a whole npz file; get it again") from None


def head_of(member: IO[bytes], named: str, size: int) -> ArrayHead:
    """The head of an array of `size` bytes. A UserError for Python objects, or an array that lies about its size."""
    import numpy as np

    try:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(member)
        found = ArrayHead(tuple(shape), dtype, fortran)
    except (ValueError, TypeError, TokenError, SyntaxError, MemoryError, OverflowError):
        raise UserError(f"{named} is not a numpy array") from None
    if dtype.hasobject:
        raise UserError(f"{named} holds pickled objects, which could run code; it is refused")
    if any(each < 0 for each in shape) or found.bytes > size:
        raise UserError(f"{named} says that it has {found.bytes:,} bytes, and has {size:,}")
    return found


def array_in(members: zipfile.ZipFile, name: str, path: Path) -> "NDArray[Any]":
    """One array of an npz archive; a KeyError if it has none of that name."""
    import numpy as np

    each = members.getinfo(f"{name}.npy")
    with members.open(each) as member:
        head = head_of(member, f"{path}: {name}", each.file_size)
        data = member.read(head.bytes)
    if len(data) < head.bytes:
        raise EOFError
    flat: NDArray[Any] = np.frombuffer(bytearray(data), head.dtype)
    return flat.reshape(head.shape, order="F" if head.fortran else "C")


def arrays_of(path: Path) -> "dict[str, NDArray[Any]]":
    """All arrays of an npz archive."""
    with archive(path) as members:
        if sum(each.file_size for each in members.infolist()) > ARRAYS:
            raise UserError(f"{path} unpacks to more than {ARRAYS:,} bytes")
        names = [each.removesuffix(".npy") for each in members.namelist() if each.endswith(".npy")]
        return {name: array_in(members, name, path) for name in names}


def weights_head(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself in its head, which must be one."""
    size = regular(path)
    not_one = UserError(f"{path} is no safetensors file; write one with safetensors.torch.save_file")
    with reading(path), path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, HEADER):
            raise not_one
        try:
            head = parsed(file.read(length).decode("utf-8"), path)
        except (UserError, UnicodeError):
            raise not_one from None
    metadata = head.get("__metadata__", {}) if isinstance(head, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(each, str) for each in metadata.values()):
        raise not_one
    return metadata
