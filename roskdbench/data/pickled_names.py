"""What stands for the few functions and types that pickles of numpy's arrays and torch's tensors name."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 64 << 20
"""Of a file, and of what it unpacks to."""
NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
STORAGES = {
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
}
"""Torch's names for kinds of numbers."""


class RefusedError(Exception):
    """What a pickle asks for that no array needs."""


class Array:
    """Stands for an array, which is told what it holds after it is made."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def build(self, state: Any) -> None:
        """Shape, kind of number and bytes; of objects only what numpy.save makes of one dictionary."""
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, Dtype):
            raise RefusedError("holds an array of no known kind")
        if dtype.text != "O":
            self.value = array(content, dtype.text, shape, fortran)
        elif shape == () and type(content) is list and len(content) == 1:
            self.value = content[0]
        else:
            raise RefusedError("holds an array of objects")


def array(content: Any, text: str, shape: Any, fortran: Any = False) -> NDArray[Any]:
    """The numbers in some bytes, as many as the shape says."""
    raw = content.encode("latin1") if isinstance(content, str) else content
    _check_shape(shape)
    if not isinstance(raw, bytes | bytearray) or len(raw) != math.prod(shape) * int(text[-1]):
        raise RefusedError("has an array whose bytes do not fit its shape")
    found = np.frombuffer(raw, text).reshape(shape, order="F" if fortran else "C")
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def numbers(text: Any) -> str:
    """The kind of an array's numbers, such as i8; refused where they are none."""
    if not isinstance(text, str) or NUMBERS.fullmatch(text) is None:
        raise RefusedError(f"holds an array of {shown(text)}, which are no numbers")
    return text


def _check_shape(shape: Any) -> None:
    if type(shape) is not tuple or len(shape) > 8 or any(type(n) is not int or not 0 <= n <= MOST_BYTES for n in shape):
        raise RefusedError("has an array of no possible shape")


def shown(name: Any) -> str:
    """A name of a pickle's, fit for a line of text. What is no text is not written out: it may be endless."""
    text = name if isinstance(name, str) else type(name).__name__
    return "".join(each if each.isprintable() else "?" for each in text[:60])


class Dtype:
    """Stands for what numpy.dtype makes."""

    def __init__(self, text: Any, *_: Any) -> None:
        self.text = "O" if text in ("O", "O8") else numbers(text)

    def build(self, state: Any) -> None:
        """The order of its bytes."""
        _, order, *parts = state[:5]
        if parts != [None, None, None] or order not in ("<", ">", "|", "="):
            raise RefusedError("holds an array of more than numbers")
        self.text = self.text if self.text == "O" else order + self.text[-2:]


class Storage:
    """Stands for what a tensor's numbers are kept in."""

    def __init__(self, content: bytes, text: str) -> None:
        self.content, self.text = content, text


class Name:
    """Stands for a function or type that a pickle may name."""

    def __init__(self, call: Callable[..., Any] | None, storage: str = "") -> None:
        self.call, self.storage = call, storage


def _encoded(text: str, coding: str) -> bytes:
    if coding not in ("latin1", "latin-1"):
        raise RefusedError("holds bytes in an unknown coding")
    return text.encode("latin1")


def _tensor(storage: Any, start: int, shape: Any, steps: Any, *_: Any) -> Array:
    """A tensor that lies in its storage as numpy would lay it."""
    _check_shape(shape)
    if type(start) is not int:
        raise RefusedError("holds a tensor that begins nowhere")
    due = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    if not isinstance(storage, Storage) or any(
        size > 1 and step != wanted for size, step, wanted in zip(shape, steps, due, strict=True)
    ):
        raise RefusedError("holds a tensor that is a view of another; save a copy of it")
    size, count = int(storage.text[-1]), math.prod(shape)
    return Array(array(storage.content[start * size : (start + count) * size], storage.text, shape))


def _no_bytes() -> bytes:
    return b""


NAMES: dict[tuple[str, str], Name] = {
    ("__builtin__", "bytes"): Name(_no_bytes),
    ("builtins", "bytes"): Name(_no_bytes),
    ("numpy", "ndarray"): Name(None),
    ("numpy", "dtype"): Name(Dtype),
    ("_codecs", "encode"): Name(_encoded),
    ("collections", "OrderedDict"): Name(lambda: {}),
    ("torch._utils", "_rebuild_tensor_v2"): Name(_tensor),
    **{("torch", name): Name(None, kind) for name, kind in STORAGES.items()},
}
for _core in ("numpy.core", "numpy._core"):
    NAMES[f"{_core}.multiarray", "_reconstruct"] = Name(lambda *_: Array())
    NAMES[f"{_core}.multiarray", "scalar"] = Name(lambda dtype, content: array(content, dtype.text, ()).item())
    NAMES[f"{_core}.numeric", "_frombuffer"] = Name(
        lambda content, dtype, shape, order: Array(array(content, dtype.text, shape, order == "F"))
    )
