"""Going through a pickle without running anything that it says.

A pickle is a program: Python's own reader calls whatever function it names. The one here goes through the steps itself,
knows only those that arrays need, and takes the few functions that numpy's and torch's pickles name for code of its
own. Every other step or name is refused, and a pickle's steps and bytes are bounded.
"""

import io
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from roskdbench.data.pickled_names import MOST_BYTES, NAMES, Array, Dtype, Name, RefusedError, Storage, shown

MOST_MADE = 4 * MOST_BYTES
"""Bytes that the steps may make of a pickle's own, which they can name again and again."""
MOST_STEPS = 5_000_000

Tensors = Callable[[str, str], tuple[bytes, str]]
"""The bytes of a storage, and how they are to be read, by its kind and key."""


def unpickled(stream: io.BytesIO, tensors: Tensors | None = None) -> Any:
    """What the pickle that begins here makes: dictionaries, lists, tuples, texts, numbers and `Array`. RefusedError for
    one that asks for more; ValueError, LookupError, TypeError, AttributeError or OverflowError for one that is broken.
    """
    return _Reader(tensors).read(stream)


class _Reader:
    """A pickle's stack and memory, and what each step does to them."""

    def __init__(self, tensors: Tensors | None) -> None:
        self.tensors = tensors
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memory: dict[int, Any] = {}
        self.made = 0

    def read(self, stream: io.BytesIO) -> Any:
        """What is on top of the stack in the end."""
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name in LITERALS:
                self.stack.append(argument)
            elif opcode.name in STEPS:
                STEPS[opcode.name](self, argument)
            elif opcode.name not in SILENT:
                raise RefusedError(f"has the step {opcode.name}")
            if number > MOST_STEPS:
                raise RefusedError(f"has more than {MOST_STEPS:,} steps")
        return self.stack.pop()

    def mark(self) -> None:
        """Begin the items of a list, tuple or dictionary."""
        self.below.append(self.stack)
        self.stack = []

    def items(self) -> list[Any]:
        """Those since the mark."""
        found, self.stack = self.stack, self.below.pop()
        return found

    def push(self, thing: Any) -> None:
        """Lay on top of the stack as it is now."""
        self.stack.append(thing)

    def last(self, count: int) -> tuple[Any, ...]:
        """So many things from the top."""
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        return found

    def extend(self, items: list[Any]) -> None:
        """Add to a list."""
        if type(self.stack[-1]) is not list:
            raise RefusedError("adds to what is no list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        """Add to a dictionary."""
        if type(self.stack[-1]) is not dict:
            raise RefusedError("adds to what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):
                raise RefusedError("has a dictionary whose names are no texts")
            self.stack[-1][key] = value

    def name(self, module: Any, name: Any) -> None:
        """A function or type, if it is one of those that arrays need."""
        known = NAMES.get((module, name)) if type(module) is type(name) is str else None
        if known is None:
            raise RefusedError(f"asks for {shown(module)}.{shown(name)}, which could run code")
        self.stack.append(known)

    def call(self) -> None:
        """What stands for the function, called with a tuple of arguments."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or function.call is None or type(arguments) is not tuple:
            raise RefusedError("calls what is no function of numpy's or torch's")
        self.push(self.counted(function.call(*arguments)))

    def build(self) -> None:
        """Tell an array or its kind of number what it holds."""
        state = self.stack.pop()
        if type(self.stack[-1]) not in (Array, Dtype) or type(state) is not tuple:
            raise RefusedError("changes what is no array")
        self.stack[-1].build(state)
        self.counted(self.stack[-1])

    def counted(self, thing: Any) -> Any:
        """What was made, if there is not too much of it by now."""
        content = thing.value if isinstance(thing, Array) else thing
        self.made += (
            content.nbytes if isinstance(content, np.ndarray) else len(content) if type(content) is bytes else 0
        )
        if self.made > MOST_MADE:
            raise RefusedError(f"makes more than {MOST_MADE >> 20} MB of itself")
        return thing

    def outside(self) -> None:
        """The storage of a tensor, which lies beside the pickle."""
        if self.tensors is None:
            raise RefusedError("holds tensors in the form of torch before 1.6 (save them as arrays)")
        key = self.stack.pop()
        known = type(key) is tuple and len(key) >= 3 and key[0] == "storage" and type(key[1]) is Name
        if not known or not key[1].storage or type(key[2]) is not str or not re.fullmatch("[0-9]{1,9}", key[2]):
            raise RefusedError("asks for something outside of itself")
        self.stack.append(Storage(*self.tensors(key[1].storage, key[2])))


SILENT = {"PROTO", "FRAME", "STOP"}
LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
STEPS: dict[str, Callable[[_Reader, Any], Any]] = {
    "NONE": lambda reader, _: reader.push(None),
    "NEWTRUE": lambda reader, _: reader.push(True),
    "NEWFALSE": lambda reader, _: reader.push(False),
    "EMPTY_LIST": lambda reader, _: reader.push([]),
    "EMPTY_TUPLE": lambda reader, _: reader.push(()),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "MARK": lambda reader, _: reader.mark(),
    "TUPLE": lambda reader, _: reader.push(tuple(reader.items())),
    "TUPLE1": lambda reader, _: reader.push(reader.last(1)),
    "TUPLE2": lambda reader, _: reader.push(reader.last(2)),
    "TUPLE3": lambda reader, _: reader.push(reader.last(3)),
    "APPEND": lambda reader, _: reader.extend([reader.stack.pop()]),
    "APPENDS": lambda reader, _: reader.extend(reader.items()),
    "SETITEM": lambda reader, _: reader.update([reader.stack.pop(-2), reader.stack.pop()]),
    "SETITEMS": lambda reader, _: reader.update(reader.items()),
    "GLOBAL": lambda reader, text: reader.name(*text.split(" ", 1)),
    "STACK_GLOBAL": lambda reader, _: reader.name(reader.stack.pop(-2), reader.stack.pop()),
    "REDUCE": lambda reader, _: reader.call(),
    "BUILD": lambda reader, _: reader.build(),
    "BINPERSID": lambda reader, _: reader.outside(),
    "BINPUT": lambda reader, place: reader.memory.update({place: reader.stack[-1]}),
    "LONG_BINPUT": lambda reader, place: reader.memory.update({place: reader.stack[-1]}),
    "MEMOIZE": lambda reader, _: reader.memory.update({len(reader.memory): reader.stack[-1]}),
    "BINGET": lambda reader, place: reader.push(reader.memory[place]),
    "LONG_BINGET": lambda reader, place: reader.push(reader.memory[place]),
}
